//! The reader: one slot, with the card always in it. CCID 1.1, extended APDU level of exchange.
//!
//! Every message from the host gets one answer; a command that waits for the holder or for a long computation
//! asks for more time once a second, so that a person may think and no host times out.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod command;
mod waiting;
mod answer;
mod slot;
mod intake;
mod outbox;
mod class_descriptor;
mod parameter;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use wire::{
    ccid::{
        CommandStatus, ToReader, class_request, level, notify_slot_change, slot_error, to_host, to_reader,
    },
    usb::Setup,
};

use crate::{
    apdu::Card,
    applet::{Answer, Event as CardEvent, Step},
    crypto::{Job, Outcome},
    seams::{Declined, Panel},
};
use class_descriptor::{CLOCK, DATA_RATE, MAX_DATA};
pub(crate) use class_descriptor::{PACKET, class_descriptor};
use intake::{Intake, Piece};
use outbox::Outbox;
use parameter::Parameters;
use slot::{Awaited, Clock, Event, Slot};

/// Why bulk OUT took nothing: the endpoint halts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Shorter than a CCID header: there is nothing to answer to.
    NoHeader,
    /// The host sends and does not read.
    Full,
}

/// A job and its number, so that the outcome of one that was aborted can be told apart.
#[derive(Debug)]
pub(crate) struct Numbered<T>(pub(crate) u32, pub(crate) T);

/// The reader, with the card in its slot and the panel beside it.
pub(crate) struct Reader<C: Card, P: Panel> {
    pub(crate) card: C,
    pub(crate) panel: P,
    /// How long a prompt waits, in milliseconds.
    prompt_timeout: u64,
    slot: Slot,
    parameters: Parameters,
    intake: Intake,
    outbox: Outbox,
    /// Whether the host is still to be told that the card is there.
    notify: bool,
    jobs: u32,
}

impl<C: Card, P: Panel> Reader<C, P> {
    pub(crate) fn new(card: C, panel: P, prompt_timeout: u64) -> Self {
        Self {
            card,
            panel,
            prompt_timeout,
            slot: Slot::default(),
            parameters: Parameters::default(),
            intake: Intake::default(),
            outbox: Outbox::default(),
            notify: false,
            jobs: 0,
        }
    }

    /// Starts afresh, with the card off. A configured device tells once that the card is there (CCID 1.1, 6.3.1).
    pub(crate) fn reset(&mut self, configured: bool) {
        self.on(Event::Reset);
        self.intake = Intake::default();
        self.outbox.clear();
        self.notify = configured;
    }

    /// The halt of bulk OUT was cleared: what had come of a message is forgotten.
    pub(crate) fn clear_out(&mut self) {
        self.intake = Intake::default();
    }

    /// The halt of bulk IN was cleared: a message that was read in part is forgotten.
    pub(crate) fn clear_in(&mut self) {
        self.outbox.drop_partial();
    }

    /// Takes a piece of a bulk OUT transfer.
    ///
    /// # Errors
    /// [`Unusable`]: the endpoint should halt.
    pub(crate) fn bulk_out(&mut self, piece: &[u8]) -> Result<(), Unusable> {
        if self.outbox.is_full() {
            return Err(Unusable::Full);
        }
        match self.intake.take(piece) {
            Piece::Partial => {}
            Piece::Whole => self.message(piece),
            Piece::Gathered(message) => self.message(&message),
            Piece::BadLength(header) => self.fail(&intake::headed(header), slot_error::BAD_LENGTH),
            Piece::NoHeader => return Err(Unusable::NoHeader),
        }
        Ok(())
    }

    /// Bytes that are left of the message that is read next; `None` when there is none yet.
    pub(crate) fn bulk_in_length(&self) -> Option<usize> {
        self.outbox.left()
    }

    /// As [`Self::bulk_in_length`], for the interrupt endpoint.
    pub(crate) fn interrupt_in_length(&self) -> Option<usize> {
        self.notify.then(|| notify_slot_change(true, true).len())
    }

