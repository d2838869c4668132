//! SM2 (GB/T 32918-2016): keys, the hash of who signs, signatures, encryption and key exchange.
//!
//! The arithmetic of the curve is a crate's, and the equation of signatures is `sm2-signature`'s, with which banks verify
//! (docs/decisions/0057-one-equation-of-sm2.md). Encryption and key exchange are here, because the crate's key for decrypting is not
//! wiped, and the crate has no key exchange (docs/decisions/0048-sm2-on-the-token.md).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod exchange;
mod encryption;
mod signature;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use sm2::{
    ProjectivePoint, SecretKey,
    elliptic_curve::{
        Generate as _, PrimeField as _, pkcs8::EncodePublicKey as _, point::AffineCoordinates as _,
        sec1::ToSec1Point as _,
    },
};
pub use sm2_signature::Identifier;
use sm2_signature::Secret;
use wire::{algorithm::Curve, piv};
use zeroize::Zeroizing;

pub use self::exchange::{Agreed, Party, Role};
use super::sm3;
use crate::{refusal::Refusal, seams::CryptoRng};

/// Bytes of a field element, and of a private key.
pub const FIELD: usize = Curve::Sm2.field();
/// Bytes of an uncompressed point.
pub const POINT: usize = Curve::Sm2.point();

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(::sm2::PublicKey);

impl PublicKey {
    /// Reads an uncompressed point of the curve that is not the point at infinity (GB/T 32918.1, 6.2.1).
    ///
    /// # Errors
    /// `WrongData`: anything else.
    pub fn from_point(point: &[u8]) -> Result<Self, Refusal> {
        match point {
            [4, ..] if point.len() == POINT => {
                ::sm2::PublicKey::from_sec1_bytes(point).map(Self).map_err(|_| Refusal::WrongData)
            }
            _ => Err(Refusal::WrongData),
        }
    }

    /// The uncompressed point.
    pub fn point(&self) -> Vec<u8> {
        self.0.to_sec1_point(false).as_bytes().to_vec()
    }

    /// Z of this key's owner (GB/T 32918.2, 5.5).
    pub fn z(&self, identifier: Identifier<'_>) -> [u8; sm3::LENGTH] {
        sm2_signature::z(identifier, &self.point())
    }

    /// e: what is signed of a message (GB/T 32918.2, 6.1, A1 and A2).
    pub fn digest(&self, identifier: Identifier<'_>, message: &[u8]) -> [u8; sm3::LENGTH] {
        sm3::hash(&[&self.z(identifier), message])
    }

    fn projective(&self) -> ProjectivePoint {
        self.0.to_projective()
    }
}

/// A private key with its public half at hand. Wiped when dropped.
#[derive(Clone)]
pub struct Key {
    secret: Secret,
    public: PublicKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(SM2)")
    }
}

impl Key {
    /// Makes a key pair.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        loop {
            // n - 1, which is no key, comes once in 2²⁵⁶.
            if let Some(key) = Self::new(&SecretKey::generate_from_rng(rng)) {
                return key;
            }
        }
    }

    /// Refuses zero, and what is not less than n - 1 (GB/T 32918.1, 6.1): 1 + d has no inverse then.
    ///
    /// # Errors
    /// `WrongData`: another length, or another number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        // The crate would take a shorter key as well.
        let bytes: &[u8; FIELD] = bytes.try_into().map_err(|_| Refusal::WrongData)?;
        let secret = SecretKey::from_slice(bytes).map_err(|_| Refusal::WrongData)?;
        Self::new(&secret).ok_or(Refusal::WrongData)
    }

    fn new(secret: &SecretKey) -> Option<Self> {
        Some(Self { secret: Secret::new(secret)?, public: PublicKey(secret.public_key()) })
    }

    /// The private key, big-endian.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FIELD));
        bytes.extend_from_slice(&Zeroizing::new(self.secret.scalar().to_repr()));
        bytes
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The public half as GENERATE ASYMMETRIC KEY PAIR answers it, tag 7F49.
    pub(super) fn template(&self) -> Vec<u8> {
        piv::PublicKey::Point { curve: Curve::Sm2, point: &self.public.point() }.bytes()
    }

    /// SubjectPublicKeyInfo (GM/T 0015, 5.2.3.8: id-ecPublicKey and the curve), DER.
    pub(super) fn spki(&self) -> Vec<u8> {
        self.public.0.to_public_key_der().map(|der| der.to_vec()).unwrap_or_default()
    }
}

/// Both coordinates of a point, to be wiped: many such points are secret. `None`: the point at infinity.
fn coordinates(point: &ProjectivePoint) -> Option<Zeroizing<[[u8; FIELD]; 2]>> {
    let affine = point.to_affine();
    let mut both = Zeroizing::new([[0; FIELD]; 2]);
    let [x, y] = &mut *both;
    x.copy_from_slice(&affine.x());
    y.copy_from_slice(&affine.y());
    // (0, 0) lies on no curve whose b is not zero: the crate shows the point at infinity so.
    (both.iter().flatten().any(|byte| *byte != 0)).then_some(both)
}

/// The key derivation function (GB/T 32918.3, 5.4.3, and 32918.4, 5.4.3): `length` bytes of the parts.
fn derive(parts: &[&[u8]], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length.next_multiple_of(sm3::LENGTH)));
    let mut counter = 1_u32;
    while key.len() < length {
        let counted = counter.to_be_bytes();
        let all: Vec<&[u8]> = parts.iter().copied().chain([&counted[..]]).collect();
        key.extend_from_slice(&*Zeroizing::new(sm3::hash(&all)));
        counter = counter.wrapping_add(1);
    }
    key.truncate(length);
    key
}
