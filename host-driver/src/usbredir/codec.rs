//! Packets of the guest. A header is checked before the bytes that it announces are waited for.

use wire::{
    Malformed,
    usbredir::{Capabilities, Header, ToHost},
};

use crate::urb::Overrun;

/// The capabilities of this server. Bulk streams are of USB 3, and buffered bulk input is for devices that send data without
/// being asked; a CCID reader does neither.
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
    /// The packet is not whole: as far as its header tells, it will have so many bytes.
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