    /// At most `max` bytes of the next message; `None` when there is none yet.
    pub(crate) fn bulk_in(&mut self, max: usize) -> Option<Vec<u8>> {
        self.outbox.read(max)
    }

    /// RDR_to_PC_NotifySlotChange, once after configuration: the card never leaves (CCID 1.1, 6.3.1).
    pub(crate) fn interrupt_in(&mut self, max: usize) -> Option<Vec<u8>> {
        let [kind, state] = notify_slot_change(true, true);
        core::mem::take(&mut self.notify).then(|| [kind, state].into_iter().take(max).collect())
    }

    /// A class request on endpoint zero (CCID 1.1, 5.3); `None` when it is wrong.
    pub(crate) fn class_request(&mut self, setup: Setup) -> Option<Vec<u8>> {
        let [slot, sequence] = setup.value.to_le_bytes();
        match (setup.request, setup.is_in()) {
            (class_request::ABORT, false) if slot == 0 && setup.length == 0 => {
                self.on(Event::Abort(sequence));
                Some(Vec::new())
            }
            (class_request::GET_CLOCK_FREQUENCIES, true) if setup.value == 0 => {
                Some(CLOCK.to_le_bytes().to_vec())
            }
            (class_request::GET_DATA_RATES, true) if setup.value == 0 => {
                Some(DATA_RATE.to_le_bytes().to_vec())
            }
            _ => None,
        }
    }

    /// The job that waits to be run, once.
    pub(crate) fn job(&mut self) -> Option<Numbered<Job>> {
        match &mut self.slot {
            Slot::Working { number, job, .. } => job.take().map(|job| Numbered(*number, job)),
            _ => None,
        }
    }

    /// Brings the outcome of a job; one that was aborted meanwhile changes nothing.
    pub(crate) fn finish(&mut self, outcome: Numbered<Outcome>) {
        self.on(Event::Finished(outcome));
    }

