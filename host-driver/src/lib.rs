//! Shows tokens to an operating system over USB/IP, and to QEMU's guests over usbredir.
//!
//! [`Exporter`] is the way in: it serves any number of [`urb::Device`]s, and a firmware token is one.
//! [`store`] keeps a token's records, [`panel`] is its screen and buttons.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod exporter;
mod entrance;
mod token_device;
pub mod usbip;
pub mod usbredir;
mod session;
mod connection;
pub mod session_thread;
pub mod bus;
pub mod labour;
pub mod panel;
pub mod peer;
pub mod store;
pub mod capture;
pub mod urb;

pub use bus::{BusId, State, Unavailable};
pub use exporter::{Entry, Exporter, Listen, StartError, raise_descriptor_limit};
