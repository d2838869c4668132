//! URBs (USB request blocks) between a plug and a device: what a device is, and the queue of pending transfers.
//!
//! Every plug shares this: it turns its protocol's messages into [`Urb`]s, and [`Completion`]s into replies.

mod queue;
mod tap;
#[cfg(test)]
pub(crate) mod fake;
mod device;

pub use device::{Descriptors, Device, Done, Labour, Stall, Work};
pub use queue::{Completion, Limits, Overrun, Queue, Status, Transfer, Urb};
pub use tap::{Ending, Kind, Moment, Sight, Tap};