    /// Bytes of the buffers.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let slot = match &self.slot {
            Slot::Receiving { apdu } => apdu.capacity(),
            Slot::Sending { rest } => rest.capacity(),
            _ => 0,
        };
        slot + self.outbox.held()
            + if let Intake::Gathering(bytes) = &self.intake { bytes.capacity() } else { 0 }
    }

    fn message(&mut self, bytes: &[u8]) {
        let Ok(message) = ToReader::parse(bytes) else { return };
        if message.slot == 0 {
            self.on(Event::Message(message));
        } else {
            self.fail(&message, slot_error::BAD_SLOT);
        }
    }

    fn set_state(&mut self, slot: Slot) {
        self.slot = slot;
    }

    fn on(&mut self, event: Event<'_>) {
        use Awaited::{Message, Request};
        let next = match (core::mem::take(&mut self.slot), event) {
            (slot, Event::Reset) => {
                self.end(slot);
                self.card.power_off();
                self.parameters = Parameters::default();
                Slot::Inactive
            }

            // The second half of an abort ends it (CCID 1.1, 5.3.1).
            (Slot::Aborting { active, sequence, awaited: Message }, Event::Message(message))
                if message.kind == to_reader::ABORT && message.sequence == sequence =>
            {
                self.slot_status(active, sequence, CommandStatus::Done);
                Slot::powered(active)
            }
            (Slot::Aborting { active, sequence, awaited: Request }, Event::Abort(asked))
                if asked == sequence =>
            {
                self.slot_status(active, sequence, CommandStatus::Done);
                Slot::powered(active)
            }
            (slot @ Slot::Aborting { active, .. }, Event::Message(message)) => {
                self.refuse(active, &message, slot_error::CMD_ABORTED);
                slot
            }
            // The first half of an abort ends what the slot does.
            (slot, Event::Abort(sequence)) => {
                Slot::Aborting { active: self.end(slot), sequence, awaited: Message }
            }
            (slot, Event::Message(message))
                if message.kind == to_reader::ABORT && message.data.is_empty() =>
            {
                Slot::Aborting { active: self.end(slot), sequence: message.sequence, awaited: Request }
            }

            // Power off, or on again, ends what waits, so that no prompt locks a host out. Any other command is answered that
            // the slot is busy (CCID 1.1, table 6.2-2).
            (slot @ (Slot::Asking { .. } | Slot::Working { .. }), Event::Message(message)) => {
                if matches!(message.kind, to_reader::ICC_POWER_ON | to_reader::ICC_POWER_OFF) {
                    let active = self.end(slot);
                    self.command(Slot::powered(active), &message)
                } else {
                    self.refuse(true, &message, slot_error::CMD_SLOT_BUSY);
                    slot
                }
            }
            (slot, Event::Message(message)) => self.command(slot, &message),

            (Slot::Asking { sequence, prompt, clock }, Event::Tick(now)) => {
                self.ask(sequence, prompt, clock, now)
            }
            (Slot::Working { sequence, number, job, mut clock }, Event::Tick(now)) => {
                self.extend(sequence, &mut clock, now);
                Slot::Working { sequence, number, job, clock }
            }
            (Slot::Working { sequence, number, .. }, Event::Finished(Numbered(finished, outcome)))
                if finished == number =>
            {
                let step = self.card.resume(CardEvent::Finished(outcome));
                self.proceed(sequence, step)
            }
            // Nothing waits for the tick, or the job was aborted and its outcome is dropped.
            (slot, Event::Tick(_) | Event::Finished(_)) => slot,
        };
        self.set_state(next);
    }

    /// Ends what the slot does, and says whether the card has power. A command that waited fails.
    fn end(&mut self, slot: Slot) -> bool {
        let active = slot.is_active();
        match slot {
            Slot::Asking { sequence, .. } | Slot::Working { sequence, .. } => {
                if matches!(slot, Slot::Asking { .. }) {
                    self.panel.ended(Err(Declined::Aborted));
                }
                drop(self.card.resume(CardEvent::Declined(Declined::Aborted)));
                let failed = CommandStatus::Failed(slot_error::CMD_ABORTED);
                self.answer(to_host::DATA_BLOCK, active, sequence, failed, 0, &[]);
            }
            Slot::Aborting { sequence, awaited: Awaited::Request, .. } => {
                self.slot_status(active, sequence, CommandStatus::Failed(slot_error::CMD_ABORTED));
            }
            _ => {}
        }
        active
    }

    /// What comes of a command to the card.
    fn proceed(&mut self, sequence: u8, step: Step) -> Slot {
        match step {
            Step::Done(Answer { mut data, status }) => {
                data.extend_from_slice(&status.bytes());
                self.send(sequence, data, true)
            }
            Step::Ask(prompt) => {
                self.panel.show(Some(&prompt.screen()));
                Slot::Asking { sequence, prompt, clock: Clock::default() }
            }
            // To hand such a job to somebody takes longer than the job.
            Step::Work(job) if job.is_quick() => {
                let step = self.card.resume(CardEvent::Finished(job.run()));
                self.proceed(sequence, step)
            }
            Step::Work(job) => {
                self.jobs = self.jobs.wrapping_add(1);
                Slot::Working { sequence, number: self.jobs, job: Some(job), clock: Clock::default() }
            }
        }
    }

    /// Sends a response APDU, or what is left of it, as far as a message goes.
    fn send(&mut self, sequence: u8, mut data: Vec<u8>, first: bool) -> Slot {
        let rest = if data.len() > MAX_DATA { data.split_off(MAX_DATA) } else { Vec::new() };
        let chain = match (first, rest.is_empty()) {
            (true, true) => level::WHOLE,
            (true, false) => level::BEGINS,
            (false, true) => level::ENDS,
            (false, false) => level::CONTINUES,
        };
        self.answer(to_host::DATA_BLOCK, true, sequence, CommandStatus::Done, chain as u8, &data);
        if rest.is_empty() { Slot::Ready } else { Slot::Sending { rest } }
    }
}
