//! The equation (GB/T 32918.2, 6 and 7), of numbers and points. What e is made of is for [`crate::z`] and for whoever calls.
#![allow(clippy::arithmetic_side_effects, reason = "numbers modulo n and points of a group do not overflow")]

use core::fmt;

use rfc6979::KGenerator;
use sm2::{
    FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, SecretKey, Sm2, U256,
    elliptic_curve::{
        Curve as _, Group as _, PrimeField as _,
        ops::{MulByGeneratorVartime as _, Reduce as _},
        point::AffineCoordinates as _,
    },
};
use sm3::Sm3;
use wire::sm2::Signature;
use zeroize::{Zeroize as _, Zeroizing};

use crate::FIELD;

/// A private key, which is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret {
    /// d.
    scalar: NonZeroScalar,
    /// (1 + d)⁻¹, which each signature takes.
    inverse: Scalar,
}

impl Secret {
    /// The key d. `None` for n - 1 (GB/T 32918.1, 6.1): 1 + d has no inverse then.
    pub fn new(secret: &SecretKey) -> Option<Self> {
        let scalar = secret.to_nonzero_scalar();
        let inverse = (*scalar + Scalar::ONE).invert().into_option()?;
        Some(Self { scalar, inverse })
    }

    /// d, which the encryption and the key exchange of the standard multiply points by.
    pub const fn scalar(&self) -> &NonZeroScalar {
        &self.scalar
    }

    /// Signs e (6.1, A2). The nonce is that of RFC 6979 with SM3 as its hash and with `extra` as its additional data (3.6): a bad random
    /// source does not give the key away. With random bytes in `extra` a glitch cannot make two signatures with one nonce.
    pub fn sign(&self, e: &[u8; FIELD], extra: &[u8]) -> Signature {
        let secret = Zeroizing::new(self.scalar.to_repr());
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

    /// 6.1, A4 to A7; `None` for a nonce that makes no signature. For known answers: whoever knows the nonce knows the key.
    pub fn sign_with(&self, e: &[u8; FIELD], nonce: &NonZeroScalar) -> Option<Signature> {
        let r = reduced(e) + x_coordinate(&ProjectivePoint::mul_by_generator(nonce));
        let sum = Zeroizing::new(r + **nonce);
        // s = (1 + d)⁻¹ · (k - r · d) = (1 + d)⁻¹ · (k + r) - r: one multiplication less.
        let s = self.inverse * *sum - r;
        let none = r.is_zero() | sum.is_zero() | s.is_zero();
        (!bool::from(none)).then(|| Signature { r: r.to_repr().into(), s: s.to_repr().into() })
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.scalar.zeroize();
        self.inverse.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(SM2)")
    }
}

/// Whether the signature over e is that of the key with this point (7.1, B1 to B7). The standard has no x coordinate for the point at
/// infinity, and so a signature that leads there is none.
pub fn verifies(key: &ProjectivePoint, e: &[u8; FIELD], signature: &Signature) -> bool {
    let number = |bytes: [u8; FIELD]| NonZeroScalar::from_repr(bytes.into()).into_option();
    let (Some(r), Some(s)) = (number(signature.r), number(signature.s)) else { return false };
    let t = *r + *s;
    // All numbers are public, and so the time may depend on them.
    let point = ProjectivePoint::mul_by_generator_and_mul_add_vartime(&s, &t, key);
    let wrong = t.is_zero() | point.is_identity();
    !bool::from(wrong) && reduced(e) + x_coordinate(&point) == *r
}

/// The bytes as a number modulo n.
pub fn reduced(bytes: &[u8; FIELD]) -> Scalar {
    Scalar::reduce(&U256::from_be_slice(bytes))
}

/// The x coordinate modulo n.
fn x_coordinate(point: &ProjectivePoint) -> Scalar {
    reduced(&point.to_affine().x().into())
}
