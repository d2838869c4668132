//! One card: command APDUs go in, answers come out. How the card is reached is [`Transmit`]'s. Source: ISO/IEC
//! 7816-4:2013, clause 5.

use std::time::Duration;

use wire::{
    apdu::{CLASS_CHAIN, Command, MAX_SHORT_DATA, StatusWord},
    piv::instruction,
};
use zeroize::Zeroize;

use crate::{
    ccid::{BLOCK_TIMEOUT, Reader},
    error::Error,
    pipe::{Pipe, Secret},
};

/// Most data bytes that GET RESPONSE may gather: one extended response.
const MAX_DATA: usize = 65_536;
/// What an answer usually fits in, so that its buffer is allocated once.
const USUAL_ANSWER: usize = 512;

/// A road to a card: CCID over a pipe, or a PC/SC service.
pub trait Transmit {
    /// Sends a command APDU and appends the response APDU to `response`.
    ///
    /// # Errors
    /// The road's own; never a status word.
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error>;

    /// Powers the card off and on, so that the card forgets the PIN and which applet was selected. Returns the new
    /// ATR.
    ///
    /// # Errors
    /// The road's own.
    fn reset(&mut self) -> Result<Vec<u8>, Error>;

    /// Whether extended APDUs pass.
    fn extended(&self) -> bool;

    /// Keeps other programs off until [`Self::end`]. A road that has one holder does nothing here.
    ///
    /// # Errors
    /// The road's own.
    fn begin(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// [`Self::begin`] for work that relies on what this program selected and verified before. Where another program had
    /// the card since, the first command is not sent and fails with [`Error::Disturbed`].
    ///
    /// # Errors
    /// [`Error::Disturbed`], also from a road that cannot tell.
    fn resume(&mut self) -> Result<(), Error> {
        Err(Error::Disturbed)
    }

    /// Begins what [`Self::begin`] or [`Self::resume`] promised without a command.
    ///
    /// # Errors
    /// As [`Self::resume`].
    fn look(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The next command is the last before [`Self::end`]: a road may send both at once.
    fn last(&mut self) {}

    /// Lets other programs in again.
    ///
    /// # Errors
    /// The road's own.
    fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl<P: Pipe> Transmit for Reader<P> {
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        Self::transmit(self, command, response)
    }

    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        self.power_off()?;
        self.power_on()
    }

    fn extended(&self) -> bool {
        Self::extended(self)
    }
}

/// A response APDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The data field. The data may be secret (a shared secret, a decrypted block), and is never printed.
    pub data: Vec<u8>,
    /// SW1-SW2.
    pub status: StatusWord,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({} bytes, {})", self.data.len(), self.status)
    }
}

impl Answer {
    /// The data when the status is 9000.
    ///
    /// # Errors
    /// [`Error::Refused`] with any other status.
    pub fn ok(self) -> Result<Vec<u8>, Error> {
        if self.status == StatusWord::OK { Ok(self.data) } else { Err(Error::Refused(self.status)) }
    }
}

/// What a VERIFY without data tells of the PIN (SP 800-73-4 part 2, 3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinState {
    /// The PIN was verified since the last reset.
    Verified,
    /// The PIN is not verified, and so many tries are left. None is left when the PIN is locked.
    Tries(u8),
}

/// A powered card.
pub struct Card {
    road: Box<dyn Transmit + Send>,
    atr: Vec<u8>,
    chaining: bool,
    /// The command in the making, which may hold a PIN.
    command: Secret,
}

impl Card {
    /// Powers the card behind a pipe, which should be a token's.
    ///
    /// # Errors
    /// [`Error::Slot`] when there is no card, and the pipe's own.
    pub fn open(pipe: impl Pipe + 'static) -> Result<Self, Error> {
        Self::over(Reader::new(pipe)?)
    }

