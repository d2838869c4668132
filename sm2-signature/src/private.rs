//! Signing (GB/T 32918.2, 6).

use std::fmt;

use rfc6979::KGenerator;
use sm2::{
    FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, SecretKey, Sm2, U256,
    elliptic_curve::{Curve as _, Group as _, PrimeField as _},
};
use sm3::Sm3;
use wire::sm2::Signature;
use zeroize::{Zeroize as _, Zeroizing};

use super::{FIELD, PublicKey, reduced, x_coordinate};

/// A private key, which is wiped when it is dropped.
pub struct PrivateKey {
    /// d.
    secret: NonZeroScalar,
    /// (1 + d)⁻¹, which each signature takes.
    inverse: Scalar,
    public: PublicKey,
}

impl PrivateKey {
    /// The key d. `None` for n - 1 (GB/T 32918.1, 6.1): 1 + d has no inverse then.
    pub fn new(secret: &SecretKey) -> Option<Self> {
        let scalar = secret.to_nonzero_scalar();
        let inverse = (*scalar + Scalar::ONE).invert().into_option()?;
        Some(Self { secret: scalar, inverse, public: PublicKey::of(&secret.public_key()) })
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message: the signature in DER (GM/T 0009, 7.3). The nonce is RFC 6979's, with SM3 as its hash, so that a bad random
    /// source cannot give the key away.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_digest(&self.public.digest(message)).bytes()
    }

    /// Signs e, which whoever calls has made of Z and the message (6.1, A2).
    pub fn sign_digest(&self, e: &[u8; FIELD]) -> Signature {
        let secret = Zeroizing::new(self.secret.to_repr());
        let order: U256 = *Sm2::ORDER;
        let mut nonces = KGenerator::<Sm3, U256>::new(&secret, e, &[], &order);
        loop {
            let mut bytes = Zeroizing::new(FieldBytes::default());
            nonces.fill_next_k(&mut bytes);
            let nonce = NonZeroScalar::from_repr(*bytes).into_option().map(Zeroizing::new);
            if let Some(signature) = nonce.and_then(|nonce| self.sign_with(e, &nonce)) {
                return signature;
            }
        }
    }

    /// 6.1, A4 to A7; `None` for a nonce that makes no signature.
    pub(super) fn sign_with(&self, e: &[u8; FIELD], nonce: &NonZeroScalar) -> Option<Signature> {
        let r = reduced(e) + x_coordinate(&ProjectivePoint::mul_by_generator(nonce));
        let sum = Zeroizing::new(r + **nonce);
        // s = (1 + d)⁻¹ · (k - r · d) = (1 + d)⁻¹ · (k + r) - r: one multiplication less.
        let s = self.inverse * *sum - r;
        let none = r.is_zero() | sum.is_zero() | s.is_zero();
        (!bool::from(none)).then(|| Signature { r: r.to_repr().into(), s: s.to_repr().into() })
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.inverse.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(SM2)")
    }
}
