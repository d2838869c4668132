//! Signatures of SM2 with SM3 (GB/T 32918.2-2016). The equation stands here once, for the token and for the bank
//! (docs/decisions/0057-one-equation-of-sm2.md): [`Secret`] signs e, [`verifies`] verifies e, and [`z`] is the hash of who signs.
//!
//! A bank has [`PrivateKey`] and [`PublicKey`]. The identifier of who signs is the default one for both (GM/T 0009, clause 10), and
//! nobody can name another: a document that could choose its identifier would choose what its signature is over.
//!
//! The arithmetic of the curve is the crate `sm2`'s. What stands on the arithmetic is here for the reasons that the token has
//! (docs/decisions/0048-sm2-on-the-token.md): that crate's signing key is not wiped, and its verifying takes as long for public
//! numbers as for secret ones.
//!
//! No std: the token's firmware is on this crate. Nothing here panics on a peer's bytes.
#![no_std]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod private;
mod public;
mod equation;
mod identifier;

pub use equation::{Secret, reduced, verifies};
pub use identifier::{Identifier, z};
pub use private::PrivateKey;
pub use public::PublicKey;

use wire::algorithm::Curve;

/// Bytes of a field element, of a private key, and of a digest.
pub const FIELD: usize = Curve::Sm2.field();

#[cfg(test)]
mod tests;
