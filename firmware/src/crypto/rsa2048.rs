//! RSA with a 2048-bit modulus and exponent 65537 (SP 800-78-4, table 3-1): the private operation on a padded block.

#[cfg(feature = "aws-lc")]
mod host;

use alloc::{boxed::Box, vec::Vec};

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use rsa::{
    BoxedUint,
    hazmat::rsa_encrypt,
    pkcs8::EncodePublicKey as _,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use wire::piv;
use zeroize::Zeroizing;

use crate::{refusal::Refusal, seams::CryptoRng};

/// Bits of the modulus.
pub(super) const BITS: u32 = 2048;
/// Bytes of the modulus, and of a block.
pub(super) const BLOCK: usize = 256;
/// Bytes of a prime.
const PRIME: usize = 128;
const PRIME_BITS: u32 = 1024;
const EXPONENT: u64 = 65_537;

/// A private key with its CRT values. Wiped when dropped.
pub(super) struct Key {
    key: Box<rsa::PrivateKey>,
    /// The same key for fast arithmetic, made when the key is first used.
    #[cfg(feature = "aws-lc")]
    host: Option<Box<host::Key>>,
}

impl Key {
    /// Takes from tens of milliseconds to seconds: for [`super::Job`] only.
    pub(super) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, Refusal> {
        let bits = usize::try_from(BITS).map_err(|_| Refusal::Fault)?;
        rsa::PrivateKey::new(rng, bits).map(Self::from).map_err(|_| Refusal::Fault)
    }

    /// Both primes, 128 bytes each; the exponent is always 65537.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BLOCK));
        for prime in self.key.primes() {
            let prime = Zeroizing::new(prime.as_ref().to_be_bytes());
            bytes.extend_from_slice(prime.get(prime.len().saturating_sub(PRIME)..).unwrap_or_default());
        }
        bytes
    }

    /// Reads [`Self::to_bytes`]; refuses what is not a pair of odd numbers whose product has 2048 bits.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let (p, q) = bytes.split_at_checked(PRIME).ok_or(Refusal::WrongData)?;
        let prime = |bytes| BoxedUint::from_be_slice(bytes, PRIME_BITS).map_err(|_| Refusal::WrongData);
        let key = rsa::PrivateKey::from_p_q(prime(p)?, prime(q)?, BoxedUint::from(EXPONENT))
            .map_err(|_| Refusal::WrongData)?;
        if key.size() != BLOCK { Err(Refusal::WrongData) } else { Ok(key.into()) }
    }

    /// A key from outside: p, q, d mod (p - 1), d mod (q - 1) and q⁻¹ mod p, big-endian, 128 bytes each (RFC 8017, 3.2, the
    /// second representation). Each must be what follows from the primes and 65537.
    pub(super) fn from_crt<R: CryptoRng + ?Sized>(parts: [&[u8]; 5], rng: &mut R) -> Result<Self, Refusal> {
        if parts.iter().any(|part| part.len() != PRIME) {
            return Err(Refusal::WrongData);
        }
        let [p, q, dp, dq, qinv] = parts;
        let mut primes = Zeroizing::new(Vec::with_capacity(BLOCK));
        primes.extend_from_slice(p);
        primes.extend_from_slice(q);
        let mut key = Self::from_bytes(&primes)?;
        let coefficient = key.key.crt_coefficient().map(Zeroizing::new);
        let derived = [(key.key.dp(), dp), (key.key.dq(), dq), (coefficient.as_deref(), qinv)];
        for (derived, given) in derived {
            let given = BoxedUint::from_be_slice(given, PRIME_BITS).map(Zeroizing::new);
            let (Some(derived), Ok(given)) = (derived, given) else { return Err(Refusal::WrongData) };
            if *derived != *given {
                return Err(Refusal::WrongData);
            }
        }
        // No check above tells a prime number from a product of two. Using the key does: RSA's private operation gives a
        // wrong result unless both factors are prime, and the operation checks its own result with the public key.
        key.raw(&[0x5A; BLOCK], rng).map_err(|_| Refusal::WrongData)?;
        Ok(key)
    }

    /// The public half as GENERATE ASYMMETRIC KEY PAIR answers it, tag 7F49: big-endian without leading zeros.
    pub(super) fn template(&self) -> Vec<u8> {
        piv::PublicKey::Rsa { modulus: &self.key.n_bytes(), exponent: &self.key.e_bytes() }.bytes()
    }

    /// SubjectPublicKeyInfo (RFC 8017, A.1), DER.
    pub(super) fn spki(&self) -> Vec<u8> {
        self.key.as_public_key().to_public_key_der().map(|der| der.to_vec()).unwrap_or_default()
    }

    /// RSADP and RSASP1 (RFC 8017, 5.1.2 and 5.2.1): the base is blinded, and by the crate rsa exponents and CRT moduli too; the result is
    /// checked with the public key, because one faulty CRT half gives away the factors.
    ///
    /// A seed is drawn from `rng`, always 32 bytes: what the token draws next must not depend on who computes.
    pub(super) fn raw<R: CryptoRng + ?Sized>(
        &mut self,
        block: &[u8],
        rng: &mut R,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        if block.len() != BLOCK {
            return Err(Refusal::WrongData);
        }
        let representative = BoxedUint::from_be_slice(block, BITS).map_err(|_| Refusal::WrongData)?;
        if representative >= *self.key.n().as_ref() {
            return Err(Refusal::WrongData);
        }
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        self.root(&representative, &mut ChaCha20Rng::from_seed(*seed))
    }

    /// By aws-lc. Zero, which is its own root, stays zero under every blinding, and aws-lc refuses zero.
    #[cfg(feature = "aws-lc")]
    fn root(
        &mut self,
        representative: &BoxedUint,
        rng: &mut ChaCha20Rng,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        if bool::from(representative.is_zero()) {
            return Ok(Zeroizing::new(alloc::vec![0; BLOCK]));
        }
        if self.host.is_none() {
            self.host = host::Key::new(&self.key).map(Box::new);
        }
        let host = self.host.as_mut().ok_or(Refusal::Fault)?;
        let root = host.raw(&self.key, representative, rng).ok_or(Refusal::Fault)?;
        Ok(Zeroizing::new(root.to_vec()))
    }

    /// By the crate rsa.
    #[cfg(not(feature = "aws-lc"))]
    fn root(
        &mut self,
        representative: &BoxedUint,
        rng: &mut ChaCha20Rng,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        portable_root(&self.key, representative, rng)
    }

    /// Whether the public operation on `block` gives `result` (RSAEP, RFC 8017, 5.1.1).
    pub(super) fn encrypts(&self, block: &[u8], result: &[u8]) -> bool {
        let Ok(block) = BoxedUint::from_be_slice(block, BITS) else { return false };
        rsa_encrypt(self.key.as_public_key(), &block).is_ok_and(|found| *found.to_be_bytes() == *result)
    }
}

