//! The host's view of one token: how to find it, how to talk to it, and its commands with their types.
//!
//! Blocking, without an async runtime and without threads of its own, so that a dynamic library (PKCS#11, IFD) may
//! link it into any process. The crate knows the token's bytes only (`wire`), never the token's code.
//!
//! ```no_run
//! use card::{Error, road, shield::Shield};
//!
//! fn main() -> Result<(), Error> {
//!     let mut card = road::open(&road::Selection::from_environment()?)?;
//!     let information = Shield::select(&mut card)?.information()?;
//!     println!("{} {}", information.brand, information.serial);
//!     Ok(())
//! }
//! ```

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod watch;
pub mod holding;
pub mod road;
pub mod pcsc;
pub mod shield;
pub mod piv;
pub mod card;
pub mod feature;
pub mod ccid;
pub mod usb;
pub mod usbip;
pub mod pipe;
pub mod trace;
pub mod config;
mod compressed;
mod socket;
mod environment;
pub mod fork;
pub mod error;

pub use card::{Answer, Card, PinState, Transmit};
pub use error::{Account, Error, SlotError};
pub use pipe::Pipe;
