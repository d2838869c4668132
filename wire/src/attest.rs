//! Attestation: the certificates by which a token says of a key that it was made on it. Templates of DER; the token
//! fills in keys, serial numbers and signatures, and holds no X.509 library. Source: RFC 5280, 4; RFC 5758, 3.2.
//!
//! ```text
//! TEST factory CA of the brand  ──signs──▸  the token's own certificate (PIV F9)  ──signs──▸  a statement on a key
//! ```
//!
//! A statement carries the extensions that stock tools look for in Yubico's (developers.yubico.com, "PIV attestation")
//! and one of ours, [`KeyDescription`], which says what theirs leaves open: the container, whether the key waits for
//! its certificate, and what the holder must do before it signs.

use alloc::{string::String, vec::Vec};
use der::{Decode, Encode, Enumerated, Sequence, asn1::ObjectIdentifier};

use crate::{Malformed, algorithm::KeyAlgorithm, piv::PinPolicy, tlv};

/// The algorithm of factories' and tokens' attestation keys.
pub const ALGORITHM: KeyAlgorithm = KeyAlgorithm::P256;

/// id-ushield-keyDescription, in RFC 5612's arc for documentation (docs/decisions/0003-object-identifiers.md).
pub const KEY_DESCRIPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.20.3");
/// Yubico's: the version, three bytes as they are.
pub const YUBICO_VERSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.3");
/// Yubico's: the token's serial number, an INTEGER.
pub const YUBICO_SERIAL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.7");
/// Yubico's: PIN policy and touch policy, a byte each.
pub const YUBICO_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");

/// The CommonName of a brand's test factory CA: nobody can take it for a real one.
pub const FACTORY_NAME: &str = "TEST factory CA";
/// The CommonName of a token's own certificate.
pub const TOKEN_NAME: &str = "TEST token attestation";
/// What the CommonName of a statement begins with; the container's name follows.
pub const STATEMENT_NAME: &str = "TEST token attestation ";

/// Whether the key is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u32)]
pub enum Standing {
    /// It is the container's key.
    Current = 0,
    /// It waits for its certificate.
    Pending = 1,
}

/// Where the key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u32)]
pub enum Origin {
    /// It was made on the token. A token attests no other.
    Generated = 1,
    /// It came from outside.
    Imported = 2,
}

/// When the key wants the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u32)]
pub enum Pin {
    /// Never.
    Never = 1,
    /// Once since the last reset.
    Once = 2,
    /// Just before each use.
    Always = 3,
}

impl From<PinPolicy> for Pin {
    fn from(policy: PinPolicy) -> Self {
        match policy {
            PinPolicy::Never => Self::Never,
            PinPolicy::Once => Self::Once,
            PinPolicy::Always => Self::Always,
        }
    }
}

/// What the holder must do besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u32)]
pub enum Confirmation {
    /// Nothing.
    Nothing = 1,
    /// Look at the token's screen and press OK, each time.
    Screen = 2,
}

/// What a token says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct KeyDescription {
    /// The container's reference (`crate::shield::Container`).
    pub container: u8,
    /// Whether it is in use.
    pub standing: Standing,
    /// Where it comes from.
    pub origin: Origin,
    /// When it wants the PIN.
    pub pin: Pin,
    /// What the holder must confirm.
    pub confirmation: Confirmation,
}

impl KeyDescription {
    /// Reads the extension's value.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::from_der(bytes)
            .map_err(|_| Malformed::new("key description", "not the DER of a KeyDescription"))
    }

    fn bytes(&self) -> Vec<u8> {
        self.to_der().unwrap_or_default() // five small numbers: there is nothing to fail on
    }
}

/// A statement on a key, before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// A random number: the certificate's serial number.
    pub number: [u8; 16],
    /// The subject of the token's own certificate, DER.
    pub issuer: &'a [u8],
    /// The validity of the token's own certificate, DER: a token has no clock.
    pub validity: &'a [u8],
    /// The key identifier of the token's attestation key.
    pub issuer_key: [u8; 20],
    /// The container's name.
    pub name: &'a str,
    /// The key, SubjectPublicKeyInfo in DER.
    pub public_key: &'a [u8],
    /// The version of the command set, as tools know it.
    pub version: [u8; 3],
    /// The token's serial number.
    pub serial: u32,
    /// What is said of the key.
    pub description: KeyDescription,
}

impl Statement<'_> {
    /// The TBSCertificate, DER: what is signed.
    pub fn tbs(&self) -> Vec<u8> {
        let mut subject = String::from(STATEMENT_NAME);
        subject.push_str(self.name);
        let policy = [self.description.pin as u8, self.description.confirmation as u8];
        let extensions = [
            authority_key(&self.issuer_key),
            extension(YUBICO_VERSION, false, &self.version),
            extension(YUBICO_SERIAL, false, &integer(&self.serial.to_be_bytes())),
            extension(YUBICO_POLICY, false, &policy),
            extension(KEY_DESCRIPTION, false, &self.description.bytes()),
        ];
        let subject = name(&[(COMMON_NAME, UTF8, &subject)]);
        tbs(&self.number, self.issuer, self.validity, &subject, self.public_key, &extensions.concat())
    }
}

