//! The contract between the token and its hosts: bytes to types and back.
//!
//! No behaviour, no I/O, no std. Nothing here panics on a peer's bytes: every reader returns [`Malformed`],
//! which says which structure was wrong and why. Each module is named for the standard's word and cites the
//! clause beside the rule.
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
pub mod disclosure;
pub mod display;
pub mod attest;
pub mod shield;
pub mod piv;
pub mod sm2;
pub mod pin;
pub mod payment;
pub mod pkix;
pub mod currency;
pub mod brand;
pub mod algorithm;
pub mod apdu;
pub mod tlv;
pub mod ccid;
pub mod usbip;
pub mod usbredir;
pub mod pcsclite;
pub mod usb;
pub mod reason;
mod malformed;

pub use malformed::Malformed;
