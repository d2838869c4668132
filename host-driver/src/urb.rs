//! URBs (USB request blocks): what a device is, what a host asks of it, and the queue of transfers that wait.
//!
//! USB/IP and usbredir share this: each turns the messages of its protocol into [`Urb`]s, and [`Completion`]s into replies.

mod queue;
mod tap;
mod transfer;
#[cfg(test)]
pub(crate) mod fake;
mod device;

pub use device::{Descriptors, Device, Done, Labour, Stall, Work};
pub use queue::{Limits, Overrun, Queue};
pub(crate) use tap::Both;
pub use tap::{EndpointKind, Tap, Transfer, TransferEnd, TransferEvent};
pub use transfer::{Completion, Request, Status, Urb};
