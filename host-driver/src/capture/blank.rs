//! Blanks what nobody may read in a capture: PINs, keys, shared secrets and what was decrypted.
//!
//! Only what is known to be open is shown; of any other command the header remains, of any other answer the status word.
//! A message is judged when one transfer brings all of it. One that comes in pieces shows its ten bytes of header, and
//! nothing else until it is over: what is secret in it cannot be told from outside, nor in what answers it.

use wire::{
    ccid::{HEADER, level, to_host, to_reader},
    piv::{instruction as piv, object},
    shield::{self, instruction as shield_instruction},
    usb::{Setup, request},
};
use zeroize::Zeroizing;

/// What stands for a byte that was blanked.
pub(super) const BLANK: u8 = b'*';

/// Yubico's commands whose data and answers are open: GET METADATA, GET SERIAL, ATTEST, GET VERSION.
const YUBICO_OPEN: [u8; 4] = [0xF7, 0xF8, 0xF9, 0xFD];
/// ISO 7816-4, 5.4.1: the command goes on in the next one.
const CHAINED: u8 = 0x10;

/// What is known of one host's talk with one device.
#[derive(Debug)]
pub(super) struct Blank {
    out: Pieces,
    back: Pieces,
    /// The instruction that was to be continued: the next such command brings the rest of its data.
    chained: Option<u8>,
    /// It is not known whether the last command was to be continued.
    unjudged: bool,
    /// Whether the answer to the last command may be shown: GET RESPONSE brings the rest of it.
    answer: bool,
    /// The same, by bSeq, for data blocks.
    answers: [bool; 256],
}

/// The rest of a message that comes in pieces, in bytes.
#[derive(Debug, Default)]
struct Pieces {
    missing: usize,
}

impl Default for Blank {
    fn default() -> Self {
        Self {
            out: Pieces::default(),
            back: Pieces::default(),
            chained: None,
            unjudged: false,
            answer: false,
            answers: [false; 256],
        }
    }
}

impl Pieces {
    /// Whether these bytes are one whole message. If not, what may not be shown of them is blanked.
    fn is_whole(&mut self, data: &mut [u8]) -> bool {
        if data.is_empty() {
            return false;
        }
        if self.missing > 0 {
            if self.missing != usize::MAX {
                self.missing = self.missing.saturating_sub(data.len());
            }
            blank(data);
            return false;
        }
        let length = wire::ccid::length(data).map(|length| length.saturating_add(HEADER));
        if length == Some(data.len()) {
            return true;
        }
        // Without a whole header nobody knows how much belongs together: nothing more is shown.
        self.missing = length.map_or(usize::MAX, |length| length.saturating_sub(data.len()));
        // The header is open, once it is sure that it is one.
        blank(data.get_mut(HEADER..).unwrap_or_default());
        false
    }
}

impl Blank {
    /// A control transfer: what makes the device forget pieces makes us forget them.
    pub(super) fn control(&mut self, setup: Setup) {
        if matches!(
            setup.request,
            request::CLEAR_FEATURE | request::SET_CONFIGURATION | request::SET_INTERFACE
        ) {
            (self.out, self.back, self.unjudged) = (Pieces::default(), Pieces::default(), false);
        }
    }

    /// A message to the reader; whether anything was blanked.
    pub(super) fn command(&mut self, data: &mut [u8]) -> bool {
        let (before, missing) = (Zeroizing::new(data.to_vec()), self.out.missing);
        if !self.out.is_whole(data) {
            self.piece(&before, missing);
        } else if let Some((header, block)) = data.split_first_chunk_mut::<HEADER>() {
            let answer = match header[0] {
                to_reader::XFR_BLOCK => {
                    self.block(u16::from_le_bytes([header[8], header[9]]), block);
                    self.answer
                }
                to_reader::ICC_POWER_ON => true,
                to_reader::SET_PARAMETERS => false,
                _ => {
                    blank(block);
                    false
                }
            };
            self.answers[usize::from(header[6])] = answer;
        }
        **before != *data
    }

    /// A piece of a command, of which so many bytes were missing. It is not judged, and so nothing that answers it is shown:
    /// neither what its bSeq nor what GET RESPONSE may have brought before.
    fn piece(&mut self, data: &[u8], missing: usize) {
        if data.is_empty() {
            return;
        }
        (self.answer, self.answers) = (false, [false; 256]);
        match (data.first(), data.get(8..12)) {
            _ if missing >= data.len() => {}
            // More than was missing: the device may take it for another command.
            _ if missing > 0 => (self.chained, self.unjudged) = (None, true),
            (Some(&to_reader::XFR_BLOCK), Some(&[low, high, class, instruction])) => {
                if matches!(u16::from_le_bytes([low, high]), level::WHOLE | level::BEGINS) {
                    self.chained = (class & CHAINED != 0).then_some(instruction);
                }
            }
            (Some(&to_reader::XFR_BLOCK), _) => (self.chained, self.unjudged) = (None, true),
            _ => {}
        }
    }

