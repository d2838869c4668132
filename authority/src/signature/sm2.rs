//! SM2 with SM3 (GB/T 32918.2), for the default identifier.

use pkcs8::SecretDocument;
use sm2::{
    SecretKey,
    elliptic_curve::sec1::ToSec1Point as _,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use sm2_signature::{PrivateKey, PublicKey};

use super::Scheme;

pub(super) const SCHEME: Scheme = Scheme { name: "SM2 with SM3", is_point, verify };

fn is_point(point: &[u8]) -> bool {
    PublicKey::from_point(point).is_some()
}

fn verify(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_point(point).is_some_and(|key| key.verifies(message, signature))
}

/// The secret half of a key; both of its forms are wiped when dropped.
pub(super) struct Secret {
    key: SecretKey,
    signer: PrivateKey,
}

impl Secret {
    pub(super) fn of_scalar(scalar: &[u8]) -> Option<Self> {
        Self::new(SecretKey::from_slice(scalar).ok()?)
    }

    pub(super) fn from_pkcs8(document: &[u8]) -> Option<Self> {
        Self::new(SecretKey::from_pkcs8_der(document).ok()?)
    }

    fn new(key: SecretKey) -> Option<Self> {
        let signer = PrivateKey::new(&key)?;
        Some(Self { key, signer })
    }

    pub(super) fn pkcs8(&self) -> pkcs8::Result<SecretDocument> {
        self.key.to_pkcs8_der()
    }

    pub(super) fn point(&self) -> Vec<u8> {
        self.key.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signer.sign(message)
    }
}
