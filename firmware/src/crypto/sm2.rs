//! SM2 (GB/T 32918-2016): keys, the hash of who signs, signatures, encryption and key exchange.
//!
//! The arithmetic of the curve is a crate's. What stands on the arithmetic is here, because the crate's keys for signing and
//! for decrypting are not wiped, its signing has no way to begin again, and it has no key exchange
//! (docs/decisions/0048-sm2-on-the-token.md).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod exchange;
mod encryption;
mod signature;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use sm2::{
    NonZeroScalar, ProjectivePoint, Scalar, SecretKey, U256,
    elliptic_curve::{
        Generate as _, PrimeField as _, ops::Reduce as _, pkcs8::EncodePublicKey as _,
        point::AffineCoordinates as _, sec1::ToSec1Point as _,
    },
};
use wire::{algorithm::Curve, piv};
use zeroize::{Zeroize as _, Zeroizing};

pub use self::exchange::{Agreed, Party, Role};
use super::sm3;
use crate::{refusal::Refusal, seams::CryptoRng};

/// Bytes of a field element, and of a private key.
pub const FIELD: usize = Curve::Sm2.field();
/// Bytes of an uncompressed point.
pub const POINT: usize = Curve::Sm2.point();

/// The distinguishing identifier of who signs (GB/T 32918.2, 5.5): it goes into the hash that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identifier<'a>(&'a [u8]);

impl<'a> Identifier<'a> {
    /// The one that is meant where none is named (GM/T 0009, clause 10).
    pub const DEFAULT: Self = Self(b"1234567812345678");

    /// The length in bits must fit 16 bits.
    ///
    /// # Errors
    /// `WrongData`: more than 8191 bytes.
    pub const fn new(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if bytes.len() > 8191 { Err(Refusal::WrongData) } else { Ok(Self(bytes)) }
    }
}

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
        let bits = u16::try_from(identifier.0.len().saturating_mul(8)).unwrap_or(u16::MAX);
        let point = self.point();
        let coordinates = point.get(1..).unwrap_or_default();
        sm3::hash(&[&bits.to_be_bytes(), identifier.0, CURVE, coordinates])
    }

    /// e: what is signed of a message (GB/T 32918.2, 6.1, A1 and A2).
    pub fn digest(&self, identifier: Identifier<'_>, message: &[u8]) -> [u8; sm3::LENGTH] {
        sm3::hash(&[&self.z(identifier), message])
    }

    fn projective(&self) -> ProjectivePoint {
        self.0.to_projective()
    }
}

/// a ‖ b ‖ xG ‖ yG (GB/T 32918.5, 2).
const CURVE: &[u8] = &hex_literal::hex!(
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
);

/// A private key with its public half at hand. Wiped when dropped.
#[derive(Clone)]
pub struct Key {
    /// d.
    secret: NonZeroScalar,
    /// (1 + d)⁻¹, which each signature takes.
    inverse: Scalar,
    public: PublicKey,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.inverse.zeroize();
    }
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

    #[allow(clippy::arithmetic_side_effects, reason = "numbers modulo n do not overflow")]
    fn new(secret: &SecretKey) -> Option<Self> {
        let (scalar, public) = (secret.to_nonzero_scalar(), PublicKey(secret.public_key()));
        let inverse = (*scalar + Scalar::ONE).invert().into_option()?;
        Some(Self { secret: scalar, inverse, public })
    }

    /// The private key, big-endian.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FIELD));
        bytes.extend_from_slice(&Zeroizing::new(self.secret.to_repr()));
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

/// The bytes as a number modulo n.
fn reduced(bytes: &[u8; FIELD]) -> Scalar {
    Scalar::reduce(&U256::from_be_slice(bytes))
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
