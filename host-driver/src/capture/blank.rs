//! Blanks what nobody may read in a capture: PINs, keys, shared secrets, decrypted data, and everything else that
//! [`wire::disclosure`] and [`header`] do not know to be public.
//!
//! A message is judged when one transfer brings all of it. Of a message that comes in several transfers only the header is
//! shown, and nothing of its answer, because nobody can tell which of its bytes are secret. What an answer may show depends
//! on the command that it answers. Where a host sends a second command before the first is answered, no answer is shown.

use wire::{
    apdu::{CLASS_CHAIN, Command},
    ccid::{HEADER, level, notify_slot_change, to_host, to_reader},
    disclosure::Disclosure,
    usb::{RequestKind, Setup, request},
};
use zeroize::Zeroizing;

use super::{BLANK, header};
use crate::urb::{EndpointKind, Status, Transfer, TransferEnd, TransferEvent};

/// The endpoints' addresses (firmware/src/usb/descriptor.rs), as CLEAR_FEATURE names them.
const BULK_OUT: u8 = 0x01;
const BULK_IN: u8 = 0x82;
/// wMaxPacketSize, in bytes.
const PACKET: usize = 64;
/// The place of bStatus in the header of a message to the host.
const STATUS: usize = 7;

/// What a capture knows of the exchange between one host and one device.
#[derive(Debug)]
pub(crate) struct Blank {
    out: Pieces,
    back: Pieces,
    /// `out` and `owed` as they were before the last transfer, because the device may refuse that transfer.
    before: (Pieces, usize),
    /// The instruction of a command chain that is open: the next command with it brings more of the chain's data.
    chained: Option<u8>,
    /// Whether it is unknown if the last command's chain goes on.
    unjudged: bool,
    /// Whether the answer to the last command may be shown. GET RESPONSE brings the rest of that answer.
    answer: bool,
    /// Whether the data block with this bSeq may be shown.
    answers: [bool; 256],
    /// How many messages wait for their answer.
    owed: usize,
    /// The last control transfer, and whether the data that it brings may be shown.
    control: Option<(u64, Setup, bool)>,
}

/// What may be shown of a transfer.
pub(crate) struct Shown {
    /// The setup packet of a control transfer.
    pub(crate) setup: Option<Setup>,
    /// All data, in its full length.
    pub(crate) data: Vec<u8>,
    /// Whether anything was blanked.
    pub(crate) blanked: bool,
}

/// A message that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
struct Pieces {
    /// How many bytes of the message are still to come.
    missing: usize,
    /// Whether the last transfer was of whole packets: a short one ends a message early (USB 2.0, 5.8.3).
    goes_on: bool,
}

/// What kind of data a transfer brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brought {
    Nothing,
    Whole,
    /// A message whose header is known, and whose length is another than the header says.
    Beginning,
    /// The rest of a message, or bytes that are no message.
    Rest,
}

impl Default for Blank {
    fn default() -> Self {
        Self {
            out: Pieces::default(),
            back: Pieces::default(),
            before: (Pieces::default(), 0),
            chained: None,
            unjudged: false,
            answer: false,
            answers: [false; 256],
            owed: 0,
            control: None,
        }
    }
}

impl Pieces {
    /// Takes the next transfer, and blanks all of it that must stay hidden whatever the message is.
    fn take(&mut self, data: &mut [u8], header: fn(&mut [u8; HEADER]) -> bool) -> Brought {
        if data.is_empty() {
            return Brought::Nothing;
        }
        let size = data.len();
        let length = wire::ccid::length(data).map_or(size, |length| length.saturating_add(HEADER));
        self.goes_on = size.is_multiple_of(PACKET);
        if self.missing > 0 {
            self.missing = self.missing.saturating_sub(size);
            blank(data);
            return Brought::Rest;
        }
        // The device may wait for so many bytes more, whether the header is known or not.
        self.missing = length.saturating_sub(size);
        if !data.first_chunk_mut().is_some_and(header) {
            blank(data);
            Brought::Rest
        } else if length == size {
            Brought::Whole
        } else {
            blank(data.get_mut(HEADER..).unwrap_or_default());
            Brought::Beginning
        }
    }
}

