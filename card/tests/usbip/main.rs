//! The USB/IP client against a server whose codec others wrote (the `usbip` crate's), well and ill behaved.

mod fake;
mod server;

mod hostile;
mod session;
mod unlink;
