//! Encryption (GB/T 32918.4, 6 and 7).
#![allow(clippy::arithmetic_side_effects, reason = "numbers modulo n and points of a group do not overflow")]

use alloc::vec::Vec;

use sm2::{
    NonZeroScalar, ProjectivePoint, SecretKey,
    elliptic_curve::{Generate as _, Group as _},
};
use subtle::ConstantTimeEq as _;
use wire::sm2::Ciphertext;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Key, PublicKey, coordinates, derive};
use crate::{crypto::sm3, refusal::Refusal, seams::CryptoRng};

impl PublicKey {
    /// Encrypts for the owner of this key.
    ///
    /// # Errors
    /// `WrongData`: no bytes. The standard has no ciphertext of nothing.
    pub fn encrypt<R: CryptoRng + ?Sized>(&self, text: &[u8], rng: &mut R) -> Result<Ciphertext, Refusal> {
        if text.is_empty() {
            return Err(Refusal::WrongData);
        }
        loop {
            // A stream of zeros would show a short text as it is (6.1, A5): the draw is repeated.
            let nonce = SecretKey::generate_from_rng(rng);
            if let Some(ciphertext) = self.encrypt_with(text, &Zeroizing::new(nonce.to_nonzero_scalar())) {
                return Ok(ciphertext);
            }
        }
    }

    /// 6.1, A2 to A8; `None` for a nonce whose stream is zeros.
    pub(in crate::crypto) fn encrypt_with(&self, text: &[u8], nonce: &NonZeroScalar) -> Option<Ciphertext> {
        let [x, y] = *coordinates(&ProjectivePoint::mul_by_generator(nonce))?;
        let mut shared = self.projective() * **nonce;
        let secret = coordinates(&shared);
        shared.zeroize();
        let [x2, y2] = &*secret?;
        let mut encrypted = Vec::from(text);
        let stream = derive(&[x2, y2], text.len());
        add(&mut encrypted, &stream)?;
        Some(Ciphertext { x, y, hash: sm3::hash(&[x2, text, y2]), encrypted })
    }
}

impl Key {
    /// Decrypts (7.1, B1 to B6). The hash is compared in constant time, and no error says what was wrong.
    ///
    /// # Errors
    /// `WrongData`: not encrypted for this key, or changed.
    pub fn decrypt(&self, ciphertext: &Ciphertext) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let point = PublicKey::from_point(&ciphertext.point())?;
        let mut shared = point.projective() * **self.secret.scalar();
        let secret = coordinates(&shared);
        shared.zeroize();
        let secret = secret.ok_or(Refusal::WrongData)?;
        let [x2, y2] = &*secret;
        let stream = derive(&[x2, y2], ciphertext.encrypted.len());
        let mut text = Zeroizing::new(ciphertext.encrypted.clone());
        let streamed = add(&mut text, &stream).is_some();
        let hash = Zeroizing::new(sm3::hash(&[x2, &text, y2]));
        if streamed && bool::from(hash.ct_eq(&ciphertext.hash)) { Ok(text) } else { Err(Refusal::WrongData) }
    }
}

/// XOR; `None` when the stream is zeros alone, or empty.
fn add(text: &mut [u8], stream: &[u8]) -> Option<()> {
    let mut any = 0;
    for (text, stream) in text.iter_mut().zip(stream) {
        *text ^= stream;
        any |= stream;
    }
    (any != 0).then_some(())
}
