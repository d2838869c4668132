//! ECDSA on P-256 with SHA-256 (FIPS 186-5, 6.4). aws-lc verifies, in a quarter of the time that p256 takes. p256 signs, because a
//! signature of aws-lc's first waits for aws-lc's random source, which takes a tenth of a second in each process.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use p256::{
    SecretKey,
    ecdsa::{Signature, SigningKey, VerifyingKey, signature::Signer},
    pkcs8::{DecodePrivateKey, EncodePrivateKey},
};
use pkcs8::SecretDocument;

use super::Scheme;

pub(super) const SCHEME: Scheme = Scheme { name: "ECDSA on P-256 with SHA-256", is_point, verify };

fn is_point(point: &[u8]) -> bool {
    VerifyingKey::from_sec1_bytes(point).is_ok()
}

fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
}

/// The secret half of a key; it is wiped when dropped.
pub(super) struct Secret(SigningKey);

impl Secret {
    pub(super) fn of_scalar(scalar: &[u8]) -> Option<Self> {
        SecretKey::from_slice(scalar).ok().map(|key| Self(key.into()))
    }

    pub(super) fn from_pkcs8(document: &[u8]) -> Option<Self> {
        SecretKey::from_pkcs8_der(document).ok().map(|key| Self(key.into()))
    }

    pub(super) fn pkcs8(&self) -> pkcs8::Result<SecretDocument> {
        SecretKey::from(&self.0).to_pkcs8_der()
    }

    pub(super) fn point(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}
