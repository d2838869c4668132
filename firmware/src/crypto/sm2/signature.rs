//! Signatures (GB/T 32918.2, 6 and 7), by the equation that banks verify with.

use sm2::NonZeroScalar;
use wire::sm2::Signature;

use super::{FIELD, Identifier, Key, PublicKey};

impl Key {
    /// Signs a message, for who has this identifier.
    pub fn sign(&self, identifier: Identifier<'_>, message: &[u8], extra: &[u8]) -> Signature {
        self.sign_digest(&self.public.digest(identifier, message), extra)
    }

    /// Signs e, with `extra` in the nonce.
    pub fn sign_digest(&self, e: &[u8; FIELD], extra: &[u8]) -> Signature {
        self.secret.sign(e, extra)
    }

    /// Signs e with a nonce that a known answer names; `None` for a nonce that makes no signature.
    pub(in crate::crypto) fn sign_with(&self, e: &[u8; FIELD], nonce: &NonZeroScalar) -> Option<Signature> {
        self.secret.sign_with(e, nonce)
    }
}

impl PublicKey {
    /// Whether the signature over e is this key's.
    pub fn verifies(&self, e: &[u8; FIELD], signature: &Signature) -> bool {
        sm2_signature::verifies(&self.projective(), e, signature)
    }
}
