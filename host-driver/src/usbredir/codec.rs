//! Packets of the guest: a header is judged before anything that it promises is waited for.

use wire::{
    Malformed,
    usbredir::{Capabilities, Header, ToHost},
};

use crate::urb::Overrun;

/// What we can do. Not bulk streams (USB 3), and not buffered bulk input, which is for devices that pour out data
/// unasked: a CCID reader answers.
pub(super) const OURS: Capabilities = Capabilities::CONNECT_DEVICE_VERSION
    .with(Capabilities::FILTER)
    .with(Capabilities::DEVICE_DISCONNECT_ACK)
    .with(Capabilities::EP_INFO_MAX_PACKET_SIZE)
    .with(Capabilities::IDS_64_BITS)
    .with(Capabilities::BULK_LENGTH_32_BITS);

/// A packet, or what is missing of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// The packet with its id, and how many bytes it took.
    Whole(u64, ToHost<'a>, usize),
    /// The packet will be this long, in bytes, as far as one can tell.
    Partial(usize),
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the first packet is not a hello, or a later one is")]
    Hello,
    #[error("the id of a pending packet was used again")]
    Id,
    #[error(transparent)]
    Overrun(#[from] Overrun),
    #[error(
        "the guest refuses the device: its filter does, or its controller has no port for full speed (usb-ehci has \
         none of its own: use qemu-xhci, or ich9-usb-ehci1 with its companions)"
    )]
    Rejected,
}

/// Reads the first packet of `buffer`.
///
/// # Errors
/// The guest breaks the protocol; nothing that follows can be trusted.
pub(super) fn next(buffer: &[u8], agreed: Capabilities) -> Result<Frame<'_>, Violation> {
    let size = Header::size(agreed);
    let Some(header) = Header::parse(buffer, agreed) else { return Ok(Frame::Partial(size)) };
    let length = size + ToHost::body(header, agreed)?;
    match buffer.get(size..length) {
        Some(body) => Ok(Frame::Whole(header.id, ToHost::parse(header.kind, body, agreed)?, length)),
        None => Ok(Frame::Partial(length)),
    }
}