impl From<rsa::PrivateKey> for Key {
    fn from(key: rsa::PrivateKey) -> Self {
        let key = Box::new(key);
        Self {
            key,
            #[cfg(feature = "aws-lc")]
            host: None,
        }
    }
}

#[cfg(any(test, not(feature = "aws-lc")))]
fn portable_root(
    key: &rsa::PrivateKey,
    representative: &BoxedUint,
    rng: &mut ChaCha20Rng,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let root =
        rsa::hazmat::rsa_decrypt_and_check(key, Some(rng), representative).map_err(|_| Refusal::Fault)?;
    Ok(Zeroizing::new(Zeroizing::new(root).to_be_bytes().into_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng as _;

    /// More blocks than one pair of blinding factors serves, and the blocks that are special to a modulus: 0, 1, n - 1.
    #[test]
    fn fast_and_portable_arithmetic_agree() {
        let mut rng = ChaCha20Rng::from_seed([21; 32]);
        let mut key = Key::generate(&mut rng).unwrap();
        let modulus = key.key.n().as_ref().clone();
        let edges = [BoxedUint::zero_with_precision(BITS), BoxedUint::one_with_precision(BITS)];
        let top = modulus.wrapping_sub(BoxedUint::one());
        let random = (0..70).map(|_| {
            let mut block = [0; BLOCK];
            rng.fill_bytes(&mut block[1..]);
            BoxedUint::from_be_slice(&block, BITS).unwrap()
        });
        let representatives: Vec<BoxedUint> = edges.into_iter().chain([top]).chain(random).collect();
        for representative in representatives {
            let block = representative.to_be_bytes();
            let root = key.raw(&block, &mut rng).unwrap();
            assert!(key.encrypts(&root, &block));
            let portable = portable_root(&key.key, &representative, &mut rng).unwrap();
            assert_eq!(root, portable);
        }
        assert_eq!(key.raw(&modulus.to_be_bytes(), &mut rng), Err(Refusal::WrongData));
    }

    /// What the token draws after an RSA operation depends neither on who computed nor on the state of the blinding.
    #[test]
    fn an_operation_draws_32_bytes() {
        let mut key = Key::generate(&mut ChaCha20Rng::from_seed([22; 32])).unwrap();
        let [mut rng, mut other] = [(); 2].map(|()| ChaCha20Rng::from_seed([23; 32]));
        for _ in 0..2 {
            other.fill_bytes(&mut [0; 32]);
            key.raw(&[0x5A; BLOCK], &mut rng).unwrap();
            assert_eq!(rng.next_u64(), other.next_u64());
        }
    }
}