/// The token's own certificate, before the factory signs it: TBSCertificate, DER.
pub fn token(
    number: [u8; 16],
    brand: &str,
    serial: &str,
    public_key: &[u8],
    key: &[u8; 20],
    factory_key: &[u8; 20],
) -> Vec<u8> {
    let subject = name(&[
        (ORGANISATION, UTF8, shortened(brand)),
        (COMMON_NAME, UTF8, TOKEN_NAME),
        (SERIAL_NUMBER, PRINTABLE, serial),
    ]);
    let extensions =
        [authority(0), extension(KEY_USAGE, true, CERT_SIGN), own_key(key), authority_key(factory_key)];
    tbs(&number, &factory_name(brand), VALIDITY, &subject, public_key, &extensions.concat())
}

/// The certificate of a brand's test factory CA, before it signs itself: TBSCertificate, DER.
pub fn factory(brand: &str, public_key: &[u8], key: &[u8; 20]) -> Vec<u8> {
    let name = factory_name(brand);
    let extensions = [authority(1), extension(KEY_USAGE, true, CERT_SIGN), own_key(key)];
    tbs(&[1], &name, VALIDITY, &name, public_key, &extensions.concat())
}

/// What a brand's test factory key follows from: its SHA-256 is the scalar, for the first `counter` from 0 for which
/// it is one of P-256. It is no secret: whoever has this line can certify tokens, which is why the CA is a TEST one.
pub fn factory_seed(brand: &str, counter: u8) -> Vec<u8> {
    let mut seed = b"ushield TEST factory CA\0".to_vec();
    seed.extend_from_slice(brand.as_bytes());
    seed.push(counter);
    seed
}

/// A certificate: what was signed, and the signature over it by a key of [`ALGORITHM`], DER.
pub fn certificate(tbs: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut out = tbs.to_vec();
    out.extend_from_slice(&signature_algorithm());
    tlv::put(&mut out, BIT_STRING, &[&[0], signature].concat());
    tlv::object(SEQUENCE, &out)
}

// X.690, 8.1.2 and 11.
const SEQUENCE: u32 = 0x30;
const SET: u32 = 0x31;
const INTEGER: u32 = 0x02;
const BIT_STRING: u32 = 0x03;
const OCTET_STRING: u32 = 0x04;
const OBJECT_IDENTIFIER: u32 = 0x06;
const UTF8: u32 = 0x0C;
const PRINTABLE: u32 = 0x13;

/// From 2025 on, without an end (RFC 5280, 4.1.2.5): neither token nor factory has a clock.
const VALIDITY: &[u8] = b"\x30\x20\x17\x0D250101000000Z\x18\x0F99991231235959Z";
/// Version 3.
const VERSION: &[u8] = b"\xA0\x03\x02\x01\x02";

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SERIAL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.5");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");

/// KeyUsage keyCertSign, bit 5.
const CERT_SIGN: &[u8] = &[0x03, 0x02, 0x02, 0x04];
/// ub-organization-name (RFC 5280, appendix A.1), in characters.
const MOST_ORGANISATION: usize = 64;

fn tbs(
    number: &[u8],
    issuer: &[u8],
    validity: &[u8],
    subject: &[u8],
    public_key: &[u8],
    extensions: &[u8],
) -> Vec<u8> {
    let number = integer(number);
    let extensions = tlv::object(0xA3, &tlv::object(SEQUENCE, extensions));
    let fields =
        [VERSION, &number, &signature_algorithm(), issuer, validity, subject, public_key, &extensions]
            .concat();
    tlv::object(SEQUENCE, &fields)
}

/// The AlgorithmIdentifier of signatures by [`ALGORITHM`], without parameters (RFC 5758, 3.2).
fn signature_algorithm() -> Vec<u8> {
    ALGORITHM.signature().map(|oid| tlv::object(SEQUENCE, &identifier(oid))).unwrap_or_default()
}

/// A number that is not negative, in its shortest form (X.690, 8.3.2).
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1));
    let mut value = Vec::new();
    let rest = bytes.get(zeros..).unwrap_or_default();
    if rest.first().is_none_or(|byte| byte & 0x80 != 0) {
        value.push(0);
    }
    value.extend_from_slice(rest);
    tlv::object(INTEGER, &value)
}

fn identifier(oid: ObjectIdentifier) -> Vec<u8> {
    tlv::object(OBJECT_IDENTIFIER, oid.as_bytes())
}

