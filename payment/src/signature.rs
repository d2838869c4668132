//! Signatures of CAs over certificates and CRLs. Source: RFC 5280, 4.1.1 and 5.1.1; GM/T 0015, 5.2.

mod sm2;

use der::{AnyRef, Decode, Encode, Reader, SliceReader, Tag, Tagged, asn1::BitStringRef};
use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::aws_lc_rs;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// What a CA may sign certificates and CRLs with.
pub(crate) const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    aws_lc_rs::ECDSA_P256_SHA256,
    aws_lc_rs::ECDSA_P256_SHA384,
    aws_lc_rs::ECDSA_P384_SHA256,
    aws_lc_rs::ECDSA_P384_SHA384,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    sm2::SM2_SM3,
];

/// A public key, as its certificate has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PublicKey {
    /// The contents of its AlgorithmIdentifier.
    algorithm: Vec<u8>,
    bits: Vec<u8>,
}

impl PublicKey {
    /// The key of a SubjectPublicKeyInfo.
    pub(crate) fn read(info: &SubjectPublicKeyInfoOwned) -> Option<Self> {
        let algorithm = contents(&info.algorithm.to_der().ok()?)?.to_vec();
        Some(Self { algorithm, bits: info.subject_public_key.as_bytes()?.to_vec() })
    }

    /// Whether it is a key of SM2.
    pub(crate) fn is_sm2(&self) -> bool {
        self.algorithm == sm2::SM2_SM3.public_key_alg_id().as_ref()
    }

    /// Whether this key made the signature. The key's own algorithm has to fit the one that the signature is named after, and so a
    /// certificate cannot choose.
    pub(crate) fn signed(&self, signed: &Signed) -> bool {
        ALGORITHMS.iter().any(|algorithm| {
            algorithm.signature_alg_id().as_ref() == signed.algorithm
                && algorithm.public_key_alg_id().as_ref() == self.algorithm
                && algorithm.verify_signature(&self.bits, &signed.bytes, &signed.signature).is_ok()
        })
    }
}

/// What a CA signed: SEQUENCE { what, AlgorithmIdentifier, BIT STRING }, a certificate or a CRL.
#[derive(Debug)]
pub(crate) struct Signed {
    /// The bytes that were signed, with tag and length.
    pub(crate) bytes: Vec<u8>,
    /// The contents of the AlgorithmIdentifier.
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    /// Takes a certificate or a CRL apart. The bytes that were signed stay as they are.
    pub(crate) fn read(whole: &[u8]) -> Option<Self> {
        let mut parts = SliceReader::new(contents(whole)?).ok()?;
        let bytes = parts.tlv_bytes().ok()?.to_vec();
        let algorithm = contents(parts.tlv_bytes().ok()?)?.to_vec();
        let signature = BitStringRef::decode(&mut parts).ok()?.as_bytes()?.to_vec();
        parts.is_finished().then_some(Self { bytes, algorithm, signature })
    }
}

/// The contents of one whole SEQUENCE.
fn contents(sequence: &[u8]) -> Option<&[u8]> {
    let any = AnyRef::from_der(sequence).ok()?;
    (any.tag() == Tag::Sequence).then(|| any.value())
}
