//! The token: keys, PIN, screen and applets behind a USB interface, as a sans-IO state machine.
//!
//! No std, no sockets, no clock: time, randomness, storage and the panel are handed in ([`seams`]), so that the
//! same code runs in a test, in an emulator and on a microcontroller, and the same input gives the same bytes.
//! [`Token`] is the way in; `docs/path.md` follows one APDU through these modules.
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
#[cfg(any(test, feature = "fixtures"))]
extern crate std;

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod token;
mod usb;
mod ccid;
mod apdu;
mod piv;
mod shield;
mod applet;
mod application;
mod attestation;
mod vault;
mod consent;
mod pin;
mod record;
mod crypto;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixture;
pub mod profile;
pub mod refusal;
pub mod seams;

pub use application::Factory;
pub use crypto::{Memory, sm2, sm3, sm4, test_arithmetic_ahead};
pub use token::{Finished, Stall, Ticket, Token};
