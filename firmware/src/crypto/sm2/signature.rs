//! Signatures (GB/T 32918.2, 6 and 7).
#![allow(clippy::arithmetic_side_effects, reason = "numbers modulo n and points of a group do not overflow")]

use rfc6979::KGenerator;
use sm2::{
    FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, Sm2, U256,
    elliptic_curve::{
        Curve as _, Group as _, PrimeField as _, ops::MulByGeneratorVartime as _,
        point::AffineCoordinates as _,
    },
};
use sm3::Sm3;
use wire::sm2::Signature;
use zeroize::Zeroizing;

use super::{FIELD, Identifier, Key, PublicKey, reduced};

impl Key {
    /// Signs a message, for who has this identifier.
    pub fn sign(&self, identifier: Identifier<'_>, message: &[u8], extra: &[u8]) -> Signature {
        self.sign_digest(&self.public.digest(identifier, message), extra)
    }

    /// Signs e. The nonce is that of RFC 6979 with SM3 as its hash and with `extra` as its additional data (3.6): a bad random
    /// source does not give the key away, and a glitch cannot make two signatures with one nonce.
    pub fn sign_digest(&self, e: &[u8; FIELD], extra: &[u8]) -> Signature {
        let secret = Zeroizing::new(self.secret.to_repr());
        let order: U256 = *Sm2::ORDER;
        let mut nonces = KGenerator::<Sm3, U256>::new(&secret, e, extra, &order);
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
    pub(in crate::crypto) fn sign_with(&self, e: &[u8; FIELD], nonce: &NonZeroScalar) -> Option<Signature> {
        let r = reduced(e) + x_coordinate(&ProjectivePoint::mul_by_generator(nonce));
        let sum = Zeroizing::new(r + **nonce);
        // s = (1 + d)⁻¹ · (k - r · d) = (1 + d)⁻¹ · (k + r) - r: one multiplication less.
        let s = self.inverse * *sum - r;
        let none = r.is_zero() | sum.is_zero() | s.is_zero();
        (!bool::from(none)).then(|| Signature { r: r.to_repr().into(), s: s.to_repr().into() })
    }
}

impl PublicKey {
    /// Whether the signature over e is this key's (7.1, B1 to B7).
    pub fn verifies(&self, e: &[u8; FIELD], signature: &Signature) -> bool {
        let number = |bytes: [u8; FIELD]| NonZeroScalar::from_repr(bytes.into()).into_option();
        let (Some(r), Some(s)) = (number(signature.r), number(signature.s)) else { return false };
        let t = *r + *s;
        let point = ProjectivePoint::mul_by_generator_and_mul_add_vartime(&s, &t, &self.projective());
        let wrong = t.is_zero() | point.is_identity();
        !bool::from(wrong) && reduced(e) + x_coordinate(&point) == *r
    }
}

/// The x coordinate modulo n.
fn x_coordinate(point: &ProjectivePoint) -> Scalar {
    reduced(&point.to_affine().x().into())
}
