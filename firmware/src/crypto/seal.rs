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
    // The key encrypts once, so that the nonce may be constant.
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
