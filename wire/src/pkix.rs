//! The two glances that a token takes into PKIX structures: whom a certification request names, and which key a
//! certificate is for, of whom, for how long and under which number. Source: RFC 2986, 4.1; RFC 5280, 4.1. The token
//! parses no more of X.509 than this.

use alloc::{string::String, vec::Vec};
use der::{
    Decode, Reader, SliceReader, Tag, TagNumber, Tagged,
    asn1::{AnyRef, ObjectIdentifier},
};

use crate::Malformed;

/// A CertificationRequestInfo, borrowed from its DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificationRequestInfo<'a> {
    /// The subject's attributes in order: type, and value as text.
    pub subject: Vec<(ObjectIdentifier, String)>,
    /// The whole SubjectPublicKeyInfo, DER.
    pub public_key: &'a [u8],
    /// What the attributes field contains; empty for no attribute.
    pub attributes: &'a [u8],
}

/// How many attributes a subject may have; more is not a person's name.
const MAX_ATTRIBUTES: usize = 16;

impl<'a> CertificationRequestInfo<'a> {
    /// Reads a whole CertificationRequestInfo, version 0, with its attributes field.
    ///
    /// # Errors
    /// Anything else, bytes after it, or a subject that is empty or not text.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut subject = Vec::new();
        let mut public_key: &[u8] = &[];
        let mut attributes_value: &[u8] = &[];
        let whole = |reader: &mut SliceReader<'a>| {
            reader.sequence(|reader| -> der::Result<()> {
                if u8::decode(reader)? != 0 {
                    return Err(reader.error(der::ErrorKind::Value { tag: Tag::Integer }));
                }
                subject = name(reader)?;
                public_key = sequence_bytes(reader)?;
                let attributes = AnyRef::decode(reader)?;
                let expected = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
                attributes.tag().assert_eq(expected)?;
                attributes_value = attributes.value();
                Ok(())
            })
        };
        read(bytes, whole).map_err(|_| Malformed::new("CertificationRequestInfo", "not RFC 2986, 4.1"))?;
        if subject.is_empty() {
            return Err(Malformed::new("CertificationRequestInfo", "names no subject"));
        }
        Ok(Self { subject, public_key, attributes: attributes_value })
    }
}

/// What a token looks at in a certificate, borrowed from its DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The serial number: the INTEGER's content, big-endian, in as many bytes as it has.
    pub serial_number: &'a [u8],
    /// The whole Validity, DER.
    pub validity: &'a [u8],
    /// The subject, a whole Name, DER.
    pub subject: &'a [u8],
    /// The whole SubjectPublicKeyInfo, DER.
    pub public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads one whole certificate of version 2 or 3.
    ///
    /// # Errors
    /// Anything else, or bytes after it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        walk_certificate(bytes, Versions::WithExtensions)
            .map_err(|_| Malformed::new("certificate", "not RFC 5280, 4.1, version 2 or 3"))
    }

    /// The subject's attributes in order: type, and value as text.
    ///
    /// # Errors
    /// A subject that is empty or not text.
    pub fn holder(&self) -> Result<Vec<(ObjectIdentifier, String)>, Malformed> {
        match read(self.subject, name) {
            Ok(subject) if !subject.is_empty() => Ok(subject),
            _ => Err(Malformed::new("certificate", "names no subject that is text")),
        }
    }

    /// Whether the serial number is one: positive, of at most 20 bytes (RFC 5280, 4.1.2.2).
    pub fn has_serial_number(&self) -> bool {
        let positive = self.serial_number.first().is_some_and(|first| *first < 0x80);
        let not_zero = self.serial_number.iter().any(|byte| *byte != 0);
        positive && not_zero && self.serial_number.len() <= 20
    }
}

/// The whole SubjectPublicKeyInfo of a certificate, DER.
///
/// # Errors
/// Bytes that are not one whole certificate.
pub fn certificate_public_key(bytes: &[u8]) -> Result<&[u8], Malformed> {
    Certificate::parse(bytes).map(|certificate| certificate.public_key)
}

