//! The one form of CMS SignedData that carries a payment order. Source: RFC 5652, 5; RFC 5754, 2.2 and 3.3.
//!
//! Reading keeps slices only. At the end the document is written again and compared with the bytes that came: any other encoding
//! is refused, and no list of possible differences is needed.

use der::{
    AnyRef, Decode, DecodeValue, Encode, EncodeValue, FixedTag, Header, Length, Reader, Sequence,
    SliceReader, Tag, Tagged, Writer,
    asn1::{ObjectIdentifier, OctetStringRef},
};

use crate::{Reason, algorithm::Scheme};

/// Longest document, in bytes: an order of 2 KiB and a few certificates.
pub const MAX_DOCUMENT: usize = 16 * 1024;
/// Most certificates in a document.
pub const MAX_CERTIFICATES: usize = 8;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

/// What a document holds. The certificates are in the order of DER's SET OF.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    pub(crate) order: &'a [u8],
    pub(crate) certificates: Vec<&'a [u8]>,
    /// The signer's among them.
    pub(crate) signer: &'a [u8],
    pub(crate) scheme: Scheme,
    pub(crate) signature: &'a [u8],
}

#[derive(Sequence)]
struct ContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData<'a>,
}

#[derive(Sequence)]
struct SignedData<'a> {
    version: u8,
    digest_algorithms: Elements<'a>,
    content: EncapsulatedContentInfo<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    certificates: Option<Elements<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    crls: Option<Elements<'a>>,
    signers: Elements<'a>,
}

#[derive(Sequence)]
struct EncapsulatedContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    content: Option<&'a OctetStringRef>,
}

#[derive(Sequence)]
struct SignerInfo<'a> {
    version: u8,
    /// SignerIdentifier: IssuerAndSerialNumber here, as version 1 demands.
    signer: AnyRef<'a>,
    digest_algorithm: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    signed_attributes: Option<Elements<'a>>,
    signature_algorithm: AnyRef<'a>,
    signature: &'a OctetStringRef,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    unsigned_attributes: Option<Elements<'a>>,
}

/// The contents of a SET OF, not looked into. The sets of the crate `der` sort what they read, in a time that grows with the
/// square of what a peer sends.
#[derive(Clone, Copy)]
struct Elements<'a>(&'a [u8]);

impl FixedTag for Elements<'_> {
    const TAG: Tag = Tag::Set;
}

impl<'a> DecodeValue<'a> for Elements<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length()).map(Self)
    }
}

impl EncodeValue for Elements<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

impl<'a> Elements<'a> {
    /// The elements, whole, each a SEQUENCE, strictly ascending as DER wants them (X.690, 11.6).
    fn sequences(self, most: usize) -> Result<Vec<&'a [u8]>, Reason> {
        let mut reader = SliceReader::new(self.0).map_err(|_| Reason::Malformed)?;
        let mut elements: Vec<&[u8]> = Vec::new();
        while !reader.is_finished() {
            if elements.len() == most {
                return Err(Reason::TooLarge);
            }
            let element = reader.tlv_bytes().map_err(|_| Reason::Malformed)?;
            if element.first() != Some(&0x30) || elements.last().is_some_and(|last| *last >= element) {
                return Err(Reason::Malformed);
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

/// Reads a document.
pub(crate) fn read(bytes: &[u8]) -> Result<Document<'_>, Reason> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(Reason::TooLarge);
    }
    let outer = ContentInfo::from_der(bytes).map_err(|_| Reason::Malformed)?;
    let data = &outer.content;
    let signers = data.signers.sequences(2).map_err(|_| Reason::SignerCount)?;
    let &[signer] = signers.as_slice() else { return Err(Reason::SignerCount) };
    let signer = SignerInfo::from_der(signer).map_err(|_| Reason::Malformed)?;
    // A signature over attributes is a signature over a SET OF, and the SET OF can be passed off as content.
    if signer.signed_attributes.is_some() || signer.unsigned_attributes.is_some() {
        return Err(Reason::AttributesPresent);
    }
    let scheme = Scheme::named(signer.digest_algorithm.value(), signer.signature_algorithm.value());
    let scheme = scheme.ok_or(Reason::AlgorithmRefused)?;
    let Some(order) = data.content.content.filter(|_| data.content.content_type == DATA) else {
        return Err(Reason::ContentRefused);
    };
    let certificates = match data.certificates {
        Some(certificates) => certificates.sequences(MAX_CERTIFICATES)?,
        None => return Err(Reason::CertificateMissing),
    };
    let (order, signature) = (order.as_bytes(), signer.signature.as_bytes());
    // This comparison checks versions, types, CRLs, the digest algorithms, and every length and tag.
    if write_with(order, &certificates, signer.signer, scheme, signature).ok().as_deref() != Some(bytes) {
        return Err(Reason::Malformed);
    }
    let named = |certificate: &&&[u8]| signer_identifier(certificate).is_some_and(|id| id == signer.signer);
    let mut found = certificates.iter().filter(named);
    match (found.next(), found.next()) {
        (Some(&signer), None) => Ok(Document { order, certificates, signer, scheme, signature }),
        _ => Err(Reason::CertificateMissing),
    }
}

/// Writes a document. `signer` is one of `certificates`. The certificates are sorted here.
pub(crate) fn write(
    order: &[u8],
    certificates: &[&[u8]],
    signer: &[u8],
    scheme: Scheme,
    signature: &[u8],
) -> Option<Vec<u8>> {
    let mut certificates = certificates.to_vec();
    certificates.sort_unstable();
    certificates.dedup();
    let identifier = signer_identifier(signer)?;
    write_with(order, &certificates, AnyRef::new(Tag::Sequence, &identifier.0).ok()?, scheme, signature).ok()
}

fn write_with(
    order: &[u8],
    certificates: &[&[u8]],
    signer: AnyRef<'_>,
    scheme: Scheme,
    signature: &[u8],
) -> der::Result<Vec<u8>> {
    let (digest, signing) = (scheme.digest.to_der()?, scheme.signature.to_der()?);
    let digest = AnyRef::new(Tag::Sequence, &digest)?;
    let signer = SignerInfo {
        version: 1,
        signer,
        digest_algorithm: digest,
        signed_attributes: None,
        signature_algorithm: AnyRef::new(Tag::Sequence, &signing)?,
        signature: OctetStringRef::new(signature)?,
        unsigned_attributes: None,
    }
    .to_der()?;
    let content = EncapsulatedContentInfo { content_type: DATA, content: Some(OctetStringRef::new(order)?) };
    let digest_algorithms = digest.to_der()?;
    let certificates = certificates.concat();
    let content = SignedData {
        version: 1,
        digest_algorithms: Elements(&digest_algorithms),
        content,
        certificates: Some(Elements(&certificates)),
        crls: None,
        signers: Elements(&signer),
    };
    ContentInfo { content_type: SIGNED_DATA, content }.to_der()
}

/// The contents of an IssuerAndSerialNumber.
struct Identifier(Vec<u8>);

impl PartialEq<AnyRef<'_>> for Identifier {
    fn eq(&self, other: &AnyRef<'_>) -> bool {
        other.tag() == Tag::Sequence && other.value() == self.0
    }
}