fn name(attributes: &[(ObjectIdentifier, u32, &str)]) -> Vec<u8> {
    let mut sets = Vec::new();
    for (kind, string, text) in attributes {
        let pair = [identifier(*kind), tlv::object(*string, text.as_bytes())].concat();
        tlv::put(&mut sets, SET, &tlv::object(SEQUENCE, &pair));
    }
    tlv::object(SEQUENCE, &sets)
}

fn factory_name(brand: &str) -> Vec<u8> {
    name(&[(ORGANISATION, UTF8, shortened(brand)), (COMMON_NAME, UTF8, FACTORY_NAME)])
}

/// As much of a brand as an organisation's name may have.
fn shortened(brand: &str) -> &str {
    let end = brand.char_indices().nth(MOST_ORGANISATION).map_or(brand.len(), |(at, _)| at);
    brand.get(..end).unwrap_or(brand)
}

fn extension(kind: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut inside = identifier(kind);
    if critical {
        inside.extend_from_slice(&[0x01, 0x01, 0xFF]);
    }
    tlv::put(&mut inside, OCTET_STRING, value);
    tlv::object(SEQUENCE, &inside)
}

/// A CA with so many CAs below it.
fn authority(below: u8) -> Vec<u8> {
    let value = [0x01, 0x01, 0xFF, 0x02, 0x01, below];
    extension(BASIC_CONSTRAINTS, true, &tlv::object(SEQUENCE, &value))
}

fn own_key(key: &[u8; 20]) -> Vec<u8> {
    extension(SUBJECT_KEY, false, &tlv::object(OCTET_STRING, key))
}

fn authority_key(key: &[u8; 20]) -> Vec<u8> {
    extension(AUTHORITY_KEY, false, &tlv::object(SEQUENCE, &tlv::object(0x80, key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    const DESCRIPTION: KeyDescription = KeyDescription {
        container: 0x9A,
        standing: Standing::Pending,
        origin: Origin::Generated,
        pin: Pin::Once,
        confirmation: Confirmation::Nothing,
    };

    #[test]
    fn a_description_travels() {
        let bytes = DESCRIPTION.bytes();
        assert_eq!(bytes, hex!("3010 0202009A 0A0101 0A0101 0A0102 0A0101"));
        assert_eq!(KeyDescription::parse(&bytes), Ok(DESCRIPTION));
        for length in 0..bytes.len() {
            assert!(KeyDescription::parse(&bytes[..length]).is_err(), "{length}");
        }
        assert!(
            KeyDescription::parse(&hex!("3010 0202009A 0A0102 0A0101 0A0102 0A0101")).is_err(),
            "standing 2"
        );
        assert!(KeyDescription::parse(&[&bytes[..], &[0]].concat()).is_err());
    }

    /// X.690, 8.3.2: nine leading bits that are alike are one too many.
    #[test]
    fn integers_are_short_and_positive() {
        let table: [(&[u8], &[u8]); 6] = [
            (&[0, 0, 0, 7], &[2, 1, 7]),
            (&[0x7F, 1], &[2, 2, 0x7F, 1]),
            (&[0x80, 1], &[2, 3, 0, 0x80, 1]),
            (&[0, 0x80], &[2, 2, 0, 0x80]),
            (&[0, 0], &[2, 1, 0]),
            (&[], &[2, 1, 0]),
        ];
        for (bytes, expected) in table {
            assert_eq!(integer(bytes), expected, "{bytes:02X?}");
        }
    }

    /// Read by the `der` crate, field for field; the firmware's tests have openssl read whole certificates.
    #[test]
    fn a_certificate_is_der() {
        let key = hex!("3003 020107");
        let tbs = token([0x91; 16], "上海银行", "00C0FFEE", &key, &[1; 20], &[2; 20]);
        let whole = certificate(&tbs, &hex!("3006 020101 020102"));
        assert_eq!(crate::pkix::certificate_public_key(&whole).unwrap(), key);
        let statement = Statement {
            number: [0; 16],
            issuer: &hex!("3000"),
            validity: VALIDITY,
            issuer_key: [1; 20],
            name: "9a",
            public_key: &key,
            version: [5, 4, 3],
            serial: 0x00C0_FFEE,
            description: DESCRIPTION,
        };
        let whole = certificate(&statement.tbs(), &hex!("3006 020101 020102"));
        assert_eq!(crate::pkix::certificate_public_key(&whole).unwrap(), key);
    }

    #[test]
    fn the_signature_algorithm_is_ecdsa_with_sha256() {
        assert_eq!(signature_algorithm(), hex!("300A 0608 2A8648CE3D040302"));
    }

    #[test]
    fn a_long_brand_is_cut_at_a_character() {
        assert_eq!(shortened(&"行".repeat(80)), "行".repeat(64));
        assert_eq!(shortened("U-shield"), "U-shield");
    }
}