/// What a SubjectPublicKeyInfo holds inside its BIT STRING (RFC 5280, 4.1.2.7): of an elliptic key the point.
///
/// # Errors
/// Bytes that are not one whole SubjectPublicKeyInfo, or a key that is not whole bytes.
pub fn public_key_bits(info: &[u8]) -> Result<&[u8], Malformed> {
    let whole = |reader: &mut SliceReader<'_>| {
        reader.sequence(|info| -> der::Result<usize> {
            sequence_bytes(info)?;
            let bits = AnyRef::decode(info)?;
            bits.tag().assert_eq(Tag::BitString)?;
            match bits.value() {
                [0, key @ ..] => Ok(key.len()),
                _ => Err(Tag::BitString.value_error().into()),
            }
        })
    };
    let length =
        read(info, whole).map_err(|_| Malformed::new("SubjectPublicKeyInfo", "not RFC 5280, 4.1"))?;
    // The BIT STRING ends the structure, so its content ends the bytes.
    Ok(info.get(info.len().saturating_sub(length)..).unwrap_or_default())
}

/// The whole SubjectPublicKeyInfo of a certificate of any version, DER. A certificate that a host keeps beside its own key may
/// be of version 1, which `openssl x509 -req` makes where it is given no extensions. A certificate that anything is trusted
/// for has to go through [`certificate_public_key`].
///
/// # Errors
/// As [`certificate_public_key`].
pub fn any_certificate_public_key(bytes: &[u8]) -> Result<&[u8], Malformed> {
    match walk_certificate(bytes, Versions::All) {
        Ok(certificate) => Ok(certificate.public_key),
        Err(_) => Err(Malformed::new("certificate", "not RFC 5280, 4.1")),
    }
}

/// Whether a certificate begins before 1970, as years 50 to 69 of UTCTime and all of GeneralizedTime can say (RFC 5280, 4.1.2.5).
/// What reads certificates on the host counts seconds from 1970, and holds no such time.
pub fn begins_before_1970(bytes: &[u8]) -> bool {
    let Ok(certificate) = walk_certificate(bytes, Versions::All) else { return false };
    let begin = |reader: &mut SliceReader<'_>| {
        reader.sequence(|validity| -> der::Result<bool> {
            let (begin, _end) = (AnyRef::decode(validity)?, AnyRef::decode(validity)?);
            Ok(match begin.tag() {
                Tag::UtcTime => matches!(begin.value(), [b'5' | b'6', _, ..]),
                Tag::GeneralizedTime => begin.value().get(..4).is_some_and(|year| *year < b"1970"[..]),
                _ => false,
            })
        })
    };
    read(certificate.validity, begin).unwrap_or(false)
}

/// Which versions of certificates are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// Version 2 or 3.
    WithExtensions,
    /// Version 1 too.
    All,
}

fn walk_certificate(bytes: &[u8], versions: Versions) -> der::Result<Certificate<'_>> {
    let mut reader = SliceReader::new(bytes)?;
    let found = reader.sequence(|certificate| -> der::Result<Certificate<'_>> {
        let found = certificate.sequence(|tbs| -> der::Result<Certificate<'_>> {
            // [0] EXPLICIT Version: only version 1 has none, and it has no extensions either.
            let first = AnyRef::decode(tbs)?;
            let version_1 = versions == Versions::All && first.tag() == Tag::Integer;
            let serial_number = if version_1 {
                first
            } else {
                let version = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
                first.tag().assert_eq(version)?;
                AnyRef::decode(tbs)?
            };
            serial_number.tag().assert_eq(Tag::Integer)?;
            let serial_number = serial_number.value();
            for _field in ["signature", "issuer"] {
                sequence_bytes(tbs)?;
            }
            let [validity, subject, public_key] =
                [sequence_bytes(tbs)?, sequence_bytes(tbs)?, sequence_bytes(tbs)?];
            while !tbs.is_finished() && !version_1 {
                AnyRef::decode(tbs)?; // issuerUniqueID, subjectUniqueID, extensions
            }
            Ok(Certificate { serial_number, validity, subject, public_key })
        })?;
        sequence_bytes(certificate)?; // signatureAlgorithm
        AnyRef::decode(certificate)?.tag().assert_eq(Tag::BitString)?;
        Ok(found)
    })?;
    reader.finish()?;
    Ok(found)
}

