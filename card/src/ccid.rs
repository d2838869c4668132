//! The host of a CCID reader with one slot, at APDU level.
//! Source: "Universal Serial Bus Device Class: Smart Card CCID", revision 1.1; its bytes are in [`wire::ccid`].

use std::time::{Duration, Instant};

use wire::{
    ccid::{
        CommandStatus, HEADER, IccStatus, ToHost, ToReader, class_request,
        exchange_level::{EXTENDED_APDU, SHORT_APDU},
        length, level, slot_error, to_host, to_reader,
    },
    usb::Setup,
};
use zeroize::Zeroize;

use crate::{Error, Pipe, error::SlotError, pipe::Secret, trace::Trace};

/// How long a whole command may take. A token's prompt waits 60 s for its holder, and the rest is margin.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How long the reader may be silent: it sends an answer, or asks for more time (our token asks once a second).
pub const BLOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for the answer to an abort.
const ABORT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most answers to former commands that are passed over before the reader counts as broken.
const MAX_STALE: usize = 16;
/// Longest response APDU: 65,536 bytes and the status word (ISO 7816-4, 5.2).
const MAX_RESPONSE: usize = 65_538;
/// bSlot of the first slot, which is the only one that is used.
const SLOT: u8 = 0;

/// A reader behind a pipe. One command at a time.
pub struct Reader<P> {
    pipe: P,
    /// bSeq of the last command.
    sequence: u8,
    patience: Duration,
    block_timeout: Duration,
    extended: bool,
    trace: Trace,
    /// The command and the answer in the making. The buffers are kept, so that signing allocates neither.
    command: Secret,
    answer: Secret,
}

impl<P: Pipe> Reader<P> {
    /// A reader at short or extended APDU level.
    ///
    /// # Errors
    /// The reader exchanges TPDUs or characters only.
    pub fn new(pipe: P) -> Result<Self, Error> {
        let features = pipe.interface().features;
        if features & (SHORT_APDU | EXTENDED_APDU) == 0 {
            return Err(Error::nonsense("CCID class descriptor", "the reader exchanges no APDUs"));
        }
        Ok(Self {
            pipe,
            sequence: 0,
            patience: PATIENCE,
            block_timeout: BLOCK_TIMEOUT,
            extended: features & EXTENDED_APDU != 0,
            trace: Trace::new(),
            command: Secret::default(),
            answer: Secret::default(),
        })
    }

    /// Sets how long a whole command may take, time extensions included, and how long the reader may be silent. The
    /// whole command's time should exceed the time-out of the token's prompt.
    #[must_use]
    pub const fn patience(mut self, whole: Duration, block: Duration) -> Self {
        self.patience = whole;
        self.block_timeout = block;
        self
    }

    /// Whether the reader takes extended APDUs.
    pub const fn extended(&self) -> bool {
        self.extended
    }

    /// The pipe below.
    pub const fn pipe(&mut self) -> &mut P {
        &mut self.pipe
    }