    /// [`Self::open`], with the patience for one command, which should exceed the time-out of the token's prompt.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_patience(pipe: impl Pipe + 'static, patience: Duration) -> Result<Self, Error> {
        Self::over(Reader::new(pipe)?.patience(patience, BLOCK_TIMEOUT.min(patience)))
    }

    fn over<P: Pipe + 'static>(mut reader: Reader<P>) -> Result<Self, Error> {
        let atr = reader.power_on()?;
        Ok(Self::by(Box::new(reader), atr))
    }

    /// A card that another road powered, and its ATR.
    pub fn by(road: Box<dyn Transmit + Send>, atr: Vec<u8>) -> Self {
        Self { road, atr, chaining: false, command: Secret::default() }
    }

    /// The answer to reset.
    pub fn atr(&self) -> &[u8] {
        &self.atr
    }

    /// Sends long commands as chains of short ones (ISO 7816-4, 5.4.1), for cards without extended length.
    pub const fn chain(&mut self, on: bool) {
        self.chaining = on;
    }

    /// Powers the card off and on, so that the card forgets the PIN and which applet was selected.
    ///
    /// # Errors
    /// The road's own.
    pub fn reset(&mut self) -> Result<(), Error> {
        self.atr = self.road.reset()?;
        Ok(())
    }

    /// Runs `work` with no other program in between. `work` may be VERIFY and the operation that wants the PIN.
    ///
    /// # Errors
    /// The work's own, else the road's.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.begin()?;
        self.finish(work)
    }

    /// [`Self::transaction`] for work that relies on what this program selected and verified before.
    ///
    /// # Errors
    /// As [`Self::transaction`]; [`Error::Disturbed`]: another program had the card since. Nothing was sent.
    pub fn undisturbed<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.road.resume()?;
        self.finish(work)
    }

    /// Sends nothing to the card. Within [`Self::undisturbed`] this tells whether another program had the card.
    ///
    /// # Errors
    /// The road's own.
    pub fn look(&mut self) -> Result<(), Error> {
        self.road.last();
        self.road.look()
    }

    fn finish<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let done = work(self);
        let ended = self.end();
        done.and_then(|done| ended.map(|()| done))
    }

    /// The next command is the last one of its transaction: a road may send the command and the end of the transaction at
    /// once.
    pub fn last(&mut self) {
        // A short command may become several, and so may a short answer.
        if !self.short() {
            self.road.last();
        }
    }

    /// Keeps other programs off until [`Self::end`], or until this card is dropped; [`Self::transaction`] does both.
    /// Another program may have selected another application before: begin with a SELECT.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program keeps the card too long, and the road's own.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.road.begin()
    }

    /// Lets other programs in again.
    ///
    /// # Errors
    /// The road's own.
    pub fn end(&mut self) -> Result<(), Error> {
        self.road.end()
    }

    /// SELECT by AID, whole or truncated (ISO 7816-4, 7.1.1). Returns the application's answer.
    ///
    /// # Errors
    /// [`Error::Refused`] with 6A82 when the card has no such application.
    pub fn select(&mut self, aid: &[u8]) -> Result<Vec<u8>, Error> {
        self.data(&Command::new(0, instruction::SELECT, 0x04, 0x00, aid).expecting(256))
    }

    /// [`Self::transmit`], for commands that only 9000 ends well. Returns the data.
    ///
    /// # Errors
    /// [`Error::Refused`] with any other status, and the road's own.
    pub fn data(&mut self, command: &Command<'_>) -> Result<Vec<u8>, Error> {
        self.transmit(command)?.ok()
    }

    /// Sends a command. After '6Cxx' the command is sent again with the right Le. After '61xx' GET RESPONSE fetches
    /// the rest of the answer (ISO 7816-4, 5.3.4 and 7.6.1). Data over 255 bytes is chained when extended length does
    /// not pass.
    ///
    /// # Errors
    /// The road's own; a status word is no error here.
    pub fn transmit(&mut self, command: &Command<'_>) -> Result<Answer, Error> {
        let mut command = *command;
        if self.short() {
            // Le of 256 says "all there is"; 61xx tells of the rest.
            command.expected = command.expected.map(|ne| ne.min(256));
            command.extended = false;
        }
        let mut answer = match self.short() && command.data.len() > MAX_SHORT_DATA {
            true => self.send_chain(&command)?,
            false => self.send(&command)?,
        };
        if let [0x6C, right] = answer.status.bytes() {
            let right = if right == 0 { 256 } else { u32::from(right) };
            answer = self.send(&Command { expected: Some(right), ..command })?;
        }
        while let [0x61, more] = answer.status.bytes() {
            let ne = if more == 0 { 256 } else { u32::from(more) };
            let class = command.class & 0x03; // the logical channel
            let next = self.send(&Command::new(class, instruction::GET_RESPONSE, 0, 0, &[]).expecting(ne))?;
            if next.data.is_empty() && next.status.bytes()[0] == 0x61 {
                return Err(Error::nonsense("GET RESPONSE", "no data, yet there is more"));
            }
            answer.data.extend_from_slice(&next.data);
            answer.status = next.status;
            if answer.data.len() > MAX_DATA {
                return Err(Error::nonsense("GET RESPONSE", "over 65,536 bytes"));
            }
        }
        Ok(answer)
    }

    fn short(&self) -> bool {
        self.chaining || !self.road.extended()
    }

    /// Every part but the last must be answered 9000. Any other answer to a part is the answer to the whole command.
    fn send_chain(&mut self, command: &Command<'_>) -> Result<Answer, Error> {
        let mut data = command.data;
        while let Some((part, rest)) =
            data.split_at_checked(MAX_SHORT_DATA).filter(|(_, rest)| !rest.is_empty())
        {
            let class = command.class | CLASS_CHAIN;
            let answer = self.send(&Command { class, data: part, expected: None, ..*command })?;
            if answer.status != StatusWord::OK {
                return Ok(answer);
            }
            data = rest;
        }
        self.send(&Command { data, ..*command })
    }

    /// One command APDU, one response APDU.
    fn send(&mut self, command: &Command<'_>) -> Result<Answer, Error> {
        self.command.clear();
        // The buffer gets its room before its bytes: a buffer that grows would leave a PIN behind in the smaller one.
        self.command.reserve(command.data.len() + 9);
        command
            .encode(&mut self.command)
            .map_err(|_| Error::Invalid("a command carries 65,535 bytes at most"))?;
        let mut data = Vec::with_capacity(USUAL_ANSWER);
        let sent = self.road.transmit(&self.command, &mut data);
        self.command.as_mut_slice().zeroize();
        sent?;
        let status = match data.as_slice() {
            [.., high, low] => StatusWord(u16::from_be_bytes([*high, *low])),
            _ => return Err(Error::nonsense("response APDU", "shorter than its status word")),
        };
        data.truncate(data.len() - 2);
        Ok(Answer { data, status })
    }
}

/// Reads the status word of a VERIFY without data.
pub(crate) fn pin_state(answer: &Answer) -> Result<PinState, Error> {
    match (answer.status, answer.status.tries()) {
        (StatusWord::OK, _) => Ok(PinState::Verified),
        (StatusWord::BLOCKED, _) => Ok(PinState::Tries(0)),
        (_, Some(left)) => Ok(PinState::Tries(left)),
        (status, None) => Err(Error::Refused(status)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
