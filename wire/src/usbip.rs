//! USB/IP messages as the client writes and reads them.
//! Source: Linux, Documentation/usb/usbip_protocol.rst. All numbers are big-endian.
//!
//! The server uses the codec of the `usbip` crate. The tests below hold that codec against this one.

use alloc::{string::String, vec::Vec};

use crate::Malformed;

/// The protocol's version, in each OP message.
pub const VERSION: u16 = 0x0111;
/// The port that IANA assigned.
pub const PORT: u16 = 3240;
/// What the address of a server begins with that is the path of a Unix socket.
pub const UNIX: &str = "unix:";
/// Bytes of an OP header: version, code, status.
pub const OP_HEADER: usize = 8;
/// Bytes of a device in a list or an import reply.
pub const DEVICE: usize = 312;
/// Bytes of the header of each URB message.
pub const URB_HEADER: usize = 48;

const REQ_IMPORT: u16 = 0x8003;
const REQ_DEVLIST: u16 = 0x8005;
const REP_IMPORT: u16 = 0x0003;
const REP_DEVLIST: u16 = 0x0005;
const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

/// Status words of an import reply (Linux, tools/usb/usbip/libsrc/usbip_common.h).
pub mod op_status {
    #![allow(missing_docs)]
    pub const OK: u32 = 0;
    pub const UNAVAILABLE: u32 = 1;
    pub const BUSY: u32 = 2;
    pub const ERROR: u32 = 3;
    pub const NO_DEVICE: u32 = 4;
}

/// URB status words: negative errno values of Linux.
pub mod urb_status {
    #![allow(missing_docs)]
    pub const OK: i32 = 0;
    pub const ENOENT: i32 = -2;
    pub const EPIPE: i32 = -32;
    pub const EPROTO: i32 = -71;
    pub const EOVERFLOW: i32 = -75;
    pub const ECONNRESET: i32 = -104;
    pub const ESHUTDOWN: i32 = -108;
}

/// OP_REQ_DEVLIST.
pub const fn request_list() -> [u8; OP_HEADER] {
    let ([v0, v1], [c0, c1]) = (VERSION.to_be_bytes(), REQ_DEVLIST.to_be_bytes());
    [v0, v1, c0, c1, 0, 0, 0, 0]
}

/// OP_REQ_IMPORT.
///
/// # Errors
/// A bus id over 31 bytes.
pub fn request_import(bus_id: &str) -> Result<Vec<u8>, Malformed> {
    if bus_id.len() > 31 {
        return Err(Malformed::new("bus id", "over 31 bytes"));
    }
    let mut out = Vec::with_capacity(40);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&REQ_IMPORT.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(bus_id.as_bytes());
    out.resize(40, 0);
    Ok(out)
}

/// Reads the eight bytes that open a reply to a list request. Returns the status.
///
/// # Errors
/// Another version or code.
pub fn parse_list_header(bytes: [u8; OP_HEADER]) -> Result<u32, Malformed> {
    op_header(bytes, REP_DEVLIST)
}

/// Reads the eight bytes that open a reply to an import request. Returns the status, one of [`op_status`].
///
/// # Errors
/// Another version or code.
pub fn parse_import_header(bytes: [u8; OP_HEADER]) -> Result<u32, Malformed> {
    op_header(bytes, REP_IMPORT)
}

fn op_header(bytes: [u8; OP_HEADER], code: u16) -> Result<u32, Malformed> {
    let [v0, v1, c0, c1, s0, s1, s2, s3] = bytes;
    if u16::from_be_bytes([v0, v1]) != VERSION {
        return Err(Malformed::new("USB/IP reply", "version is not 0111"));
    }
    if u16::from_be_bytes([c0, c1]) != code {
        return Err(Malformed::new("USB/IP reply", "answers another request"));
    }
    Ok(u32::from_be_bytes([s0, s1, s2, s3]))
}

