//! USB network redirection (usbredir), by which QEMU takes one USB device over a stream.
//! Source: usbredir, docs/usb-redirection-protocol.md, version 0.7; the numbers are those of usbredirparser/usbredirproto.h,
//! which the text gives by name only. All numbers are little-endian and all structures packed.
//!
//! The *usb-guest* is the virtual machine, and the *usb-host* has the device. [`ToHost`] is what the usb-host may receive, and
//! [`ToGuest`] is what the usb-guest may receive.

mod to_host;
mod to_guest;

pub use to_guest::{DeviceConnect, Endpoint, EpInfo, Interface, ToGuest};
pub use to_host::ToHost;

use alloc::vec::Vec;

use crate::{Malformed, usb::Setup};

/// The longest data of a packet, in bytes, either way. The protocol's 32 bits could promise 4 GiB; no transfer of a
/// token's host comes near this.
pub const MAX_DATA: usize = 1 << 20;
/// The longest text of a filter, in bytes.
const MAX_FILTER: usize = 16 << 10;
/// The longest hello that is read, in bytes: 64 of text, and room for capabilities that are still to come.
const MAX_HELLO: usize = 64 + 4 * 16;

/// Packet types ("Packet type list").
pub mod packet {
    #![allow(missing_docs)]
    pub const HELLO: u32 = 0;
    pub const DEVICE_CONNECT: u32 = 1;
    pub const DEVICE_DISCONNECT: u32 = 2;
    pub const RESET: u32 = 3;
    pub const INTERFACE_INFO: u32 = 4;
    pub const EP_INFO: u32 = 5;
    pub const SET_CONFIGURATION: u32 = 6;
    pub const GET_CONFIGURATION: u32 = 7;
    pub const CONFIGURATION_STATUS: u32 = 8;
    pub const SET_ALT_SETTING: u32 = 9;
    pub const GET_ALT_SETTING: u32 = 10;
    pub const ALT_SETTING_STATUS: u32 = 11;
    pub const START_ISO_STREAM: u32 = 12;
    pub const STOP_ISO_STREAM: u32 = 13;
    pub const ISO_STREAM_STATUS: u32 = 14;
    pub const START_INTERRUPT_RECEIVING: u32 = 15;
    pub const STOP_INTERRUPT_RECEIVING: u32 = 16;
    pub const INTERRUPT_RECEIVING_STATUS: u32 = 17;
    pub const CANCEL_DATA_PACKET: u32 = 21;
    pub const FILTER_REJECT: u32 = 22;
    pub const FILTER_FILTER: u32 = 23;
    pub const DEVICE_DISCONNECT_ACK: u32 = 24;
    pub const CONTROL_PACKET: u32 = 100;
    pub const BULK_PACKET: u32 = 101;
    pub const ISO_PACKET: u32 = 102;
    pub const INTERRUPT_PACKET: u32 = 103;
}

/// What each side can do beyond version 0.3 ("usb_redir_hello").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// No capability, which is what holds until both hellos are there.
    pub const NONE: Self = Self(0);
    /// USB 3 bulk streams.
    pub const BULK_STREAMS: Self = Self(1 << 0);
    /// device_connect tells bcdDevice.
    pub const CONNECT_DEVICE_VERSION: Self = Self(1 << 1);
    /// filter_reject and filter_filter.
    pub const FILTER: Self = Self(1 << 2);
    /// device_disconnect_ack.
    pub const DEVICE_DISCONNECT_ACK: Self = Self(1 << 3);
    /// ep_info tells wMaxPacketSize.
    pub const EP_INFO_MAX_PACKET_SIZE: Self = Self(1 << 4);
    /// Packet ids of 64 bits.
    pub const IDS_64_BITS: Self = Self(1 << 5);
    /// Bulk packets of more than 65,535 bytes.
    pub const BULK_LENGTH_32_BITS: Self = Self(1 << 6);
    /// Buffered bulk input.
    pub const BULK_RECEIVING: Self = Self(1 << 7);

    /// The capabilities of either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The capabilities that both have.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all capabilities in `wanted` are there.
    pub const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// How a transfer or a request ended ("Status code list"). Any other number from a peer counts as an error, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The transfer ended well.
    Success = 0,
    /// The transfer was cancelled.
    Cancelled = 1,
    /// The packet names something that does not exist: an endpoint, a type, a length.
    Invalid = 2,
    /// Any other error.
    IoError = 3,
    /// The endpoint answered STALL.
    Stall = 4,
    /// The transfer took too long.
    Timeout = 5,
    /// The device sent more than was asked for.
    Babble = 6,
}

