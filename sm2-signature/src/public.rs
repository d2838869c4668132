//! A public key, as a bank verifies with it.

use sm2::{ProjectivePoint, elliptic_curve::sec1::ToSec1Point as _};
use sm3::{Digest as _, Sm3};
use wire::{algorithm::Curve, sm2::Signature};

use crate::{
    FIELD, equation,
    identifier::{Identifier, z},
};

/// A public key, with the hash Z of its owner.
#[derive(Clone, Debug)]
pub struct PublicKey {
    point: ProjectivePoint,
    /// SM3 that has taken in Z: what each message is hashed after.
    hashed: Sm3,
}

impl PublicKey {
    /// Reads an uncompressed point of the curve that is not the point at infinity (GB/T 32918.1, 6.2.1). `None`: anything else.
    pub fn from_point(point: &[u8]) -> Option<Self> {
        if point.first() != Some(&4) || point.len() != Curve::Sm2.point() {
            return None;
        }
        sm2::PublicKey::from_sec1_bytes(point).ok().map(|key| Self::of(&key))
    }

    pub(super) fn of(key: &sm2::PublicKey) -> Self {
        let z = z(Identifier::DEFAULT, key.to_sec1_point(false).as_bytes());
        Self { point: key.to_projective(), hashed: Sm3::new_with_prefix(z) }
    }

    /// e: what is signed of a message (GB/T 32918.2, 6.1, A1 and A2).
    pub fn digest(&self, message: &[u8]) -> [u8; FIELD] {
        self.hashed.clone().chain_update(message).finalize().into()
    }

    /// Whether the signature, DER, over the message is this key's.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::parse(signature)
            .is_ok_and(|signature| self.verifies_digest(&self.digest(message), &signature))
    }

    /// Whether the signature over e is this key's.
    pub fn verifies_digest(&self, e: &[u8; FIELD], signature: &Signature) -> bool {
        equation::verifies(&self.point, e, signature)
    }
}
