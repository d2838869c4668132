//! The usbredir server: it shows one device to a QEMU guest, which needs no kernel module and no program for that.
//! Source: usbredir, docs/usb-redirection-protocol.md, version 0.7. Here is the *usb-host*, QEMU is the *usb-guest*.

mod session;
mod waiting;
mod guest;
mod describe;
mod codec;

pub(crate) use session::{Place, serve};
pub(crate) use waiting::Guests;