    /// Powers the card with automatic voltage, else with the first voltage that the reader takes (CCID 1.1, 6.1.1).
    /// Returns the ATR.
    ///
    /// # Errors
    /// [`Error::Slot`] when there is no card, or a card that does not answer.
    pub fn power_on(&mut self) -> Result<Vec<u8>, Error> {
        let mut power_select = 0;
        loop {
            match self.command(to_reader::ICC_POWER_ON, [power_select, 0, 0], &[], to_host::DATA_BLOCK) {
                Ok(_) => {
                    self.trace.note("the card is powered");
                    return Ok(self.data().to_vec());
                }
                // A reader that does not choose by itself is asked for 5 V, 3 V and 1.8 V in turn.
                Err(Error::Slot(SlotError::Other(slot_error::BAD_POWER_SELECT))) if power_select < 3 => {
                    power_select += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Powers the card off, so that the card forgets the PIN (CCID 1.1, 6.1.2).
    ///
    /// # Errors
    /// The line's own.
    pub fn power_off(&mut self) -> Result<(), Error> {
        self.command(to_reader::ICC_POWER_OFF, [0; 3], &[], to_host::SLOT_STATUS).map(drop)
    }

    /// Asks whether a card is present and powered (CCID 1.1, 6.1.3).
    ///
    /// # Errors
    /// The line's own.
    pub fn slot_status(&mut self) -> Result<IccStatus, Error> {
        match self.command(to_reader::GET_SLOT_STATUS, [0; 3], &[], to_host::SLOT_STATUS) {
            Ok((icc, _)) => Ok(icc),
            Err(Error::Slot(SlotError::Absent)) => Ok(IccStatus::Absent),
            Err(error) => Err(error),
        }
    }

    /// Sends one command APDU and appends the response APDU to `into`, each in as many blocks as
    /// dwMaxCCIDMessageLength wants (CCID 1.1, 6.1.4 and 6.2.1).
    ///
    /// # Errors
    /// [`Error::TimedOut`] when the time is up (the command was aborted then), [`Error::Slot`] when the reader failed
    /// the command, and the line's own.
    pub fn transmit(&mut self, apdu: &[u8], into: &mut Vec<u8>) -> Result<(), Error> {
        let mut trace = std::mem::take(&mut self.trace);
        let done = trace.exchange(apdu, into, |apdu, into| self.exchange(apdu, into));
        self.trace = trace;
        done
    }

    fn exchange(&mut self, apdu: &[u8], into: &mut Vec<u8>) -> Result<(), Error> {
        let room = self.pipe.interface().max_message - HEADER;
        if apdu.is_empty() || (!self.extended && apdu.len() > room) {
            return Err(Error::Invalid("the reader takes no command APDU of this length"));
        }
        let last = (apdu.len() - 1) / room;
        let mut chain = level::WHOLE;
        for (at, block) in apdu.chunks(room).enumerate() {
            let part = match (at == 0, at == last) {
                (true, true) => level::WHOLE,
                (true, false) => level::BEGINS,
                (false, false) => level::CONTINUES,
                (false, true) => level::ENDS,
            };
            chain = self.block(part, block)?;
            if at != last && (chain != level::GO_ON || !self.data().is_empty()) {
                return Err(Error::nonsense("CCID answer", "does not ask for the rest of the command"));
            }
        }
        self.receive(chain, into)
    }

    /// Takes the first block of the response, which is here, and fetches the others.
    fn receive(&mut self, mut chain: u16, into: &mut Vec<u8>) -> Result<(), Error> {
        let before = into.len();
        let mut first = true;
        loop {
            into.extend_from_slice(self.data());
            if into.len() - before > MAX_RESPONSE {
                return Err(Error::nonsense("CCID answer", "a response over 65,538 bytes"));
            }
            match (chain, first) {
                (level::WHOLE, true) | (level::ENDS, false) => return Ok(()),
                // Blocks without data could go on for ever.
                (level::BEGINS, true) | (level::CONTINUES, false) if !self.data().is_empty() => {}
                _ => return Err(Error::nonsense("CCID answer", "bChainParameter does not fit the chain")),
            }
            first = false;
            chain = self.block(level::GO_ON, &[])?;
        }
    }

    /// Sends one XfrBlock, and returns bChainParameter of its answer.
    fn block(&mut self, part: u16, data: &[u8]) -> Result<u16, Error> {
        let [low, high] = if self.extended { part.to_le_bytes() } else { [0; 2] };
        let (_, chain) = self.command(to_reader::XFR_BLOCK, [0, low, high], data, to_host::DATA_BLOCK)?;
        Ok(u16::from(chain))
    }

    /// abData of the answer.
    fn data(&self) -> &[u8] {
        self.answer.get(HEADER..).unwrap_or_default()
    }

    /// Sends one message, and puts the answer into `self.answer`. Returns bmICCStatus and byte 9 of the answer.
    fn command(
        &mut self,
        kind: u8,
        specific: [u8; 3],
        data: &[u8],
        answer_kind: u8,
    ) -> Result<(IccStatus, u8), Error> {
        self.sequence = self.sequence.wrapping_add(1);
        self.command.clear();
        ToReader { kind, slot: SLOT, sequence: self.sequence, specific, data }.encode(&mut self.command);
        self.answer.clear();
        let end = Instant::now() + self.patience;
        let max = self.pipe.interface().max_message;
        let timeout = self.block_timeout.min(self.patience);
        let sent = self.pipe.exchange(&self.command, &mut self.answer, max, timeout);
        self.command.as_mut_slice().zeroize(); // the command may hold a PIN
        match sent.and_then(|()| self.answer_in(answer_kind, timeout, end)) {
            // Nobody waits for the answer any more. The token must be told, or its screen keeps asking.
            Err(Error::TimedOut(what)) => {
                let _ = self.abort();
                Err(Error::TimedOut(what))
            }
            Err(Error::Stalled) => {
                self.clear_halts();
                Err(Error::Stalled)
            }
            other => other,
        }
    }

    /// The first message from the reader is in `self.answer`. Reads on until the answer to the command is there.
    fn answer_in(&mut self, kind: u8, mut timeout: Duration, end: Instant) -> Result<(IccStatus, u8), Error> {
        let mut stale = 0;
        loop {
            self.whole(timeout)?;
            let answer = ToHost::parse(&self.answer)?;
            if answer.sequence != self.sequence || answer.slot != SLOT {
                // The message answers a command that was given up, and is dropped (CCID 1.1, 5.3.1).
                stale += 1;
                if stale > MAX_STALE {
                    return Err(Error::nonsense("CCID answer", "bSeq is never the command's"));
                }
            } else {
                match answer.command {
                    _ if answer.kind != kind => {
                        return Err(Error::nonsense("CCID answer", "bMessageType does not fit the command"));
                    }
                    CommandStatus::Done => return Ok((answer.icc, answer.specific)),
                    CommandStatus::Failed(_) if answer.icc == IccStatus::Absent => {
                        return Err(Error::Slot(SlotError::Absent));
                    }
                    CommandStatus::Failed(error) => return Err(Error::Slot(error.into())),
                    // CCID 1.1, 6.2.6: bError times the block waiting time.
                    CommandStatus::TimeExtension(times) => {
                        timeout = self.block_timeout * u32::from(times.max(1))
                    }
                }
            }
            self.answer.clear();
            timeout = timeout.min(end.saturating_duration_since(Instant::now()));
            if timeout.is_zero() {
                return Err(Error::TimedOut("the token's holder, or its work"));
            }
            self.read(timeout)?;
        }
    }

    /// Reads until the message is as long as its dwLength says.
    fn whole(&mut self, timeout: Duration) -> Result<(), Error> {
        loop {
            let want = length(&self.answer).map(|data| data.saturating_add(HEADER));
            match want {
                Some(want) if self.answer.len() >= want => return Ok(()),
                Some(want) if want > self.pipe.interface().max_message => {
                    return Err(Error::nonsense("CCID answer", "longer than dwMaxCCIDMessageLength"));
                }
                _ => self.read(timeout)?,
            }
        }
    }

    /// Reads one more transfer. An empty transfer ends a message whose length is a multiple of the packet size (USB
    /// 2.0, 5.8.3).
    fn read(&mut self, timeout: Duration) -> Result<(), Error> {
        let before = self.answer.len();
        let max = self.pipe.interface().max_message.saturating_sub(before);
        self.pipe.bulk_in(&mut self.answer, max, timeout)?;
        if self.answer.len() == before {
            self.pipe.bulk_in(&mut self.answer, max, timeout)?;
        }
        if self.answer.len() == before {
            return Err(Error::nonsense("CCID answer", "nothing but empty transfers"));
        }
        Ok(())
    }

    /// Aborts what the slot does: sends the request on endpoint 0 and the bulk message with the same bSeq, then drops
    /// every message until the answer to the bulk message (CCID 1.1, 5.3.1).
    ///
    /// # Errors
    /// The line's own.
    pub fn abort(&mut self) -> Result<(), Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let setup = Setup {
            request_type: 0x21,
            request: class_request::ABORT,
            value: u16::from_le_bytes([SLOT, sequence]),
            index: self.pipe.interface().number.into(),
            length: 0,
        };
        self.pipe.control(setup, &[])?;
        self.command.clear();
        ToReader { kind: to_reader::ABORT, slot: SLOT, sequence, specific: [0; 3], data: &[] }
            .encode(&mut self.command);
        self.answer.clear();
        self.pipe.bulk_out(&self.command)?;
        self.read(ABORT_TIMEOUT)?;
        match self.answer_in(to_host::SLOT_STATUS, ABORT_TIMEOUT, Instant::now() + ABORT_TIMEOUT) {
            // A slot that had finished already has nothing to abort.
            Ok(_) | Err(Error::Slot(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn clear_halts(&mut self) {
        let (out, answer) = (self.pipe.interface().bulk_out, self.pipe.interface().bulk_in);
        let _ = self.pipe.clear_halt(out);
        let _ = self.pipe.clear_halt(answer);
    }
}

#[cfg(test)]
mod tests;
