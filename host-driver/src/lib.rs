//! Shows tokens to an operating system: over USB/IP, and over usbredir to QEMU's guests.
//!
//! An [`Exporter`] serves any number of [`urb::Device`]s, and a firmware token is one. [`make`] makes tokens or opens those
//! that are kept in a folder ([`store`]), and plugs them in; [`panel`] is a token's screen and buttons; [`control`] is how
//! another process looks at them and presses.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod make;
pub mod web;
pub mod control;
mod exporter;
mod entrance;
mod token_device;
pub mod usbip;
pub mod usbredir;
mod session;
mod connection;
mod listener;
mod readiness;
pub mod session_thread;
pub mod bus;
pub mod labour;
pub mod panel;
pub mod store;
pub mod journal;
pub mod capture;
pub mod urb;
pub mod log;
pub mod runtime;
pub mod memory;
pub mod paths;

pub use bus::{BusId, State, Unavailable};
pub use exporter::{Entry, Exporter, Listen, StartError, raise_descriptor_limit};
