//! What the host may command (CCID 1.1, 6.1).

use alloc::vec::Vec;

use wire::ccid::{CommandStatus, ToReader, level, slot_error, to_host, to_reader};
use zeroize::Zeroizing;

use super::{
    Reader,
    parameter::{Parameters, T1},
    slot::Slot,
};
use crate::{
    apdu::{self, Card},
    seams::Panel,
};

/// Most bytes of a command APDU: header, extended Lc, data, extended Le (ISO 7816-4, 5.2).
const MAX_APDU: usize = 4 + 3 + 65_535 + 2;

impl<C: Card, P: Panel> Reader<C, P> {
    /// A command to a slot that is free.
    pub(super) fn command(&mut self, slot: Slot, message: &ToReader<'_>) -> Slot {
        let (active, sequence) = (slot.is_active(), message.sequence);
        let [first, ..] = message.specific;
        if takes_no_data(message.kind) && !message.data.is_empty() {
            self.refuse(active, message, slot_error::BAD_LENGTH);
            return slot;
        }
        match message.kind {
            to_reader::ICC_POWER_ON if first > 3 => {
                self.refuse(active, message, slot_error::BAD_POWER_SELECT);
                slot
            }
            // On a powered card this is a warm reset.
            to_reader::ICC_POWER_ON => {
                let atr = self.card.power_on();
                self.parameters = Parameters::default();
                self.answer(to_host::DATA_BLOCK, true, sequence, CommandStatus::Done, 0, &atr);
                Slot::Ready
            }
            to_reader::ICC_POWER_OFF => {
                self.card.power_off();
                self.slot_status(false, sequence, CommandStatus::Done);
                Slot::Inactive
            }
            to_reader::GET_SLOT_STATUS => {
                self.slot_status(active, sequence, CommandStatus::Done);
                slot
            }
            to_reader::XFR_BLOCK if active => self.transfer(slot, message),
            to_reader::GET_PARAMETERS if active => {
                self.parameters(sequence);
                slot
            }
            to_reader::RESET_PARAMETERS if active => {
                self.parameters = Parameters::default();
                self.parameters(sequence);
                slot
            }
            to_reader::SET_PARAMETERS if active => {
                match Parameters::parse(first, message.data) {
                    Ok(parameters) => {
                        self.parameters = parameters;
                        self.parameters(sequence);
                    }
                    Err(offset) => self.refuse(active, message, offset),
                }
                slot
            }
            to_reader::XFR_BLOCK
            | to_reader::GET_PARAMETERS
            | to_reader::RESET_PARAMETERS
            | to_reader::SET_PARAMETERS => {
                self.refuse(active, message, slot_error::ICC_MUTE);
                slot
            }
            // No PIN pad, no vendor command, no clock to stop, no T=0, nothing that moves, and rates that the
            // reader sets itself; and what CCID 1.1 does not know.
            _ => {
                self.refuse(active, message, slot_error::COMMAND_NOT_SUPPORTED);
                slot
            }
        }
    }

    /// XfrBlock to a card with power (CCID 1.1, 6.1.4).
    fn transfer(&mut self, slot: Slot, message: &ToReader<'_>) -> Slot {
        let sequence = message.sequence;
        match (slot, message.level()) {
            // A host that begins a new command gives up the command that was under way.
            (_, level::WHOLE) => {
                let step = self.card.transmit(message.data);
                self.proceed(sequence, step)
            }
            (_, level::BEGINS) => self.gather(message, Zeroizing::default()),
            (Slot::Receiving { apdu }, level::CONTINUES) => self.gather(message, apdu),
            (Slot::Receiving { mut apdu }, level::ENDS) => {
                if !append(&mut apdu, message.data) {
                    self.refuse(true, message, slot_error::BAD_LENGTH);
                    return Slot::Ready;
                }
                let step = self.card.transmit(&apdu);
                self.proceed(sequence, step)
            }
            (Slot::Sending { rest }, level::GO_ON) if message.data.is_empty() => {
                self.send(sequence, rest, false)
            }
            _ => {
                self.refuse(true, message, slot_error::BAD_LEVEL);
                Slot::Ready
            }
        }
    }

    /// One more part of a command APDU; the answer asks for the next (CCID 1.1, 6.2.1).
    fn gather(&mut self, message: &ToReader<'_>, mut apdu: Zeroizing<Vec<u8>>) -> Slot {
        if !append(&mut apdu, message.data) {
            self.refuse(true, message, slot_error::BAD_LENGTH);
            return Slot::Ready;
        }
        self.answer(
            to_host::DATA_BLOCK,
            true,
            message.sequence,
            CommandStatus::Done,
            level::GO_ON as u8,
            &[],
        );
        Slot::Receiving { apdu }
    }

    fn parameters(&mut self, sequence: u8) {
        let parameters = self.parameters;
        self.answer(to_host::PARAMETERS, true, sequence, CommandStatus::Done, T1, parameters.bytes());
    }
}

/// Appends, unless the APDU would be longer than any may be.
fn append(apdu: &mut Zeroizing<Vec<u8>>, part: &[u8]) -> bool {
    let fits = apdu.len().saturating_add(part.len()) <= MAX_APDU;
    if fits {
        apdu::append(apdu, part);
    }
    fits
}

/// Which commands have no abData (CCID 1.1, 6.1).
const fn takes_no_data(kind: u8) -> bool {
    matches!(
        kind,
        to_reader::ICC_POWER_ON
            | to_reader::ICC_POWER_OFF
            | to_reader::GET_SLOT_STATUS
            | to_reader::GET_PARAMETERS
            | to_reader::RESET_PARAMETERS
            | to_reader::ABORT
    )
}
