//! The USB/IP server: it shows devices to `vhci_hcd`, to usbip-win2 and to our own client.
//! Source: Linux, Documentation/usb/usbip_protocol.rst; where it is silent, drivers/usb/usbip and tools/usb/usbip.

mod session;
mod reply;
mod codec;

pub use session::serve;

pub use crate::session::Timing;
