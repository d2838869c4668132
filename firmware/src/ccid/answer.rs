//! What the host is answered (CCID 1.1, 6.2).

use alloc::vec::Vec;

use wire::ccid::{CommandStatus, IccStatus, ToHost, ToReader, slot_error, to_host, to_reader};

use super::{Reader, parameter::T1};
use crate::{apdu::Card, seams::Panel};

/// bClockStatus (CCID 1.1, 6.2.2): running, stopped in state L.
const CLOCK_RUNNING: u8 = 0;
const CLOCK_STOPPED: u8 = 1;

impl<C: Card, P: Panel> Reader<C, P> {
    pub(super) fn slot_status(&mut self, active: bool, sequence: u8, command: CommandStatus) {
        let clock = if active { CLOCK_RUNNING } else { CLOCK_STOPPED };
        self.answer(to_host::SLOT_STATUS, active, sequence, command, clock, &[]);
    }

    /// Fails a message to this slot.
    pub(super) fn refuse(&mut self, active: bool, message: &ToReader<'_>, error: u8) {
        let (kind, failed) = (answer_to(message.kind), CommandStatus::Failed(error));
        match kind {
            to_host::SLOT_STATUS => self.slot_status(active, message.sequence, failed),
            to_host::PARAMETERS => self.answer(kind, active, message.sequence, failed, T1, &[]),
            _ => self.answer(kind, active, message.sequence, failed, 0, &[]),
        }
    }

    /// Fails a message before it reaches the slot: its length is wrong, or there is no such slot.
    pub(super) fn fail(&mut self, message: &ToReader<'_>, error: u8) {
        if message.slot == 0 {
            return self.refuse(self.slot.is_active(), message, error);
        }
        let answer = ToHost {
            kind: answer_to(message.kind),
            slot: message.slot,
            sequence: message.sequence,
            icc: IccStatus::Absent,
            command: CommandStatus::Failed(slot_error::BAD_SLOT),
            specific: 0,
            data: &[],
        };
        self.push(&answer);
    }

    pub(super) fn answer(
        &mut self,
        kind: u8,
        active: bool,
        sequence: u8,
        command: CommandStatus,
        specific: u8,
        data: &[u8],
    ) {
        let icc = if active { IccStatus::Active } else { IccStatus::Inactive };
        self.push(&ToHost { kind, slot: 0, sequence, icc, command, specific, data });
    }

    fn push(&mut self, answer: &ToHost<'_>) {
        let mut message = Vec::new();
        answer.encode(&mut message);
        self.outbox.push(message);
    }
}

/// bMessageType of the answer (CCID 1.1, table 6.1-1 and 6.2; SlotStatus to what is not known).
const fn answer_to(kind: u8) -> u8 {
    match kind {
        to_reader::ICC_POWER_ON | to_reader::XFR_BLOCK | to_reader::SECURE => to_host::DATA_BLOCK,
        to_reader::GET_PARAMETERS | to_reader::RESET_PARAMETERS | to_reader::SET_PARAMETERS => {
            to_host::PARAMETERS
        }
        to_reader::ESCAPE => to_host::ESCAPE,
        to_reader::SET_DATA_RATE_AND_CLOCK => to_host::DATA_RATE_AND_CLOCK,
        _ => to_host::SLOT_STATUS,
    }
}
