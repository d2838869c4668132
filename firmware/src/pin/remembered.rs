//! What RAM remembers of a PIN that was right, so that the next VERIFY costs no stretching.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{crypto::hmac_sha256, seams::CryptoRng};

/// A keyed digest of the PIN that was right, for the time the token is plugged in.
pub(super) struct Remembered {
    key: Zeroizing<[u8; 32]>,
    digest: Zeroizing<[u8; 32]>,
}

impl Remembered {
    pub(super) fn new(pin: &[u8], rng: &mut impl CryptoRng) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *key);
        let digest = Zeroizing::new(hmac_sha256(&key, &[pin]));
        Self { key, digest }
    }

    pub(super) fn matches(&self, pin: &[u8]) -> bool {
        Zeroizing::new(hmac_sha256(&self.key, &[pin])).ct_eq(&*self.digest).into()
    }
}