fn read<'a, T>(bytes: &'a [u8], body: impl FnOnce(&mut SliceReader<'a>) -> der::Result<T>) -> der::Result<T> {
    let mut reader = SliceReader::new(bytes)?;
    let value = body(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// One SEQUENCE, whole, not looked into.
fn sequence_bytes<'a>(reader: &mut SliceReader<'a>) -> der::Result<&'a [u8]> {
    let bytes = reader.tlv_bytes()?;
    AnyRef::from_der(bytes)?.tag().assert_eq(Tag::Sequence)?;
    Ok(bytes)
}

/// A Name: RDNSequence of SETs of AttributeTypeAndValue (RFC 5280, 4.1.2.4).
fn name(reader: &mut SliceReader<'_>) -> der::Result<Vec<(ObjectIdentifier, String)>> {
    let mut attributes = Vec::new();
    reader.sequence(|names| -> der::Result<()> {
        while !names.is_finished() {
            let set = AnyRef::decode(names)?;
            set.tag().assert_eq(Tag::Set)?;
            let mut set = SliceReader::new(set.value())?;
            while !set.is_finished() {
                let attribute = set.sequence(|pair| -> der::Result<(ObjectIdentifier, String)> {
                    Ok((ObjectIdentifier::decode(pair)?, directory_string(AnyRef::decode(pair)?)?))
                })?;
                if attributes.len() >= MAX_ATTRIBUTES {
                    return Err(set.error(der::ErrorKind::Overlength));
                }
                attributes.push(attribute);
            }
        }
        Ok(())
    })?;
    Ok(attributes)
}