/// Issuer and serial number of a certificate (RFC 5280, 4.1.2; RFC 5652, 10.2.4).
fn signer_identifier(certificate: &[u8]) -> Option<Identifier> {
    let certificate = AnyRef::from_der(certificate).ok()?;
    let mut certificate = SliceReader::new(certificate.value()).ok()?;
    let mut tbs = SliceReader::new(AnyRef::decode(&mut certificate).ok()?.value()).ok()?;
    // Every certificate of version 3 has [0] EXPLICIT Version.
    if tbs.tlv_bytes().ok()?.first() != Some(&0xA0) {
        return None;
    }
    let serial = tbs.tlv_bytes().ok()?;
    let _signature_algorithm = tbs.tlv_bytes().ok()?;
    let issuer = tbs.tlv_bytes().ok()?;
    Some(Identifier([issuer, serial].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cms::{content_info::ContentInfo as TheirContentInfo, signed_data::SignedData as TheirSignedData};
    use hex_literal::hex;
    use proptest::prelude::*;

    fn scheme() -> Scheme {
        Scheme::named(&hex!("0609608648016503040201"), &hex!("06082A8648CE3D040302")).unwrap()
    }

    fn certificate() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec()
    }

    /// The `cms` crate, written by others, finds in the document what went into it, and writes it the same.
    #[test]
    fn another_reader_agrees() {
        let (signer, other) = (certificate(), certificate());
        let bytes = write(b"order", &[&other, &signer, &other], &signer, scheme(), b"signature").unwrap();
        let info = TheirContentInfo::from_der(&bytes).unwrap();
        assert_eq!(info.content_type, SIGNED_DATA);
        let data = info.content.decode_as::<TheirSignedData>().unwrap();
        assert_eq!(data.encap_content_info.econtent.as_ref().unwrap().value(), b"order");
        assert_eq!(data.encap_content_info.econtent_type, DATA);
        assert_eq!((data.certificates.as_ref().unwrap().0.len(), data.signer_infos.0.len()), (2, 1));
        let one = data.signer_infos.0.get(0).unwrap();
        assert_eq!(one.signature.as_bytes(), b"signature");
        assert!(one.signed_attrs.is_none() && one.unsigned_attrs.is_none());
        assert_eq!(info.to_der().unwrap(), bytes);

        let document = read(&bytes).unwrap();
        assert_eq!((document.order, document.signer), (&b"order"[..], &signer[..]));
        assert_eq!((document.certificates.len(), document.signature), (2, &b"signature"[..]));
    }

    #[test]
    fn a_signer_without_a_version_3_certificate_is_not_written() {
        for nonsense in [&b""[..], b"\x30\x00", b"\x30\x02\x30\x00", b"\x30\x05\x30\x03\x02\x01\x01"] {
            assert_eq!(write(b"order", &[nonsense], nonsense, scheme(), b"signature"), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read(&bytes).is_err());
            let _only_that_it_returns = signer_identifier(&bytes);
        }

        /// Damage inside a good frame reaches deeper than noise does.
        #[test]
        fn spliced_documents_are_read_without_a_panic(
            at in 0_usize..400, cut in 0_usize..40, insert in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let signer = [&b"\x30\x12\x30\x10\xA0\x03\x02\x01\x02\x02\x01\x05\x30\x00\x30\x04\x31\x02\x30\x00"[..]].concat();
            let mut bytes = write(b"order", &[&signer], &signer, scheme(), b"signature").unwrap();
            let whole = bytes.clone();
            let at = at % bytes.len();
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, insert);
            if let Ok(document) = read(&bytes) {
                // Only what is not framing may differ.
                let again = write(document.order, &document.certificates, document.signer, document.scheme, document.signature);
                prop_assert_eq!(again.as_ref(), Some(&bytes));
            }
            prop_assert!(read(&whole).is_ok());
        }
    }
}
