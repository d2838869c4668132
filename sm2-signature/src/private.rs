//! A bank's private key.

use alloc::vec::Vec;
use core::fmt;

use sm2::SecretKey;
use wire::sm2::Signature;

use crate::{FIELD, PublicKey, equation::Secret};

/// A private key, which is wiped when it is dropped.
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
}

impl PrivateKey {
    /// The key d. `None` for n - 1 (GB/T 32918.1, 6.1), which is no key.
    pub fn new(secret: &SecretKey) -> Option<Self> {
        Some(Self { secret: Secret::new(secret)?, public: PublicKey::of(&secret.public_key()) })
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message: the signature in DER (GM/T 0009, 7.3).
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_digest(&self.public.digest(message)).bytes()
    }

    /// Signs e, which whoever calls has made of Z and the message (GB/T 32918.2, 6.1, A2).
    pub fn sign_digest(&self, e: &[u8; FIELD]) -> Signature {
        self.secret.sign(e, &[])
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(SM2)")
    }
}
