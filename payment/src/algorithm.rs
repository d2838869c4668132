//! The algorithms of payment keys, one file each. A key carries its algorithm from its certificate on: which digest and
//! which signature a document names, and how a signature is checked, are the key's to say.
//!
//! Whoever adds an algorithm to `wire::algorithm` is led by the compiler to [`scheme`] and to [`PublicKey`].

mod p256;
mod sm2;

use der::{Encode, asn1::ObjectIdentifier};
use wire::algorithm::{Curve, KeyAlgorithm};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::Reason;

/// id-ecPublicKey (RFC 5480, 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// What a document names for the signatures of a key. Both stand there without parameters (RFC 5754, 2 and 3.3;
/// GB/T 35276).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    pub(crate) digest: ObjectIdentifier,
    pub(crate) signature: ObjectIdentifier,
}

/// The scheme of the payment keys of an algorithm, if there are such keys.
const fn scheme(algorithm: KeyAlgorithm) -> Option<Scheme> {
    match algorithm {
        KeyAlgorithm::P256 => Some(p256::SCHEME),
        KeyAlgorithm::Sm2 => Some(sm2::SCHEME),
        // No payment key is made of these (docs/shield-applet.md).
        KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 => None,
    }
}

impl Scheme {
    /// The scheme that a document names: the contents of its two AlgorithmIdentifiers.
    pub(crate) fn named(digest: &[u8], signature: &[u8]) -> Option<Self> {
        let is =
            |identifier: ObjectIdentifier, contents| identifier.to_der().is_ok_and(|der| der == contents);
        let mut schemes = KeyAlgorithm::ALL.into_iter().filter_map(scheme);
        schemes.find(|scheme| is(scheme.digest, digest) && is(scheme.signature, signature))
    }
}

/// The key of a payment certificate.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    P256(p256::PublicKey),
    Sm2(sm2::PublicKey),
}

impl PublicKey {
    /// Reads the key of a certificate.
    pub(crate) fn read(info: &SubjectPublicKeyInfoOwned) -> Result<Self, Reason> {
        let bits = info.subject_public_key.as_bytes().ok_or(Reason::CertificateMalformed)?;
        match named(info).ok_or(Reason::AlgorithmRefused)? {
            KeyAlgorithm::P256 => p256::PublicKey::read(bits).map(Self::P256),
            KeyAlgorithm::Sm2 => sm2::PublicKey::read(bits).map(Self::Sm2),
            KeyAlgorithm::P384 | KeyAlgorithm::Rsa2048 => Err(Reason::AlgorithmRefused),
        }
    }

    /// What a document names for this key's signatures.
    pub(crate) const fn scheme(&self) -> Scheme {
        match self {
            Self::P256(_) => p256::SCHEME,
            Self::Sm2(_) => sm2::SCHEME,
        }
    }

    /// Whether the signature is this key's over the message, made as the document says.
    pub(crate) fn check(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
        if scheme != self.scheme() {
            return Err(Reason::AlgorithmRefused);
        }
        match self {
            Self::P256(key) => key.check(message, signature),
            Self::Sm2(key) => key.check(message, signature),
        }
    }
}

/// The algorithm that a SubjectPublicKeyInfo names: today a named curve (RFC 5480, 2.1.1).
fn named(info: &SubjectPublicKeyInfoOwned) -> Option<KeyAlgorithm> {
    let parameters = info.algorithm.parameters.as_ref()?.to_der().ok()?;
    let curve = Curve::by_parameters(&parameters).filter(|_| info.algorithm.oid == EC_PUBLIC_KEY)?;
    Some(curve.algorithm())
}
