//! The two glances that a token takes into PKIX structures: whom a certification request names, and which key a
//! certificate is for. Source: RFC 2986, 4.1; RFC 5280, 4.1. The token parses no more of X.509 than this.

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
                Ok(())
            })
        };
        read(bytes, whole).map_err(|_| Malformed::new("CertificationRequestInfo", "not RFC 2986, 4.1"))?;
        if subject.is_empty() {
            return Err(Malformed::new("CertificationRequestInfo", "names no subject"));
        }
        Ok(Self { subject, public_key })
    }
}

/// The whole SubjectPublicKeyInfo of a certificate, DER.
///
/// # Errors
/// Bytes that are not one whole certificate.
pub fn certificate_public_key(bytes: &[u8]) -> Result<&[u8], Malformed> {
    walk_certificate(bytes).map_err(|_| Malformed::new("certificate", "not RFC 5280, 4.1, version 2 or 3"))
}

fn walk_certificate(bytes: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(bytes)?;
    let public_key = reader.sequence(|certificate| -> der::Result<&[u8]> {
        let public_key = certificate.sequence(|tbs| -> der::Result<&[u8]> {
            // [0] EXPLICIT Version: only version 1 has none, and it has no extensions either.
            AnyRef::decode(tbs)?
                .tag()
                .assert_eq(Tag::ContextSpecific { constructed: true, number: TagNumber(0) })?;
            AnyRef::decode(tbs)?.tag().assert_eq(Tag::Integer)?; // serialNumber
            for _field in ["signature", "issuer", "validity", "subject"] {
                sequence_bytes(tbs)?;
            }
            let public_key = sequence_bytes(tbs)?;
            while !tbs.is_finished() {
                AnyRef::decode(tbs)?; // issuerUniqueID, subjectUniqueID, extensions
            }
            Ok(public_key)
        })?;
        sequence_bytes(certificate)?; // signatureAlgorithm
        AnyRef::decode(certificate)?.tag().assert_eq(Tag::BitString)?;
        Ok(public_key)
    })?;
    reader.finish()?;
    Ok(public_key)
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
