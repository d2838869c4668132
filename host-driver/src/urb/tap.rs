//! A tap: it is told of each transfer when the transfer begins, and again when it ends.

use wire::usb::Setup;

use super::transfer::Status;

/// Sees the transfers of one host with one device, in their order.
pub trait Tap: Send + Sync {
    /// Called twice for each transfer, while the device's session waits: must return fast.
    fn see(&mut self, transfer: &Transfer<'_>);
}

/// Two taps of the same transfers.
pub(crate) struct Both(pub(crate) Box<dyn Tap>, pub(crate) Box<dyn Tap>);

impl Tap for Both {
    fn see(&mut self, transfer: &Transfer<'_>) {
        self.0.see(transfer);
        self.1.see(transfer);
    }
}

/// What a tap is told of a transfer.
#[derive(Clone, Copy, Debug)]
pub struct Transfer<'a> {
    /// The number that the host's protocol gave the transfer.
    pub sequence: u64,
    /// The endpoint's address, with 0x80 for IN; for control the direction of the data stage.
    pub endpoint: u8,
    /// What kind of endpoint it is.
    pub kind: EndpointKind,
    /// Whether the transfer begins or ends.
    pub event: TransferEvent<'a>,
}

/// Kinds of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// Endpoint 0.
    Control,
    /// Bulk.
    Bulk,
    /// Interrupt.
    Interrupt,
}

/// The beginning or the end of a transfer.
#[derive(Clone, Copy, Debug)]
pub enum TransferEvent<'a> {
    /// The transfer begins.
    Submitted {
        /// The setup packet of a control transfer.
        setup: Option<Setup>,
        /// Bytes to send, or the most to receive.
        length: usize,
        /// Data to the device.
        data: &'a [u8],
    },
    /// The transfer is over.
    Ended {
        /// How it ended.
        end: TransferEnd,
        /// Bytes transferred, either way.
        length: usize,
        /// Data from the device.
        data: &'a [u8],
    },
}

/// How a transfer can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEnd {
    /// The device answered.
    Status(Status),
    /// The host took the transfer back.
    Unlinked,
    /// The host, or the device, went away.
    Shutdown,
}