impl Status {
    const fn parse(byte: u8) -> Self {
        match byte {
            0 => Self::Success,
            1 => Self::Cancelled,
            2 => Self::Invalid,
            4 => Self::Stall,
            5 => Self::Timeout,
            6 => Self::Babble,
            _ => Self::IoError,
        }
    }
}

/// The header of each packet ("Basic packet structure").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// One of [`packet`].
    pub kind: u32,
    /// Bytes that follow the header.
    pub length: u32,
    /// The id that the guest gave to a request. The answer has the same id.
    pub id: u64,
}

impl Header {
    /// The header's length in bytes: 12, or 16 once both sides have said [`Capabilities::IDS_64_BITS`].
    pub const fn size(agreed: Capabilities) -> usize {
        if agreed.has(Capabilities::IDS_64_BITS) { 16 } else { 12 }
    }

    /// Reads a header; `None` while the bytes are not a whole one.
    pub fn parse(bytes: &[u8], agreed: Capabilities) -> Option<Self> {
        let (&[k0, k1, k2, k3, l0, l1, l2, l3, i0, i1, i2, i3], rest) = bytes.split_first_chunk::<12>()?;
        let id = if agreed.has(Capabilities::IDS_64_BITS) {
            let &[i4, i5, i6, i7] = rest.first_chunk::<4>()?;
            u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7])
        } else {
            u64::from(u32::from_le_bytes([i0, i1, i2, i3]))
        };
        let (kind, length) = (u32::from_le_bytes([k0, k1, k2, k3]), u32::from_le_bytes([l0, l1, l2, l3]));
        Some(Self { kind, length, id })
    }

    fn encode(self, agreed: Capabilities, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.kind.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        let id = self.id.to_le_bytes();
        let size = if agreed.has(Capabilities::IDS_64_BITS) { 8 } else { 4 };
        out.extend_from_slice(id.get(..size).unwrap_or_default());
    }
}

/// Writes a packet. `body` appends the bytes behind the header.
fn write(out: &mut Vec<u8>, kind: u32, id: u64, agreed: Capabilities, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    Header { kind, length: 0, id }.encode(agreed, out);
    let begins = out.len();
    body(out);
    let length = u32::try_from(out.len().saturating_sub(begins)).unwrap_or(u32::MAX);
    let place = out.get_mut(start..).and_then(|packet| packet.get_mut(4..8));
    if let Some(place) = place {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// usb_redir_hello: the first packet of each side, always with an id of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The name of the program that speaks, for logs. At most 63 bytes of it are sent.
    pub version: &'a [u8],
    /// What the speaker can do.
    pub capabilities: Capabilities,
}

impl<'a> Hello<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let (version, capabilities) =
            body.split_first_chunk::<64>().ok_or(Malformed::new("usbredir hello", "under 64 bytes"))?;
        if !capabilities.len().is_multiple_of(4) {
            return Err(Malformed::new("usbredir hello", "capabilities are not whole words"));
        }
        let end = version.iter().take(63).position(|byte| *byte == 0).unwrap_or(63);
        // Further words tell of capabilities that nobody had thought of yet.
        let first = capabilities.first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
        Ok(Self { version: version.get(..end).unwrap_or_default(), capabilities: Capabilities(first) })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        write(out, packet::HELLO, 0, Capabilities::NONE, |out| {
            let mut version = [0; 64];
            for (place, byte) in version.iter_mut().take(63).zip(self.version) {
                *place = *byte;
            }
            out.extend_from_slice(&version);
            out.extend_from_slice(&self.capabilities.0.to_le_bytes());
        });
    }
}