/// A device in a list or an import reply (its interfaces follow it in a list).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The path on the server.
    pub path: String,
    /// The bus id: the name to import by.
    pub bus_id: String,
    /// busnum and devnum.
    pub number: [u32; 2],
    /// 1 low, 2 full, 3 high speed.
    pub speed: u32,
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// bcdDevice.
    pub release: u16,
    /// Class, subclass, protocol.
    pub class: [u8; 3],
    /// bConfigurationValue, bNumConfigurations, bNumInterfaces.
    pub counts: [u8; 3],
}

impl Device {
    /// The device id that URB messages carry.
    pub const fn id(&self) -> u32 {
        let [bus, device] = self.number;
        bus << 16 | device & 0xFFFF
    }

    /// Interfaces that follow in a list, 4 bytes each.
    pub const fn interfaces(&self) -> u8 {
        let [_, _, interfaces] = self.counts;
        interfaces
    }

    /// Reads the 312 bytes of a device.
    ///
    /// # Errors
    /// A path or bus id that is not UTF-8.
    pub fn parse(bytes: &[u8; DEVICE]) -> Result<Self, Malformed> {
        let short = || Malformed::new("USB/IP device", "cut short");
        let (path, rest) = bytes.split_first_chunk::<256>().ok_or_else(short)?;
        let (bus_id, rest) = rest.split_first_chunk::<32>().ok_or_else(short)?;
        let (&[b0, b1, b2, b3, d0, d1, d2, d3, s0, s1, s2, s3], rest) =
            rest.split_first_chunk::<12>().ok_or_else(short)?;
        let &[v0, v1, p0, p1, r0, r1, class, sub, protocol, value, configurations, interfaces] = rest else {
            return Err(short());
        };
        Ok(Self {
            path: text(path)?,
            bus_id: text(bus_id)?,
            number: [u32::from_be_bytes([b0, b1, b2, b3]), u32::from_be_bytes([d0, d1, d2, d3])],
            speed: u32::from_be_bytes([s0, s1, s2, s3]),
            vendor: u16::from_be_bytes([v0, v1]),
            product: u16::from_be_bytes([p0, p1]),
            release: u16::from_be_bytes([r0, r1]),
            class: [class, sub, protocol],
            counts: [value, configurations, interfaces],
        })
    }
}

/// The text in a field that is padded with zeros.
fn text(field: &[u8]) -> Result<String, Malformed> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    core::str::from_utf8(field.get(..end).unwrap_or_default())
        .map(String::from)
        .map_err(|_| Malformed::new("USB/IP device", "a name is not UTF-8"))
}

/// USBIP_CMD_SUBMIT, without the data that follows it when the direction is OUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Sequence number, never 0.
    pub sequence: u32,
    /// [`Device::id`].
    pub device: u32,
    /// Whether data goes from the device to the host.
    pub is_in: bool,
    /// Endpoint number, without the direction bit.
    pub endpoint: u8,
    /// Bytes to send, or the most to receive.
    pub length: u32,
    /// The setup packet, which is zeros unless the endpoint is 0.
    pub setup: [u8; 8],
}

impl Submit {
    /// The 48 bytes of the header.
    pub fn bytes(&self) -> [u8; URB_HEADER] {
        let mut out = basic(CMD_SUBMIT, self.sequence, self.device, self.is_in, self.endpoint);
        // transfer_flags, start_frame, number_of_packets and interval stay 0, as Linux' vhci sends them for
        // transfers that are not isochronous.
        let (_, tail) = out.split_at_mut(24);
        if let Some((length, tail)) = tail.split_first_chunk_mut::<4>() {
            *length = self.length.to_be_bytes();
            if let Some(setup) = tail.last_chunk_mut::<8>() {
                *setup = self.setup;
            }
        }
        out
    }
}

/// USBIP_CMD_UNLINK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlink {
    /// Sequence number of this message.
    pub sequence: u32,
    /// [`Device::id`].
    pub device: u32,
    /// Sequence number of the URB to cancel.
    pub victim: u32,
}

impl Unlink {
    /// The 48 bytes of the message.
    pub fn bytes(&self) -> [u8; URB_HEADER] {
        let mut out = basic(CMD_UNLINK, self.sequence, self.device, false, 0);
        let (_, tail) = out.split_at_mut(20);
        if let Some((victim, _)) = tail.split_first_chunk_mut::<4>() {
            *victim = self.victim.to_be_bytes();
        }
        out
    }
}

