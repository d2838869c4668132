//! `libifd_ushield.so`: a reader driver for a machine's own pcscd, which reaches a token over USB/IP in user space, or
//! over USB. For machines that have a pcscd and no vhci.
//! Source: pcsc-lite, "MUSCLE PC/SC IFD Driver Developer Kit" (`ifdhandler.h`), IFD handler version 3.0.
//!
//! pcscd finds the driver by a file in its folder `reader.conf.d`:
//!
//! ```text
//! FRIENDLYNAME "U-shield"
//! DEVICENAME   usbip:127.0.0.1:3240/1-1
//! LIBPATH      /usr/local/lib/libifd_ushield.so
//! CHANNELID    0
//! ```
//!
//! What DEVICENAME may be is in [`Device`]. The token may come and go. While the token is away, the reader has no
//! card.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
pub mod entry;
mod table;
mod slot;
mod device;
mod journal;
pub mod code;

pub use device::Device;
