//! Signatures of SM2 with SM3 (GB/T 32918.2-2016), as banks make and verify them. The identifier of who signs is the default one
//! (GM/T 0009, clause 10), and nobody can name another: a document that could choose its identifier would choose what its
//! signature is over.
//!
//! The arithmetic of the curve is the crate `sm2`'s. What stands on the arithmetic is here for the reasons that the token has
//! (docs/decisions/0048-sm2-on-the-token.md): that crate's signing key is not wiped, and its verifying takes as long for public
//! numbers as for secret ones.

mod private;
mod public;

pub use private::PrivateKey;
pub use public::PublicKey;

use sm2::{
    FieldBytes, ProjectivePoint, Scalar, U256,
    elliptic_curve::{ops::Reduce as _, point::AffineCoordinates as _},
};
use wire::algorithm::Curve;

/// Bytes of a field element, of a private key, and of a digest.
const FIELD: usize = Curve::Sm2.field();

/// The bytes as a number modulo n.
fn reduced(bytes: &[u8; FIELD]) -> Scalar {
    Scalar::reduce(&U256::from_be_slice(bytes))
}

/// The x coordinate modulo n.
fn x_coordinate(point: &ProjectivePoint) -> Scalar {
    let x: FieldBytes = point.to_affine().x();
    reduced(&x.into())
}

#[cfg(test)]
mod tests;