/// usb_redir_control_packet, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// The endpoint: 0 with data to the device, 0x80 with data from the device.
    pub endpoint: u8,
    /// How the transfer ended. On the way to the host this says nothing.
    pub status: Status,
    /// bmRequestType, bRequest, wValue and wIndex. wLength holds the bytes to transfer, or the bytes transferred.
    pub setup: Setup,
}

impl Control {
    const SIZE: usize = 10;

    const fn parse(bytes: [u8; Self::SIZE]) -> Self {
        let [endpoint, request, request_type, status, v0, v1, i0, i1, l0, l1] = bytes;
        let setup = Setup::parse([request_type, request, v0, v1, i0, i1, l0, l1]);
        Self { endpoint, status: Status::parse(status), setup }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let [request_type, request, v0, v1, i0, i1, l0, l1] = self.setup.bytes();
        let (endpoint, status) = (self.endpoint, self.status as u8);
        out.extend_from_slice(&[endpoint, request, request_type, status, v0, v1, i0, i1, l0, l1]);
    }
}

/// usb_redir_bulk_packet, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bulk {
    /// The endpoint's address, with 0x80 for IN.
    pub endpoint: u8,
    /// How the transfer ended. On the way to the host this says nothing.
    pub status: Status,
    /// Bytes to transfer, or transferred. Over 65,535 only with [`Capabilities::BULK_LENGTH_32_BITS`].
    pub length: u32,
    /// The stream, which is 0 without bulk streams.
    pub stream: u32,
}

impl Bulk {
    const fn size(agreed: Capabilities) -> usize {
        if agreed.has(Capabilities::BULK_LENGTH_32_BITS) { 10 } else { 8 }
    }

    fn parse(bytes: &[u8], agreed: Capabilities) -> Option<(Self, &[u8])> {
        let (&[endpoint, status, l0, l1, s0, s1, s2, s3], mut rest) = bytes.split_first_chunk::<8>()?;
        let (mut l2, mut l3) = (0, 0);
        if agreed.has(Capabilities::BULK_LENGTH_32_BITS) {
            let (&[high0, high1], after) = rest.split_first_chunk::<2>()?;
            (l2, l3, rest) = (high0, high1, after);
        }
        let (length, stream) = (u32::from_le_bytes([l0, l1, l2, l3]), u32::from_le_bytes([s0, s1, s2, s3]));
        Some((Self { endpoint, status: Status::parse(status), length, stream }, rest))
    }

    fn encode(&self, agreed: Capabilities, out: &mut Vec<u8>) {
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        let [s0, s1, s2, s3] = self.stream.to_le_bytes();
        out.extend_from_slice(&[self.endpoint, self.status as u8, l0, l1, s0, s1, s2, s3]);
        if agreed.has(Capabilities::BULK_LENGTH_32_BITS) {
            out.extend_from_slice(&[l2, l3]);
        }
    }
}

/// usb_redir_interrupt_packet and usb_redir_iso_packet, without their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The endpoint's address, with 0x80 for IN.
    pub endpoint: u8,
    /// How the transfer ended. On the way to the host this says nothing.
    pub status: Status,
    /// Bytes transferred.
    pub length: u16,
}

impl Interrupt {
    const SIZE: usize = 4;

    const fn parse([endpoint, status, l0, l1]: [u8; Self::SIZE]) -> Self {
        Self { endpoint, status: Status::parse(status), length: u16::from_le_bytes([l0, l1]) }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let [l0, l1] = self.length.to_le_bytes();
        out.extend_from_slice(&[self.endpoint, self.status as u8, l0, l1]);
    }
}

/// Requires that data goes in the packet's one direction only, and has as many bytes as its header says.
fn fits(data: &[u8], travels: bool, length: usize) -> Result<(), Malformed> {
    if data.len() == if travels { length } else { 0 } {
        Ok(())
    } else {
        Err(Malformed::new("usbredir packet", "its data is not as long as it says"))
    }
}

#[cfg(test)]
mod tests;
