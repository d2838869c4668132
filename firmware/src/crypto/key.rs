//! An asymmetric key pair of any algorithm that the token knows.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use wire::piv::{Algorithm, PublicKey};
use zeroize::Zeroizing;

use super::{p256, p384, rsa2048};
use crate::{refusal::Refusal, seams::CryptoRng};

/// What key pairs there are. The values are SP 800-78-4's (table 6-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// ECC on P-256.
    P256,
    /// ECC on P-384.
    P384,
    /// RSA with a 2048-bit modulus and exponent 65537.
    Rsa2048,
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::P256 => Self::P256,
            KeyAlgorithm::P384 => Self::P384,
            KeyAlgorithm::Rsa2048 => Self::Rsa2048,
        }
    }
}

impl TryFrom<Algorithm> for KeyAlgorithm {
    type Error = Refusal;

    fn try_from(algorithm: Algorithm) -> Result<Self, Refusal> {
        match algorithm {
            Algorithm::P256 => Ok(Self::P256),
            Algorithm::P384 => Ok(Self::P384),
            Algorithm::Rsa2048 => Ok(Self::Rsa2048),
            Algorithm::Tdes | Algorithm::Aes128 | Algorithm::Aes192 | Algorithm::Aes256 => {
                Err(Refusal::WrongUse)
            }
        }
    }
}

/// A private key, with what is needed to use it at once. Wiped when dropped; `Debug` names the algorithm only.
#[derive(Clone)]
pub struct PrivateKey(Kind);

#[derive(Clone)]
enum Kind {
    P256(p256::Key),
    P384(Box<p384::Key>),
    Rsa2048(rsa2048::Key),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.algorithm())
    }
}

impl PrivateKey {
    /// Makes an ECC key pair at once; `None` for RSA, which goes through [`super::GenerateRsa`].
    pub fn generate_ec<R: CryptoRng + ?Sized>(algorithm: KeyAlgorithm, rng: &mut R) -> Option<Self> {
        match algorithm {
            KeyAlgorithm::P256 => Some(Self(Kind::P256(p256::Key::generate(rng)))),
            KeyAlgorithm::P384 => Some(Self(Kind::P384(Box::new(p384::Key::generate(rng))))),
            KeyAlgorithm::Rsa2048 => None,
        }
    }

    pub(super) fn generate_rsa<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, Refusal> {
        rsa2048::Key::generate(rng).map(|key| Self(Kind::Rsa2048(key)))
    }

    /// Which algorithm.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        match self.0 {
            Kind::P256(_) => KeyAlgorithm::P256,
            Kind::P384(_) => KeyAlgorithm::P384,
            Kind::Rsa2048(_) => KeyAlgorithm::Rsa2048,
        }
    }

    /// The private key for sealed storage: the scalar, or both RSA primes; 32, 48 or 256 bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        match &self.0 {
            Kind::P256(key) => key.to_bytes(),
            Kind::P384(key) => key.to_bytes(),
            Kind::Rsa2048(key) => key.to_bytes(),
        }
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// `WrongData`: not a private key of that algorithm.
    pub fn from_bytes(algorithm: KeyAlgorithm, bytes: &[u8]) -> Result<Self, Refusal> {
        Ok(Self(match algorithm {
            KeyAlgorithm::P256 => Kind::P256(p256::Key::from_bytes(bytes)?),
            KeyAlgorithm::P384 => Kind::P384(Box::new(p384::Key::from_bytes(bytes)?)),
            KeyAlgorithm::Rsa2048 => Kind::Rsa2048(rsa2048::Key::from_bytes(bytes)?),
        }))
    }

    /// The public half as the template of GENERATE ASYMMETRIC KEY PAIR, tag 7F49 (`wire::piv::PublicKey`).
    pub fn public_key(&self) -> Vec<u8> {
        match &self.0 {
            Kind::P256(key) => PublicKey::Point(&key.point()).bytes(),
            Kind::P384(key) => PublicKey::Point(&key.point()).bytes(),
            Kind::Rsa2048(key) => {
                let (modulus, exponent) = key.public();
                PublicKey::Rsa { modulus: &modulus, exponent: &exponent }.bytes()
            }
        }
    }

    /// The public half as SubjectPublicKeyInfo, DER, to compare with a certificate's or a request's.
    pub fn spki(&self) -> Vec<u8> {
        match &self.0 {
            Kind::P256(key) => key.spki(),
            Kind::P384(key) => key.spki(),
            Kind::Rsa2048(key) => key.spki(),
        }
    }

    /// ECDSA over a digest of 20 to 64 bytes: its leftmost bits if it is longer than the field (FIPS 186-5, 6.4.1),
    /// zeros before it if it is shorter. The signature is DER. The nonce is RFC 6979's, hedged with `rng`.
    ///
    /// # Errors
    /// `WrongData`: no usual length of a digest. `WrongUse`: an RSA key.
    pub fn sign_digest<R: CryptoRng + ?Sized>(&self, digest: &[u8], rng: &mut R) -> Result<Vec<u8>, Refusal> {
        let mut extra = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *extra);
        self.sign_with(digest, &*extra)
    }

    /// As [`Self::sign_digest`], with the additional data of RFC 6979, 3.6 as an argument.
    pub(super) fn sign_with(&self, digest: &[u8], extra: &[u8]) -> Result<Vec<u8>, Refusal> {
        match &self.0 {
            Kind::P256(key) => key.sign(digest, extra),
            Kind::P384(key) => key.sign(digest, extra),
            Kind::Rsa2048(_) => Err(Refusal::WrongUse),
        }
    }

    /// ECDH with an uncompressed point: the shared x coordinate, 32 or 48 bytes.
    ///
    /// # Errors
    /// `WrongData`: not a point of this key's curve, or the identity. `WrongUse`: an RSA key.
    pub fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match &self.0 {
            Kind::P256(key) => key.agree(point),
            Kind::P384(key) => key.agree(point),
            Kind::Rsa2048(_) => Err(Refusal::WrongUse),
        }
    }

    /// RSA's private operation on a padded block of 256 bytes: signs it or decrypts it.
    ///
    /// # Errors
    /// `WrongData`: another length, or not below the modulus. `WrongUse`: no RSA key. `Fault`: the result failed
    /// its check.
    pub fn raw<R: CryptoRng + ?Sized>(
        &self,
        block: &[u8],
        rng: &mut R,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        match &self.0 {
            Kind::Rsa2048(key) => key.raw(block, rng),
            Kind::P256(_) | Kind::P384(_) => Err(Refusal::WrongUse),
        }
    }

    /// Whether RSA's public operation on `block` gives `result`.
    pub(super) fn encrypts(&self, block: &[u8], result: &[u8]) -> bool {
        matches!(&self.0, Kind::Rsa2048(key) if key.encrypts(block, result))
    }
}

/// The digest as the bytes of a field element: cut on the right, or zeros on the left.
pub(super) fn field_of_digest<const FIELD: usize>(digest: &[u8]) -> Result<[u8; FIELD], Refusal> {
    if !(20..=64).contains(&digest.len()) {
        return Err(Refusal::WrongData);
    }
    let leftmost = digest.get(..FIELD).unwrap_or(digest);
    let mut field = [0; FIELD];
    let zeros = FIELD.saturating_sub(leftmost.len());
    field.get_mut(zeros..).ok_or(Refusal::WrongData)?.copy_from_slice(leftmost);
    Ok(field)
}