impl Blank {
    /// Blanks the secret parts of a transfer. Transfers come in the order of the bus.
    pub(crate) fn shown(&mut self, transfer: &Transfer<'_>) -> Shown {
        let (TransferEvent::Submitted { data: whole, .. } | TransferEvent::Ended { data: whole, .. }) =
            transfer.event;
        let (mut setup, mut data) = (None, whole.to_vec());
        let well =
            matches!(transfer.event, TransferEvent::Ended { end: TransferEnd::Status(Status::Ok), .. });
        let mut blanked = false;
        match (transfer.kind, transfer.endpoint, transfer.event) {
            (EndpointKind::Control, _, TransferEvent::Submitted { setup: Some(packet), .. }) => {
                let shown = self.control(transfer.sequence, packet, &mut data);
                blanked = shown != packet;
                setup = Some(shown);
            }
            (EndpointKind::Control, _, TransferEvent::Ended { .. }) => {
                self.controlled(transfer.sequence, well, &mut data)
            }
            (EndpointKind::Bulk, BULK_OUT, TransferEvent::Submitted { .. }) => self.command(&mut data),
            (EndpointKind::Bulk, BULK_OUT, TransferEvent::Ended { .. }) if !well => self.refused(),
            (EndpointKind::Bulk, BULK_IN, TransferEvent::Ended { .. }) => self.answer(&mut data),
            (EndpointKind::Interrupt, _, TransferEvent::Ended { .. }) => Self::notice(&mut data),
            // The endpoint does not exist, or the transfer brings data where none belongs.
            _ => blank(&mut data),
        }
        blanked |= *whole != *data;
        Shown { setup, data, blanked }
    }

    /// A control transfer is submitted. Returns the part of its setup packet that may be shown. All of its data is blanked,
    /// because no request that a token knows brings data.
    pub(super) fn control(&mut self, sequence: u64, setup: Setup, data: &mut [u8]) -> Setup {
        let (shown, known) = header::setup(setup);
        self.control = Some((sequence, setup, known));
        blank(data);
        shown
    }

    /// A control transfer has ended, well or not. A request that makes the device forget pieces makes the capture forget them,
    /// too.
    pub(super) fn controlled(&mut self, sequence: u64, well: bool, data: &mut [u8]) {
        let Some((_, setup, known)) = self.control.take_if(|(number, ..)| *number == sequence) else {
            return blank(data);
        };
        if !known {
            blank(data);
        }
        if !well || setup.kind() != RequestKind::Standard {
            return;
        }
        match setup.request {
            request::SET_CONFIGURATION => *self = Self::default(),
            request::CLEAR_FEATURE if setup.index == u16::from(BULK_OUT) => self.out = Pieces::default(),
            request::CLEAR_FEATURE if setup.index == u16::from(BULK_IN) => self.back = Pieces::default(),
            request::SET_INTERFACE => (self.out, self.back) = (Pieces::default(), Pieces::default()),
            _ => {}
        }
    }

    /// A transfer to the reader.
    pub(super) fn command(&mut self, data: &mut [u8]) {
        let bytes = Zeroizing::new(data.to_vec());
        self.before = (self.out, self.owed);
        // The device takes everything but the rest of a message for a new message, and will answer it.
        let is_rest = self.out.missing > 0 && self.out.goes_on;
        if !data.is_empty() && !is_rest {
            self.owed = self.owed.saturating_add(1);
        }
        let brought = self.out.take(data, header::to_reader);
        if brought == Brought::Whole
            && let Some((header, block)) = data.split_first_chunk_mut::<HEADER>()
        {
            let answer = match header[0] {
                to_reader::XFR_BLOCK => {
                    self.block(u16::from_le_bytes([header[8], header[9]]), block);
                    self.answer
                }
                kind => {
                    blank(block);
                    kind == to_reader::ICC_POWER_ON
                }
            };
            self.answers[usize::from(header[6])] = answer;
        } else if brought != Brought::Nothing {
            self.piece(&bytes);
        }
        if self.owed > 1 {
            self.hide_answers();
        }
    }

    /// The device did not take the transfer, so that the judgement on it no longer holds.
    fn refused(&mut self) {
        (self.out, self.owed) = self.before;
        (self.chained, self.unjudged) = (None, true);
        self.hide_answers();
    }