    /// What a PC_to_RDR_XfrBlock carries.
    fn block(&mut self, part: u16, block: &mut [u8]) {
        if !matches!(part, level::WHOLE | level::BEGINS) {
            // The rest of an APDU, or a request for the rest of an answer.
            return blank(block);
        }
        let &mut [class, instruction, p1, _, ref mut rest @ ..] = block else {
            (self.chained, self.answer) = (None, false);
            return blank(block);
        };
        let goes_on = (class & CHAINED != 0).then_some(instruction);
        let continued = std::mem::replace(&mut self.chained, goes_on) == Some(instruction) || self.unjudged;
        self.unjudged &= goes_on.is_some();
        // Lc is open: one byte, or three that begin with zero (ISO 7816-4, 5.2); Le may follow the data.
        let lengths = match *rest {
            [0, high, low, ref data @ ..] => {
                let behind = data.len().checked_sub(usize::from(u16::from_be_bytes([high, low])));
                if matches!(behind, Some(0 | 2)) { 3 } else { 1 }
            }
            _ => 1,
        };
        let data = rest.get_mut(lengths..).unwrap_or_default();
        let own = class & 0x80 == shield::CLASS;
        if continued {
            // The data of a command whose beginning has been judged; its answer too.
            return blank(data);
        }
        let (shown, answer) = match instruction {
            piv::SELECT => (data.len(), true),
            piv::GET_RESPONSE => (data.len(), self.answer),
            piv::GET_DATA if !own => (data.len(), is_public(data)),
            // Which object; what is in it may be private (SP 800-73-4 part 1, table 2).
            piv::PUT_DATA if !own => (data.len().min(5), true),
            piv::GENERATE_ASYMMETRIC_KEY_PAIR if !own => (data.len(), true),
            shield_instruction::SIGN_PAYMENT
            | shield_instruction::SIGN_REQUEST
            | shield_instruction::GENERATE
            | shield_instruction::GET_INFORMATION
            | shield_instruction::ATTEST
                if own =>
            {
                (data.len(), true)
            }
            shield_instruction::GET_OBJECT if own => (data.len(), p1 <= shield::get::PENDING_PUBLIC_KEY),
            other if !own && YUBICO_OPEN.contains(&other) => (data.len(), true),
            _ => (0, false),
        };
        // In the first of several parts the rest of the data is not there to be judged.
        let shown = if part == level::BEGINS || goes_on.is_some() { shown.min(5) } else { shown };
        self.answer = answer;
        blank(data.get_mut(shown..).unwrap_or_default());
    }

    /// A message from the reader; whether anything was blanked.
    pub(super) fn answer(&mut self, data: &mut [u8]) -> bool {
        let before = Zeroizing::new(data.to_vec());
        if self.back.is_whole(data)
            && let Some((header, block)) = data.split_first_chunk_mut::<HEADER>()
        {
            match header[0] {
                to_host::PARAMETERS | to_host::SLOT_STATUS | to_host::DATA_RATE_AND_CLOCK => {}
                to_host::DATA_BLOCK if self.answers[usize::from(header[6])] => {}
                // bChainParameter: 0 and 2 are the end of an answer, which is its status word.
                to_host::DATA_BLOCK if matches!(header[9], 0 | 2) => {
                    let data = block.len().saturating_sub(2);
                    blank(block.get_mut(..data).unwrap_or_default());
                }
                _ => blank(block),
            }
        }
        **before != *data
    }
}

/// Whether GET DATA asks for an object that anybody may read (SP 800-73-4 part 1, table 2).
fn is_public(data: &[u8]) -> bool {
    let tag = match *data {
        [0x5C, 1, tag, ..] => u32::from(tag),
        [0x5C, 3, a, b, c, ..] => u32::from_be_bytes([0, a, b, c]),
        _ => return false,
    };
    matches!(
        tag,
        object::DISCOVERY
            | object::CHUID
            | object::CCC
            | object::AUTHENTICATION_CERTIFICATE
            | object::CARD_AUTHENTICATION_CERTIFICATE
            | object::SIGNATURE_CERTIFICATE
            | object::KEY_MANAGEMENT_CERTIFICATE
            | object::KEY_HISTORY
            | object::SECURITY_OBJECT
            // The twenty retired keys' certificates, and Yubico's of the attestation key.
            | 0x5F_C10D..=0x5F_C120 | 0x5F_FF01
    )
}

fn blank(data: &mut [u8]) {
    data.fill(BLANK);
}
