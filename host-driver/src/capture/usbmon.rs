//! usbmon's header (Linux, Documentation/usb/usbmon.rst, `struct usbmon_packet`), 64 bytes, in the file's byte order.

use wire::usb::Setup;

use super::Place;
use crate::urb::{EndpointKind, Status, Transfer, TransferEnd, TransferEvent};

/// Negative errno values of Linux.
const EINPROGRESS: i32 = -115;
const EPIPE: i32 = -32;
const EOVERFLOW: i32 = -75;
const ECONNRESET: i32 = -104;
const ESHUTDOWN: i32 = -108;

/// The header of what was seen, with the setup packet as it is shown, and `captured` bytes behind it.
pub(super) fn header(
    place: Place,
    transfer: &Transfer<'_>,
    setup: Option<Setup>,
    microseconds: u64,
    captured: usize,
) -> [u8; 64] {
    let is_in = transfer.endpoint & 0x80 != 0;
    let (kind, status, length) = match transfer.event {
        TransferEvent::Submitted { length, .. } => (b'S', EINPROGRESS, length),
        TransferEvent::Ended { end, length, .. } => (b'C', status(end), length),
    };
    let flag_data = match (captured, kind, is_in) {
        (1.., ..) => 0,
        (_, b'S', true) => b'<',
        (_, b'C', false) => b'>',
        _ => 0,
    };
    let mut out = [0; 64];
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    let word = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    put(0, &transfer.sequence.to_le_bytes());
    put(8, &[kind, transfer_type(transfer.kind), transfer.endpoint, place.device]);
    put(12, &place.bus.to_le_bytes());
    put(14, &[if setup.is_some() { 0 } else { b'-' }, flag_data]);
    put(16, &(microseconds / 1_000_000).to_le_bytes());
    put(24, &((microseconds % 1_000_000) as u32).to_le_bytes());
    put(28, &status.to_le_bytes());
    put(32, &word(length));
    put(36, &word(captured));
    if let Some(setup) = setup {
        put(40, &setup.bytes());
    }
    out
}

const fn transfer_type(kind: EndpointKind) -> u8 {
    match kind {
        EndpointKind::Interrupt => 1,
        EndpointKind::Control => 2,
        EndpointKind::Bulk => 3,
    }
}

const fn status(end: TransferEnd) -> i32 {
    match end {
        TransferEnd::Status(Status::Ok) => 0,
        TransferEnd::Status(Status::Stall) => EPIPE,
        TransferEnd::Status(Status::Overflow) => EOVERFLOW,
        TransferEnd::Unlinked => ECONNRESET,
        TransferEnd::Shutdown => ESHUTDOWN,
    }
}