fn basic(command: u32, sequence: u32, device: u32, is_in: bool, endpoint: u8) -> [u8; URB_HEADER] {
    let mut out = [0; URB_HEADER];
    let words = [command, sequence, device, u32::from(is_in), u32::from(endpoint)];
    for (place, word) in out.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// What the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// USBIP_RET_SUBMIT. `length` bytes of data follow when the URB's direction is IN.
    Submit {
        /// The sequence number of the URB.
        sequence: u32,
        /// 0, or a negative errno ([`urb_status`]).
        status: i32,
        /// actual_length in bytes.
        length: u32,
    },
    /// USBIP_RET_UNLINK.
    Unlink {
        /// The sequence number of the unlink.
        sequence: u32,
        /// -ECONNRESET when the URB was cancelled, 0 when it was too late.
        status: i32,
    },
}

impl Return {
    /// Reads the 48 bytes of a reply.
    ///
    /// # Errors
    /// Another command.
    pub fn parse(bytes: &[u8; URB_HEADER]) -> Result<Self, Malformed> {
        let word = |at: usize| {
            bytes
                .chunks_exact(4)
                .nth(at)
                .and_then(|chunk| <[u8; 4]>::try_from(chunk).ok())
                .map_or(0, u32::from_be_bytes)
        };
        match word(0) {
            RET_SUBMIT => {
                Ok(Self::Submit { sequence: word(1), status: word(5).cast_signed(), length: word(6) })
            }
            RET_UNLINK => Ok(Self::Unlink { sequence: word(1), status: word(5).cast_signed() }),
            _ => Err(Malformed::new("USB/IP reply", "neither RET_SUBMIT nor RET_UNLINK")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use usbip::usbip_protocol::{UsbIpCommand, UsbIpHeaderBasic, UsbIpResponse};

    fn header(command: u32, sequence: u32, direction: u32, ep: u32) -> UsbIpHeaderBasic {
        UsbIpHeaderBasic { command, seqnum: sequence, devid: 0x0001_0002, direction, ep }
    }

    #[test]
    fn the_crate_writes_the_same_requests() {
        assert_eq!(request_list().to_vec(), UsbIpCommand::OpReqDevlist { status: 0 }.to_bytes());
        let mut busid = [0; 32];
        busid[..3].copy_from_slice(b"1-1");
        assert_eq!(request_import("1-1").unwrap(), UsbIpCommand::OpReqImport { status: 0, busid }.to_bytes());
        let submit =
            Submit { sequence: 7, device: 0x0001_0002, is_in: true, endpoint: 2, length: 64, setup: [0; 8] };
        let theirs = UsbIpCommand::UsbIpCmdSubmit {
            header: header(1, 7, 1, 2),
            transfer_flags: 0,
            transfer_buffer_length: 64,
            start_frame: 0,
            number_of_packets: 0,
            interval: 0,
            setup: [0; 8],
            data: vec![],
            iso_packet_descriptor: vec![],
        };
        assert_eq!(submit.bytes().to_vec(), theirs.to_bytes());
        let unlink = Unlink { sequence: 8, device: 0x0001_0002, victim: 7 };
        let theirs = UsbIpCommand::UsbIpCmdUnlink { header: header(2, 8, 0, 0), unlink_seqnum: 7 };
        assert_eq!(unlink.bytes().to_vec(), theirs.to_bytes());
    }

    #[test]
    fn reads_the_replies_of_the_crate() {
        let reply = UsbIpResponse::UsbIpRetSubmit {
            header: header(3, 7, 1, 0),
            status: 0,
            actual_length: 3,
            start_frame: 0,
            number_of_packets: 0,
            error_count: 0,
            transfer_buffer: vec![1, 2, 3],
            iso_packet_descriptor: vec![],
        };
        let bytes = reply.to_bytes();
        let (head, data) = bytes.split_first_chunk::<48>().unwrap();
        assert_eq!(Return::parse(head), Ok(Return::Submit { sequence: 7, status: 0, length: 3 }));
        assert_eq!(data, [1, 2, 3]);
    }

    use std::vec;
}
