//! RSA with a 2048-bit modulus and exponent 65537 (SP 800-78-4, table 3-1): the private operation on a padded block.

use alloc::{boxed::Box, vec::Vec};

use rsa::{
    BoxedUint,
    hazmat::{rsa_decrypt_and_check, rsa_encrypt},
    pkcs8::EncodePublicKey as _,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use wire::piv;
use zeroize::{Zeroize as _, Zeroizing};

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
#[derive(Clone)]
pub(super) struct Key(Box<rsa::PrivateKey>);

impl Key {
    /// Takes from tens of milliseconds to seconds: for [`super::Job`] only.
    pub(super) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, Refusal> {
        let bits = usize::try_from(BITS).map_err(|_| Refusal::Fault)?;
        rsa::PrivateKey::new(rng, bits).map(|key| Self(Box::new(key))).map_err(|_| Refusal::Fault)
    }

    /// Both primes, 128 bytes each; the exponent is always 65537.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BLOCK));
        for prime in self.0.primes() {
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
        if key.size() != BLOCK { Err(Refusal::WrongData) } else { Ok(Self(Box::new(key))) }
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
        let key = Self::from_bytes(&primes)?;
        let coefficient = key.0.crt_coefficient().map(Zeroizing::new);
        let derived = [(key.0.dp(), dp), (key.0.dq(), dq), (coefficient.as_deref(), qinv)];
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
        piv::PublicKey::Rsa { modulus: &self.0.n_bytes(), exponent: &self.0.e_bytes() }.bytes()
    }

    /// SubjectPublicKeyInfo (RFC 8017, A.1), DER.
    pub(super) fn spki(&self) -> Vec<u8> {
        self.0.as_public_key().to_public_key_der().map(|der| der.to_vec()).unwrap_or_default()
    }

    /// RSADP and RSASP1 (RFC 8017, 5.1.2 and 5.2.1): base, exponents and CRT moduli blinded; the result is checked
    /// with the public key, because one faulty CRT half gives away the factors.
    pub(super) fn raw<R: CryptoRng + ?Sized>(
        &self,
        block: &[u8],
        rng: &mut R,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        if block.len() != BLOCK {
            return Err(Refusal::WrongData);
        }
        let representative = BoxedUint::from_be_slice(block, BITS).map_err(|_| Refusal::WrongData)?;
        if representative >= *self.0.n().as_ref() {
            return Err(Refusal::WrongData);
        }
        let mut result =
            rsa_decrypt_and_check(&*self.0, Some(rng), &representative).map_err(|_| Refusal::Fault)?;
        let bytes = Zeroizing::new(result.to_be_bytes().into_vec());
        result.zeroize();
        Ok(bytes)
    }

    /// Whether the public operation on `block` gives `result` (RSAEP, RFC 8017, 5.1.1).
    pub(super) fn encrypts(&self, block: &[u8], result: &[u8]) -> bool {
        let Ok(block) = BoxedUint::from_be_slice(block, BITS) else { return false };
        rsa_encrypt(self.0.as_public_key(), &block).is_ok_and(|found| *found.to_be_bytes() == *result)
    }
}
