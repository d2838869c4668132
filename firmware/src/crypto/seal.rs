//! Envelopes for what is stored. [`seal`] needs only a public half, so that a key can be made without the PIN;
//! [`wrap`] needs the key that opens it. Both bind the context: an envelope moved to another record does not open.

use alloc::vec::Vec;
use core::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::p256::{self, POINT};
use crate::{refusal::Refusal, seams::CryptoRng};

const NONCE: usize = 12;
const LABEL: &[u8] = b"ushield seal 1";

/// The private half of the vault's key: a P-256 scalar, wiped when dropped.
pub struct OpeningKey(p256::Key);

/// Its public half, a point of P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingKey {
    key: ::p256::PublicKey,
    point: Vec<u8>,
}

impl SealingKey {
    /// The uncompressed point, 65 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.point.clone()
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// `WrongData`: not a point of the curve.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        Ok(Self { key: p256::peer(bytes)?, point: bytes.to_vec() })
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningKey")
    }
}

impl OpeningKey {
    /// Makes a key pair.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(p256::Key::generate(rng))
    }

    /// The public half.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey { key: self.0.public(), point: self.0.point() }
    }

    /// The scalar, 32 bytes.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.to_bytes()
    }

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// `WrongData`: not a private key of P-256.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        p256::Key::from_bytes(bytes).map(Self)
    }

    /// Opens what [`seal`] made with the same context.
    ///
    /// # Errors
    /// `Fault`: made for another key or context, or damaged.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let (ephemeral, body) = sealed.split_at_checked(POINT).ok_or(Refusal::Fault)?;
        let shared = self.0.agree(ephemeral).map_err(|_| Refusal::Fault)?;
        let key = derive(&shared, ephemeral, &self.0.point());
        decrypt(&key, &[0; NONCE], context, body)
    }
}

/// Seals `plain` to the public half: the ephemeral point (65 bytes), then AES-256-GCM under the key that HKDF-SHA256
/// derives from the ECDH secret (the scheme of SEC 1, 5.1 in today's parts). 81 bytes longer than `plain`.
pub fn seal<R: CryptoRng + ?Sized>(to: &SealingKey, context: &[u8], plain: &[u8], rng: &mut R) -> Vec<u8> {
    let ephemeral = p256::Key::generate(rng);
    let mut sealed = ephemeral.point();
    let shared = ephemeral.agree_with(&to.key);
    let key = derive(&shared, &sealed, &to.point);
    // Each key encrypts one envelope only, so the nonce may be constant.
    sealed.extend_from_slice(&encrypt(&key, &[0; NONCE], context, plain));
    sealed
}

/// Wraps `plain` under a symmetric key: a random nonce (12 bytes), then AES-256-GCM. 28 bytes longer than `plain`.
/// A key may wrap 2³² times (SP 800-38D, 8.3); flash wears out long before.
pub fn wrap<R: CryptoRng + ?Sized>(key: &[u8; 32], context: &[u8], plain: &[u8], rng: &mut R) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let mut wrapped = nonce.to_vec();
    wrapped.extend_from_slice(&encrypt(key, &nonce, context, plain));
    wrapped
}

/// Unwraps what [`wrap`] made with the same key and context.
///
/// # Errors
/// `Fault`: another key (a wrong PIN, where a PIN was stretched into it) or context, or damaged.
pub fn unwrap(key: &[u8; 32], context: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (nonce, body) = wrapped.split_first_chunk::<NONCE>().ok_or(Refusal::Fault)?;
    decrypt(key, nonce, context, body)
}

/// HKDF-SHA256 (RFC 5869) over the shared secret; both points are bound, so that no other pair gives this key.
fn derive(shared: &[u8], ephemeral: &[u8], recipient: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    // The error is for more than 255 blocks of output (RFC 5869, 2.3).
    let _one_block =
        Hkdf::<Sha256>::new(Some(LABEL), shared).expand_multi_info(&[ephemeral, recipient], &mut *key);
    key
}

