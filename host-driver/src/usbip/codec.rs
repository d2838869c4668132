//! Messages of the client: their 48 bytes are checked here before anything is allocated or handed to the codec of the
//! `usbip` crate, which takes a peer's word for lengths.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use usbip::usbip_protocol::{
    OP_REQ_DEVLIST, OP_REQ_IMPORT, USBIP_CMD_SUBMIT, USBIP_CMD_UNLINK, USBIP_VERSION, UsbIpCommand,
};

use crate::urb::Overrun;

/// The longest transfer of one URB, in bytes. The longest CCID message is 65,554 (CCID 1.1, 5.1, dwMaxCCIDMessageLength
/// of an extended APDU); usbfs and vhci cut transfers at 1 MiB or less.
pub(super) const MAX_TRANSFER: usize = 1 << 20;

const OP_HEADER: usize = 8;
const IMPORT: usize = 40;
const URB_HEADER: usize = 48;

/// How far a connection has come. The stage decides which messages are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// OP messages.
    Greeting,
    /// URB messages.
    Attached,
}

/// A message, or what is missing of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The message, and how many bytes it took.
    Whole(UsbIpCommand, usize),
    /// The message is not whole: as far as its header tells, it will have so many bytes.
    Partial(usize),
}

/// Why a connection is closed: the peer breaks the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("not a message of USB/IP 1.1.1 that has its place here")]
    Code,
    #[error("a request with a status")]
    Status,
    #[error("a direction that is neither IN nor OUT")]
    Direction,
    #[error("an endpoint over 15")]
    Endpoint,
    #[error("a transfer of more than 1 MiB")]
    Length,
    #[error("an isochronous transfer")]
    Isochronous,
    #[error("what the usbip crate does not read")]
    Unread,
    #[error("a message for another device")]
    Elsewhere,
    #[error(transparent)]
    Overrun(#[from] Overrun),
}

/// Reads the first message of `buffer`.
///
/// # Errors
/// The peer breaks the protocol; nothing that follows can be trusted.
pub(super) fn next(buffer: &[u8], stage: Stage) -> Result<Frame, Violation> {
    let length = match stage {
        Stage::Greeting => greeting(buffer)?,
        Stage::Attached => attached(buffer)?,
    };
    match buffer.get(..length) {
        Some(message) => Ok(Frame::Whole(read(message)?, length)),
        None => Ok(Frame::Partial(length)),
    }
}

/// The length of an OP message, in bytes.
fn greeting(buffer: &[u8]) -> Result<usize, Violation> {
    let Some(&[v0, v1, c0, c1, s0, s1, s2, s3]) = buffer.first_chunk::<OP_HEADER>() else {
        // A peer that begins with something else is refused at once.
        let opens = buffer.iter().zip(USBIP_VERSION.to_be_bytes()).all(|(&byte, wanted)| byte == wanted);
        return if opens { Ok(OP_HEADER) } else { Err(Violation::Code) };
    };
    if u16::from_be_bytes([v0, v1]) != USBIP_VERSION {
        return Err(Violation::Code);
    }
    if [s0, s1, s2, s3] != [0; 4] {
        return Err(Violation::Status);
    }
    match u16::from_be_bytes([c0, c1]) {
        OP_REQ_DEVLIST => Ok(OP_HEADER),
        OP_REQ_IMPORT => Ok(IMPORT),
        _ => Err(Violation::Code),
    }
}