    fn hide_answers(&mut self) {
        (self.answer, self.answers) = (false, [false; 256]);
    }

    /// Takes a piece of a command. A piece is not judged, and so nothing that answers it is shown. What could be shown
    /// before is hidden again, for each bSeq and for GET RESPONSE.
    fn piece(&mut self, data: &[u8]) {
        self.hide_answers();
        let missing = self.before.0.missing;
        match (data.first(), data.get(8..12)) {
            // The piece is inside of a message whose beginning was looked at.
            _ if missing > 0 && data.len() <= missing => {}
            // The first piece shows how the APDU begins.
            (Some(&to_reader::XFR_BLOCK), Some(&[low, high, class, instruction])) if missing == 0 => {
                if matches!(u16::from_le_bytes([low, high]), level::WHOLE | level::BEGINS) {
                    self.chained = (class & CLASS_CHAIN != 0).then_some(instruction);
                }
            }
            // The piece is too short to tell. Or it has more bytes than were missing, so that the device may take the rest for
            // another command.
            _ => (self.chained, self.unjudged) = (None, true),
        }
    }

    /// Blanks the secret parts of what a PC_to_RDR_XfrBlock carries.
    fn block(&mut self, part: u16, block: &mut [u8]) {
        if !matches!(part, level::WHOLE | level::BEGINS) {
            // The block is the rest of an APDU, or asks for the rest of an answer.
            return blank(block);
        }
        let &mut [class, instruction, ..] = block else {
            (self.chained, self.answer) = (None, false);
            self.unjudged |= part == level::BEGINS;
            return blank(block);
        };
        let goes_on = (class & CLASS_CHAIN != 0).then_some(instruction);
        let continued = std::mem::replace(&mut self.chained, goes_on) == Some(instruction) || self.unjudged;
        self.unjudged &= goes_on.is_some();
        let command = Command::parse(block).ok().filter(|_| part == level::WHOLE);
        let found = command.map(|command| (Disclosure::of(&command), command));
        // A command that continues a chain brings more data of the command that began the chain. The data of the continuing
        // command stays hidden, and so does the answer.
        self.answer =
            found.is_some_and(|(open, command)| !continued && open.shows_answer(&command, self.answer));
        let Some((open, command)) = found else { return blank(block) };
        let shown = if continued { 0 } else { open.data };
        // Lc is shown: one byte, or three that begin with zero (ISO 7816-4, 5.2). Le may follow the data.
        let lengths = if command.extended { 3 } else { 1 };
        let end = if shown == command.data.len() { block.len() } else { 4 + lengths + shown };
        blank(&mut block[open.header..4]);
        blank(block.get_mut(end..).unwrap_or_default());
    }

    /// A message from the reader.
    pub(super) fn answer(&mut self, data: &mut [u8]) {
        let brought = self.back.take(data, header::to_host);
        if !matches!(brought, Brought::Whole | Brought::Beginning) {
            return;
        }
        let Some((header, block)) = data.split_first_chunk_mut::<HEADER>() else { return };
        // bmCommandStatus 2: more time is wanted, and the answer is still to come (CCID 1.1, table 6.2-3).
        if header[STATUS] >> 6 != 2 {
            self.owed = self.owed.saturating_sub(1);
        }
        match header[0] {
            to_host::DATA_BLOCK if self.answers[usize::from(header[6])] && brought == Brought::Whole => {}
            // bChainParameter: 0 and 2 are the end of an answer, which is its status word.
            to_host::DATA_BLOCK if matches!(header[9], 0 | 2) && brought == Brought::Whole => {
                let data = block.len().saturating_sub(2);
                blank(block.get_mut(..data).unwrap_or_default());
            }
            // Parameters repeat what a host has set, and stay hidden.
            _ => blank(block),
        }
    }

    /// Blanks what the interrupt endpoint brings, unless it is a notice of a slot change.
    fn notice(data: &mut [u8]) {
        let known = [true, false].map(|now| [true, false].map(|changed| notify_slot_change(now, changed)));
        if !known.as_flattened().iter().any(|notice| *notice == *data) {
            blank(data);
        }
    }
}

fn blank(data: &mut [u8]) {
    data.fill(BLANK);
}