/// AES-256-GCM (SP 800-38D): the ciphertext, then the tag of 16 bytes.
pub(super) fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plain, aad: context };
    // The error is for more than 64 GiB; an empty envelope would not open.
    Aes256Gcm::new(key.into()).encrypt(&Nonce::from(*nonce), payload).unwrap_or_default()
}

/// Undoes [`encrypt`].
pub(super) fn decrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    context: &[u8],
    body: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let payload = Payload { msg: body, aad: context };
    let plain = Aes256Gcm::new(key.into()).decrypt(&Nonce::from(*nonce), payload);
    plain.map(Zeroizing::new).map_err(|_| Refusal::Fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::hmac_sha256;
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    fn rng(seed: u8) -> ChaCha20Rng {
        ChaCha20Rng::from_seed([seed; 32])
    }

    #[test]
    fn what_is_sealed_opens_for_its_key_and_context_only() {
        let key = OpeningKey::generate(&mut rng(1));
        let sealed = seal(&key.sealing_key(), b"9a", b"a private key", &mut rng(2));
        assert_eq!(sealed.len(), 13 + 81);
        assert_eq!(**key.open(b"9a", &sealed).unwrap(), *b"a private key");
        let again = OpeningKey::from_bytes(&key.to_bytes()).unwrap();
        let sealing = SealingKey::from_bytes(&again.sealing_key().to_bytes()).unwrap();
        assert_eq!(**again.open(b"", &seal(&sealing, b"", b"", &mut rng(3))).unwrap(), *b"");

        assert_eq!(key.open(b"9c", &sealed), Err(Refusal::Fault));
        assert_eq!(OpeningKey::generate(&mut rng(4)).open(b"9a", &sealed), Err(Refusal::Fault));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(key.open(b"9a", &damaged), Err(Refusal::Fault), "byte {at}");
            assert_eq!(key.open(b"9a", &sealed[..at]), Err(Refusal::Fault), "cut at {at}");
        }
        assert_ne!(seal(&key.sealing_key(), b"9a", b"a private key", &mut rng(5)), sealed);
    }

    #[test]
    fn what_is_wrapped_unwraps_with_its_key_and_context_only() {
        let wrapped = wrap(&[1; 32], b"vault", b"secret", &mut rng(1));
        assert_eq!(wrapped.len(), 6 + 28);
        assert_eq!(**unwrap(&[1; 32], b"vault", &wrapped).unwrap(), *b"secret");
        assert_eq!(unwrap(&[2; 32], b"vault", &wrapped), Err(Refusal::Fault));
        assert_eq!(unwrap(&[1; 32], b"other", &wrapped), Err(Refusal::Fault));
        for at in 0..wrapped.len() {
            let mut damaged = wrapped.clone();
            damaged[at] ^= 0x80;
            assert_eq!(unwrap(&[1; 32], b"vault", &damaged), Err(Refusal::Fault), "byte {at}");
            assert_eq!(unwrap(&[1; 32], b"vault", &wrapped[..at]), Err(Refusal::Fault), "cut at {at}");
        }
    }

    /// RFC 5869, 2.2 and 2.3, spelled out with HMAC.
    #[test]
    fn the_key_is_hkdf() {
        let extracted = hmac_sha256(LABEL, &[b"shared"]);
        let expanded = hmac_sha256(extracted, &[b"ephemeral", b"recipient", &[1]]);
        assert_eq!(*derive(b"shared", b"ephemeral", b"recipient"), expanded);
    }

    #[test]
    fn no_key_shows_itself() {
        assert_eq!(std::format!("{:?}", OpeningKey::generate(&mut rng(1))), "OpeningKey");
        assert!(SealingKey::from_bytes(&[4; 65]).is_err());
        assert!(OpeningKey::from_bytes(&[0; 32]).is_err());
    }
}
