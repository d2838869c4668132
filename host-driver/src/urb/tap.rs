//! Whoever looks on: each transfer as it is submitted, and as it ends.

use wire::usb::Setup;

use super::queue::Status;

/// Sees the transfers of one host with one device, in their order.
pub trait Tap: Send + Sync {
    /// Called for each of them: must return fast.
    fn see(&mut self, sight: &Sight<'_>);
}

/// What is seen of a transfer.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The plug's number of the transfer.
    pub sequence: u64,
    /// The endpoint's address, with 0x80 for IN; for control the direction of the data stage.
    pub endpoint: u8,
    /// What kind of endpoint it is.
    pub kind: Kind,
    /// Which end of the transfer.
    pub moment: Moment<'a>,
}

/// Kinds of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Endpoint 0.
    Control,
    /// Bulk.
    Bulk,
    /// Interrupt.
    Interrupt,
}

/// The two ends of a transfer.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// It begins.
    Submitted {
        /// The setup packet of a control transfer.
        setup: Option<Setup>,
        /// Bytes to send, or the most to receive.
        length: usize,
        /// Data to the device.
        data: &'a [u8],
    },
    /// It is over.
    Ended {
        /// How.
        end: Ending,
        /// Bytes transferred, either way.
        length: usize,
        /// Data from the device.
        data: &'a [u8],
    },
}

/// How a transfer can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The device had a say.
    Status(Status),
    /// The host took it back.
    Unlinked,
    /// The host, or the device, went away.
    Shutdown,
}