/// The forms of DirectoryString (RFC 5280, 4.1.2.4) that are text without guessing.
fn directory_string(value: AnyRef<'_>) -> der::Result<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<String>(),
        Tag::PrintableString => {
            value.decode_as::<der::asn1::PrintableStringRef<'_>>().map(|s| s.as_str().into())
        }
        Tag::Ia5String => value.decode_as::<der::asn1::Ia5StringRef<'_>>().map(|s| s.as_str().into()),
        tag => Err(tag.value_error().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString, vec};
    use hex_literal::hex;
    use proptest::prelude::*;

    /// The key of both vectors, as `openssl pkey -pubout` writes it.
    const KEY: &[u8] = &hex!(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004f5c674449ce0de59bf8029edd0b05212ea771eddda820b"
        "56f51aa7eb326f79a6d8aca0dc86b5a1ba57b00fe96634b319c8a14898f126cf69a724299a5e51fe75"
    );

    /// The signed part of a request by `openssl req -new -utf8`.
    const REQUEST: &[u8] = &hex!(
        "3081cc020100306a310b300906035504061302434e311b3019060355040a0c12552d736869656c6420546573742042616e6b"
        "310f300d06035504030c06e5bca0e4b88931193017060355040513103632323230323030303030303030303131123010060a"
        "0992268993f22c6401010c0275313059301306072a8648ce3d020106082a8648ce3d03010703420004f5c674449ce0de59bf"
        "8029edd0b05212ea771eddda820b56f51aa7eb326f79a6d8aca0dc86b5a1ba57b00fe96634b319c8a14898f126cf69a72429"
        "9a5e51fe75a000"
    );

    /// A self-signed certificate by `openssl req -x509`.
    const CERTIFICATE: &[u8] = &hex!(
        "3082016e30820113a00302010202147908091a66fa85a1d1800d87072a7084a07eb4cd300a06082a8648ce3d040302300c31"
        "0a300806035504030c0154301e170d3236313132333232343532335a170d3336313132303232343532335a300c310a300806"
        "035504030c01543059301306072a8648ce3d020106082a8648ce3d03010703420004f5c674449ce0de59bf8029edd0b05212"
        "ea771eddda820b56f51aa7eb326f79a6d8aca0dc86b5a1ba57b00fe96634b319c8a14898f126cf69a724299a5e51fe75a353"
        "3051301d0603551d0e0416041422fa12090c2c9aefa4ac20cf642f4cdbcd52b61a301f0603551d2304183016801422fa1209"
        "0c2c9aefa4ac20cf642f4cdbcd52b61a300f0603551d130101ff040530030101ff300a06082a8648ce3d0403020349003046"
        "022100a99c2444b5b005f343d0d2945f990f5c88d64f6be63041eaaf6c114d4939c1af022100a4dd3ba36c4c8cd8cb61d2bc"
        "eb85a12eb6ca75f76e766fef81ab23ddc98ef913"
    );

    #[test]
    fn openssls_request() {
        let request = CertificationRequestInfo::parse(REQUEST).unwrap();
        let subject: Vec<_> =
            request.subject.iter().map(|(kind, value)| (kind.to_string(), &**value)).collect();
        let expected = [
            ("2.5.4.6", "CN"),
            ("2.5.4.10", "U-shield Test Bank"),
            ("2.5.4.3", "张三"),
            ("2.5.4.5", "6222020000000001"),
            ("0.9.2342.19200300.100.1.1", "u1"),
        ];
        assert_eq!(subject, expected.map(|(kind, value)| (kind.into(), value)));
        assert_eq!(request.public_key, KEY);
    }

    #[test]
    fn openssls_certificate() {
        let certificate = Certificate::parse(CERTIFICATE).unwrap();
        assert_eq!(certificate_public_key(CERTIFICATE).unwrap(), KEY);
        assert_eq!(any_certificate_public_key(CERTIFICATE).unwrap(), KEY);
        assert_eq!(certificate.public_key, KEY);
        assert_eq!(public_key_bits(KEY).unwrap(), &KEY[26..]);
        assert_eq!(certificate.subject, hex!("300C 310A 3008 0603550403 0C0154"));
        let validity = hex!("301E 170D 3236313132333232343532335A 170D 3336313132303232343532335A");
        assert_eq!(certificate.validity, validity);
        assert_eq!(certificate.serial_number, hex!("7908091A66FA85A1D1800D87072A7084A07EB4CD"));
        assert!(certificate.has_serial_number());
        let holder = certificate.holder().unwrap();
        assert_eq!(holder, [("2.5.4.3".parse().unwrap(), "T".to_string())]);
    }

    #[test]
    fn the_bits_of_a_public_key() {
        for length in 0..KEY.len() {
            assert!(public_key_bits(&KEY[..length]).is_err(), "{length}");
        }
        assert!(public_key_bits(&[KEY, &[0]].concat()).is_err());
        for wrong in
            [&hex!("3005 3000 030104")[..], &hex!("3004 3000 0300"), &hex!("3005 3000 040100"), REQUEST]
        {
            assert!(public_key_bits(wrong).is_err(), "{wrong:02X?}");
        }
        assert_eq!(public_key_bits(&hex!("3006 3000 03020007")), Ok(&[7][..]));
    }

    #[test]
    fn the_years_before_1970() {
        let of = |begin: &[u8]| {
            let end = tlv(0x17, &[b"360101000000Z"]);
            let none: &[u8] = &[0x30, 0];
            let tbs: [&[u8]; 7] =
                [&hex!("A003020102"), &[2, 1, 5], none, none, &tlv(0x30, &[begin, &end]), none, KEY];
            tlv(0x30, &[&tlv(0x30, &tbs), none, &hex!("03020001")])
        };
        for (tag, text, is_before) in [
            (0x17, &b"500101000000Z"[..], true),
            (0x17, b"691231235959Z", true),
            (0x17, b"700101000000Z", false),
            (0x17, b"490101000000Z", false),
            (0x18, b"19691231235959Z", true),
            (0x18, b"00000101000000Z", true),
            (0x18, b"19700101000000Z", false),
            (0x18, b"20500101000000Z", false),
            (0x17, b"5", false),
            (0x04, b"19500101000000Z", false),
        ] {
            let text_shown = text.escape_ascii();
            assert_eq!(begins_before_1970(&of(&tlv(tag, &[text]))), is_before, "{tag:x} {text_shown}");
        }
        assert!(!begins_before_1970(CERTIFICATE) && !begins_before_1970(REQUEST));
    }

    /// RFC 5280, 4.1.2.2 and 4.1.2.6.
    #[test]
    fn a_serial_number_and_a_holder() {
        let of = |serial: &[u8], subject: &[u8]| {
            let (none, time) = (tlv(0x30, &[]), tlv(0x30, &[]));
            let tbs: [&[u8]; 7] =
                [&hex!("A003020102"), &tlv(2, &[serial]), &none, &none, &time, &tlv(0x30, &[subject]), KEY];
            tlv(0x30, &[&tlv(0x30, &tbs), &none, &hex!("03020001")])
        };
        let name = attribute(0x0C, b"x");
        let long = [1; 20];
        for good in [&[1][..], &[0, 0x80], &long] {
            assert!(Certificate::parse(&of(good, &name)).unwrap().has_serial_number(), "{good:?}");
        }
        for bad in [&[][..], &[0], &[0x80], &[0xFF; 3], &[1; 21]] {
            let der = of(bad, &name);
            assert!(!Certificate::parse(&der).is_ok_and(|found| found.has_serial_number()), "{bad:?}");
        }
        for bad in
            [&[][..], &attribute(0x0C, b"\xFF"), &attribute(0x1E, b"\0x"), &hex!("0500"), &hex!("3100")]
        {
            assert!(Certificate::parse(&of(&[1], bad)).unwrap().holder().is_err(), "{bad:?}");
        }
    }

    /// Version 1, as `openssl x509 -req` writes it without extensions: a host may keep it, and nothing is trusted for it.
    #[test]
    fn version_1_is_for_a_hosts_own_keeping() {
        let sequence: &[u8] = &[0x30, 0];
        let of = |more: &[&[u8]]| {
            let fields = [&[2, 1, 5][..], sequence, sequence, sequence, sequence, KEY];
            let body = tlv(0x30, &[&fields[..], more].concat());
            tlv(0x30, &[&body, sequence, &[3, 1, 0]])
        };
        let version_1 = of(&[]);
        assert_eq!(any_certificate_public_key(&version_1).unwrap(), KEY);
        assert!(certificate_public_key(&version_1).is_err() && Certificate::parse(&version_1).is_err());
        // Nothing follows the key there, and no other field begins it.
        assert!(any_certificate_public_key(&of(&[&[0xA3, 0]])).is_err());
        assert!(any_certificate_public_key(REQUEST).is_err());
        for length in 0..version_1.len() {
            assert!(any_certificate_public_key(&version_1[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_cut_or_grown_is_refused() {
        for length in 0..REQUEST.len() {
            assert!(CertificationRequestInfo::parse(&REQUEST[..length]).is_err(), "{length}");
        }
        for length in 0..CERTIFICATE.len() {
            assert!(certificate_public_key(&CERTIFICATE[..length]).is_err(), "{length}");
        }
        assert!(CertificationRequestInfo::parse(&[REQUEST, &[0]].concat()).is_err());
        assert!(certificate_public_key(&[CERTIFICATE, &[0]].concat()).is_err());
        // A certificate is no request, and a request is no certificate.
        assert!(CertificationRequestInfo::parse(CERTIFICATE).is_err());
        assert!(certificate_public_key(REQUEST).is_err());
    }

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        match body.len() {
            0..0x80 => [&[tag, length[1]], &*body].concat(),
            0x80..0x100 => [&[tag, 0x81, length[1]], &*body].concat(),
            _ => [&[tag, 0x82, length[0], length[1]], &*body].concat(),
        }
    }

    /// A CommonName of this string type.
    fn attribute(tag: u8, value: &[u8]) -> Vec<u8> {
        tlv(0x31, &[&tlv(0x30, &[&hex!("0603550403"), &tlv(tag, &[value])])])
    }

    fn request(version: &[u8], names: &[u8], rest: &[&[u8]]) -> Vec<u8> {
        tlv(0x30, &[&[version, &tlv(0x30, &[names]), KEY], rest].concat())
    }

    #[test]
    fn only_rfc_2986() {
        let read = |bytes: &[u8]| CertificationRequestInfo::parse(bytes).map(|request| request.subject.len());
        let (zero, name, none): (&[u8], _, &[u8]) = (&hex!("020100"), attribute(0x0C, b"x"), &hex!("A000"));
        assert_eq!(read(&request(zero, &name, &[none])), Ok(1));
        assert!(read(&request(&hex!("020101"), &name, &[none])).is_err(), "version");
        assert!(read(&request(zero, &name, &[])).is_err(), "no attributes field");
        assert!(read(&request(zero, &name, &[&hex!("8000")])).is_err(), "attributes, primitive");
        assert!(read(&request(zero, &name, &[&hex!("A100")])).is_err(), "another field");
        assert!(read(&request(zero, &name, &[none, none])).is_err(), "a field too many");
        assert!(read(&request(zero, &[], &[none])).is_err(), "no subject");
        assert!(read(&request(zero, &hex!("3100"), &[none])).is_err(), "no subject, in a SET");
        assert!(read(&request(zero, &hex!("3000"), &[none])).is_err(), "a SEQUENCE for a SET");
        // The string types that need no guess; TeletexString and BMPString do.
        for (tag, value) in [(0x0C, "张".as_bytes()), (0x13, b"x"), (0x16, b"x@y")] {
            assert_eq!(read(&request(zero, &attribute(tag, value), &[none])), Ok(1), "{tag:x}");
        }
        for (tag, value) in [(0x0C, &b"\xFF"[..]), (0x13, b"x@y"), (0x14, b"x"), (0x1E, b"\0x"), (0x04, b"x")]
        {
            assert!(read(&request(zero, &attribute(tag, value), &[none])).is_err(), "{tag:x}");
        }
        assert_eq!(read(&request(zero, &name.repeat(MAX_ATTRIBUTES), &[none])), Ok(MAX_ATTRIBUTES));
        assert!(read(&request(zero, &name.repeat(MAX_ATTRIBUTES + 1), &[none])).is_err(), "too many");
        let long = vec![b'x'; 300];
        let parsed = request(zero, &attribute(0x0C, &long), &[none]);
        assert_eq!(CertificationRequestInfo::parse(&parsed).unwrap().subject[0].1.len(), 300);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0_usize..200, to in any::<u8>()) {
            prop_assert!(CertificationRequestInfo::parse(&bytes).is_err());
            prop_assert!(certificate_public_key(&bytes).is_err());
            let (mut request, mut certificate) = (REQUEST.to_vec(), CERTIFICATE.to_vec());
            (request[at], certificate[at]) = (to, to);
            // What is found lies in what was given.
            if let Ok(found) = CertificationRequestInfo::parse(&request) {
                let text = format!("{:?}", found.subject);
                prop_assert!(!found.subject.is_empty() && !text.is_empty());
                prop_assert!(request.windows(found.public_key.len()).any(|window| window == found.public_key));
            }
            if let Ok(found) = certificate_public_key(&certificate) {
                prop_assert!(certificate.windows(found.len()).any(|window| window == found));
            }
        }
    }
}
