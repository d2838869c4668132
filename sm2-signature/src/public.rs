//! Verifying (GB/T 32918.2, 5.5 and 7).

use sm2::{
    NonZeroScalar, ProjectivePoint,
    elliptic_curve::{Group as _, ops::MulByGeneratorVartime as _, sec1::ToSec1Point as _},
};
use sm3::{Digest as _, Sm3};
use wire::{algorithm::Curve, sm2::Signature};

use super::{FIELD, reduced, x_coordinate};

/// The bits of the default identifier, and the identifier (5.5; GM/T 0009, clause 10).
const IDENTIFIER: &[u8] = b"\x00\x801234567812345678";

/// a ‖ b ‖ xG ‖ yG (GB/T 32918.5, 2).
const CURVE: &[u8] = b"\xFF\xFF\xFF\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFC\
    \x28\xE9\xFA\x9E\x9D\x9F\x5E\x34\x4D\x5A\x9E\x4B\xCF\x65\x09\xA7\xF3\x97\x89\xF5\x15\xAB\x8F\x92\xDD\xBC\xBD\x41\x4D\x94\x0E\x93\
    \x32\xC4\xAE\x2C\x1F\x19\x81\x19\x5F\x99\x04\x46\x6A\x39\xC9\x94\x8F\xE3\x0B\xBF\xF2\x66\x0B\xE1\x71\x5A\x45\x89\x33\x4C\x74\xC7\
    \xBC\x37\x36\xA2\xF4\xF6\x77\x9C\x59\xBD\xCE\xE3\x6B\x69\x21\x53\xD0\xA9\x87\x7C\xC6\x2A\x47\x40\x02\xDF\x32\xE5\x21\x39\xF0\xA0";

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
        let point = key.to_sec1_point(false);
        let coordinates = point.as_bytes().get(1..).unwrap_or_default();
        let z = Sm3::new().chain_update(IDENTIFIER).chain_update(CURVE).chain_update(coordinates).finalize();
        Self { point: key.to_projective(), hashed: Sm3::new_with_prefix(z) }
    }

    /// e: what is signed of a message (6.1, A1 and A2).
    pub fn digest(&self, message: &[u8]) -> [u8; FIELD] {
        self.hashed.clone().chain_update(message).finalize().into()
    }

    /// Whether the signature, DER, over the message is this key's.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::parse(signature)
            .is_ok_and(|signature| self.verifies_digest(&self.digest(message), &signature))
    }

    /// Whether the signature over e is this key's (7.1, B1 to B7). The standard has no x coordinate for the point at infinity, and so
    /// a signature that leads there is none.
    pub fn verifies_digest(&self, e: &[u8; FIELD], signature: &Signature) -> bool {
        let number = |bytes: [u8; FIELD]| NonZeroScalar::from_repr(bytes.into()).into_option();
        let (Some(r), Some(s)) = (number(signature.r), number(signature.s)) else { return false };
        let t = *r + *s;
        // All numbers are public, and so the time may depend on them.
        let point = ProjectivePoint::mul_by_generator_and_mul_add_vartime(&s, &t, &self.point);
        let wrong = t.is_zero() | point.is_identity();
        !bool::from(wrong) && reduced(e) + x_coordinate(&point) == *r
    }
}