/// The length of a URB message, in bytes.
fn attached(buffer: &[u8]) -> Result<usize, Violation> {
    let Some(header) = buffer.first_chunk::<URB_HEADER>() else { return Ok(URB_HEADER) };
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (command, direction, endpoint) = (word(0), word(12), word(16));
    if direction > 1 {
        return Err(Violation::Direction);
    }
    if command == u32::from(USBIP_CMD_UNLINK) {
        return Ok(URB_HEADER);
    }
    if command != u32::from(USBIP_CMD_SUBMIT) {
        return Err(Violation::Code);
    }
    if endpoint > 15 {
        return Err(Violation::Endpoint);
    }
    // number_of_packets: the documentation wants -1 where a transfer is not isochronous, Linux sends 0.
    if !matches!(word(32), 0 | u32::MAX) {
        return Err(Violation::Isochronous);
    }
    let length = usize::try_from(word(24)).ok().filter(|length| *length <= MAX_TRANSFER);
    let length = length.ok_or(Violation::Length)?;
    Ok(if direction == 0 { URB_HEADER + length } else { URB_HEADER })
}

/// The crate reads from sockets only. This is a slice in the place of a socket; it never waits.
fn read(mut message: &[u8]) -> Result<UsbIpCommand, Violation> {
    let reading = pin!(UsbIpCommand::read_from_socket(&mut message));
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(command)) => Ok(command),
        Poll::Ready(Err(_)) | Poll::Pending => Err(Violation::Unread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::usbip::{Submit, Unlink, request_import, request_list};

    const OUT: Submit =
        Submit { sequence: 7, device: 0x0001_0001, is_in: false, endpoint: 1, length: 3, setup: [0; 8] };

    #[test]
    fn a_message_is_read_once_it_is_whole() {
        let import = request_import("1-1").unwrap();
        let submit = [&OUT.bytes()[..], b"abc"].concat();
        let unlink = Unlink { sequence: 8, device: 0x0001_0001, victim: 7 }.bytes();
        for (stage, message) in [
            (Stage::Greeting, &request_list()[..]),
            (Stage::Greeting, &import),
            (Stage::Attached, &submit),
            (Stage::Attached, &unlink),
        ] {
            for cut in 0..message.len() {
                let frame = next(&message[..cut], stage).unwrap();
                assert!(matches!(frame, Frame::Partial(length) if length > cut && length <= message.len()));
            }
            let more = [message, b"next"].concat();
            assert!(matches!(next(&more, stage), Ok(Frame::Whole(_, length)) if length == message.len()));
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_found_before_its_data_arrives() {
        let with = |at: usize, word: u32| {
            let mut bytes = OUT.bytes();
            bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
            next(&bytes, Stage::Attached)
        };
        assert_eq!(with(0, 3), Err(Violation::Code));
        assert_eq!(with(0, 0x0111_8003), Err(Violation::Code));
        assert_eq!(with(12, 2), Err(Violation::Direction));
        assert_eq!(with(16, 16), Err(Violation::Endpoint));
        assert_eq!(with(24, u32::MAX), Err(Violation::Length));
        assert_eq!(with(24, (1 << 20) + 1), Err(Violation::Length));
        assert_eq!(with(24, 1 << 20), Ok(Frame::Partial(48 + (1 << 20))));
        assert_eq!(with(32, 0xFFFF_FFFE), Err(Violation::Isochronous));
        assert_eq!(with(32, 1), Err(Violation::Isochronous));
        assert_eq!(with(32, u32::MAX), Ok(Frame::Partial(51)));
        assert_eq!(next(b"GET / HT", Stage::Greeting), Err(Violation::Code));
        assert_eq!(next(b"G", Stage::Greeting), Err(Violation::Code));
        assert_eq!(next(&[1, 6, 0x80, 3, 0, 0, 0, 0], Stage::Greeting), Err(Violation::Code));
        assert_eq!(next(&[1, 0x11, 0x80, 3, 0, 0, 0, 1], Stage::Greeting), Err(Violation::Status));
        assert_eq!(next(&OUT.bytes(), Stage::Greeting), Err(Violation::Code));
        assert_eq!(next(&request_import("1-1").unwrap(), Stage::Attached), Ok(Frame::Partial(48)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), attached: bool) {
            let stage = if attached { Stage::Attached } else { Stage::Greeting };
            if let Ok(Frame::Whole(_, length)) = next(&bytes, stage) {
                prop_assert!(length <= bytes.len() && length >= 8);
            }
        }
    }
}
