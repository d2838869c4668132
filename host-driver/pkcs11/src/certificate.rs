//! The fields of an X.509 certificate that PKCS#11 shows as attributes (v2.40, 4.6.3), and the few DER structures
//! around public keys. Nothing here judges a certificate: one that cannot be parsed is shown without its fields.

use wire::tlv::{self, Reader, Tlv};

use crate::hash::Hash;

/// DER tags.
const INTEGER: u32 = 0x02;
const BIT_STRING: u32 = 0x03;
const OCTET_STRING: u32 = 0x04;
const NULL: [u8; 2] = [0x05, 0x00];
const SEQUENCE: u32 = 0x30;
/// [0] EXPLICIT Version.
const VERSION: u32 = 0xA0;

/// id-ecPublicKey (RFC 5480, 2.1.1).
const EC_PUBLIC_KEY: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
/// rsaEncryption (RFC 3279, 2.3.1).
const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

/// What stands in a certificate (RFC 5280, 4.1), each field with its tag and length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// serialNumber.
    pub serial: Vec<u8>,
    /// issuer.
    pub issuer: Vec<u8>,
    /// subject.
    pub subject: Vec<u8>,
    /// subjectPublicKeyInfo.
    pub public_key_info: Vec<u8>,
    /// notBefore and notAfter as YYYYMMDD. A date that is not written as RFC 5280, 4.1.2.5 says is left out.
    pub dates: [Option<[u8; 8]>; 2],
}

/// Reads the fields of a certificate; `None` when the bytes are no certificate.
pub fn fields(certificate: &[u8]) -> Option<Fields> {
    let certificate = tlv::only(certificate, SEQUENCE).ok()?;
    let body = tlv::find(certificate, SEQUENCE)?;
    let mut objects = Reader::new(body);
    let mut next = || objects.next()?.ok();
    let mut serial = next()?;
    if serial.tag == VERSION {
        serial = next()?;
    }
    let (_signature, issuer, validity, subject, spki) = (next()?, next()?, next()?, next()?, next()?);
    if serial.tag != INTEGER || [issuer, validity, subject, spki].iter().any(|object| object.tag != SEQUENCE)
    {
        return None;
    }
    let mut dates = Reader::new(validity.value).map_while(Result::ok).map(date);
    let again = |object: Tlv<'_>| tlv::object(object.tag, object.value);
    Some(Fields {
        serial: again(serial),
        issuer: again(issuer),
        subject: again(subject),
        public_key_info: again(spki),
        dates: [dates.next().flatten(), dates.next().flatten()],
    })
}

/// UTCTime (two digits of the year, 1950 to 2049) or GeneralizedTime (four).
fn date(time: Tlv<'_>) -> Option<[u8; 8]> {
    let mut day = [0; 8];
    match (time.tag, time.value) {
        (0x17, [digits @ .., _, _, _, _, _, _, b'Z']) if digits.len() == 6 => {
            day[..2].copy_from_slice(if digits[0] >= b'5' { b"19" } else { b"20" });
            day[2..].copy_from_slice(digits);
        }
        (0x18, [digits @ .., _, _, _, _, _, _, b'Z']) if digits.len() == 8 => day.copy_from_slice(digits),
        _ => return None,
    }
    day.iter().all(u8::is_ascii_digit).then_some(day)
}

/// An unsigned INTEGER out of big-endian bytes.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1))..];
    match bytes.first() {
        Some(0x80..) | None => tlv::object(INTEGER, &[&[0], bytes].concat()),
        Some(_) => tlv::object(INTEGER, bytes),
    }
}

/// CKA_EC_POINT of a point: in an OCTET STRING (Current Mechanisms v2.40, 2.3.3).
pub fn octet_string(point: &[u8]) -> Vec<u8> {
    tlv::object(OCTET_STRING, point)
}

/// The point in a CKA_EC_POINT. Some programs give the point bare: the first byte of a point, 04, is the tag of an
/// OCTET STRING, too.
pub fn point(value: &[u8]) -> &[u8] {
    tlv::only(value, OCTET_STRING).unwrap_or(value)
}

/// SubjectPublicKeyInfo of a point on the curve with these parameters (RFC 5480, 2).
pub fn ec_info(parameters: &[u8], point: &[u8]) -> Vec<u8> {
    info(&[EC_PUBLIC_KEY, parameters].concat(), point)
}

/// SubjectPublicKeyInfo of an RSA key (RFC 3279, 2.3.1).
pub fn rsa_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = tlv::object(SEQUENCE, &[integer(modulus), integer(exponent)].concat());
    info(&[RSA_ENCRYPTION, &NULL].concat(), &key)
}

fn info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let mut inside = tlv::object(SEQUENCE, algorithm);
    tlv::put(&mut inside, BIT_STRING, &[&[0], key].concat());
    tlv::object(SEQUENCE, &inside)
}

/// CKA_CHECK_VALUE of an object without arithmetic of its own: the first three bytes of its SHA-1 (v2.40, 4.6.3).
pub fn check_value(value: &[u8]) -> Vec<u8> {
    let mut digest = Hash::Sha1.of(&[value]);
    digest.truncate(3);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    /// A certificate's frame: [0] version 3, serial 5, an algorithm, issuer, validity, subject, key.
    fn certificate(validity: &[u8]) -> Vec<u8> {
        let body = [
            &hex!("A0 03 02 01 02  02 01 05  30 00  30 02 31 00")[..],
            &tlv::object(SEQUENCE, validity),
            &hex!("30 03 31 01 00  30 04 30 00 03 00"),
        ]
        .concat();
        tlv::object(SEQUENCE, &[tlv::object(SEQUENCE, &body), hex!("30 00 03 01 00").to_vec()].concat())
    }

    #[test]
    fn the_fields_of_a_certificate() {
        let validity = [tlv::object(0x17, b"260102030405Z"), tlv::object(0x18, b"20510102030405Z")].concat();
        let found = fields(&certificate(&validity)).unwrap();
        assert_eq!(found.serial, hex!("02 01 05"));
        assert_eq!(found.issuer, hex!("30 02 31 00"));
        assert_eq!(found.subject, hex!("30 03 31 01 00"));
        assert_eq!(found.public_key_info, hex!("30 04 30 00 03 00"));
        assert_eq!(found.dates, [Some(*b"20260102"), Some(*b"20510102")]);
        let old = [tlv::object(0x17, b"990102030405Z"), tlv::object(0x17, b"9901020304Z")].concat();
        assert_eq!(fields(&certificate(&old)).unwrap().dates, [Some(*b"19990102"), None]);
    }

    #[test]
    fn what_is_no_certificate() {
        let whole = certificate(&[]);
        for cut in 0..whole.len() {
            assert_eq!(fields(&whole[..cut]), None);
        }
        assert_eq!(fields(&hex!("30 02 30 00")), None);
    }

    #[test]
    fn integers_are_unsigned_and_short() {
        assert_eq!(integer(&hex!("00 00 7F")), hex!("02 01 7F"));
        assert_eq!(integer(&hex!("80")), hex!("02 02 00 80"));
        assert_eq!(integer(&hex!("00")), hex!("02 01 00"));
        assert_eq!(rsa_info(&[0xC3], &[1, 0, 1]).len(), 2 + 15 + 2 + 1 + 2 + 4 + 5);
    }

    #[test]
    fn points_bare_and_wrapped() {
        let bare = [&[4_u8][..], &[1; 64]].concat();
        assert_eq!(point(&octet_string(&bare)), bare);
        assert_eq!(point(&bare), bare);
    }
}
