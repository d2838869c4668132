//! A card that is shared with other programs through a daemon.

use std::{
    thread,
    time::{Duration, Instant},
};

use wire::pcsclite::{
    Begin, Connect, Control, Disconnect, End, MAX_BUFFER, Open, ReaderState, Reconnect, Request, Transmit,
    Turn, disposition,
    extension::{DISTURBED, turn},
    protocol, reader_name, rv, share,
};

use super::{PATIENCE, Session, refusal, succeed};
use crate::{card, error::Error, feature, trace::Trace};

/// Between two tries while another program has the card for itself. The daemon waits a while itself before it
/// refuses.
const PAUSE: Duration = Duration::from_millis(20);
/// sizeof(SCARD_IO_REQUEST) of libpcsclite.
const PCI: u32 = 16;
/// Room for the answer to a control: a feature list or properties.
const CONTROL_ROOM: u32 = 264;

/// Room for a response APDU.
const ROOM: u32 = MAX_BUFFER as u32;

/// How far a transaction is, at a reader of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none.
    Out,
    /// The next command begins one. `undisturbed`: only if no other program had the card.
    Due { undisturbed: bool },
    /// One is under way.
    In,
}

/// A connection to one reader, shared with others.
pub struct Connection {
    session: Session,
    reader: String,
    card: i32,
    protocol: u32,
    atr: Vec<u8>,
    extended: bool,
    trace: Trace,
    /// How long one command may take.
    patience: Duration,
    stage: Stage,
    /// The next command is the last of its transaction.
    last: bool,
}

impl Connection {
    /// Connects to the card in a reader, beside any number of other programs. `patience` is for one command, or for
    /// the end of another program's transaction.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program has the reader for itself, [`crate::SlotError::Absent`] without a card, and
    /// the line's own.
    pub fn open(mut session: Session, reader: &str, patience: Duration) -> Result<Self, Error> {
        let (card, protocol, atr, extended) = if session.extended {
            let request = Request::Open(Open::wish(reader_name(reader)));
            let answer = session.ask(&request, &[], Open::LEN, Open::parse, patience)?;
            succeed(answer.rv)?;
            (answer.card, answer.active, answer.atr().to_vec(), answer.extended != 0)
        } else {
            let wish = Connect {
                context: session.context,
                reader: reader_name(reader),
                share: share::SHARED,
                preferred: protocol::ANY,
                card: 0,
                active: 0,
                rv: 0,
            };
            let answer = session.ask(&Request::Connect(wish), &[], Connect::LEN, Connect::parse, patience)?;
            succeed(answer.rv)?;
            (answer.card, answer.active, Vec::new(), false)
        };
        let (reader, trace, known) = (reader.to_owned(), Trace::new(), session.extended);
        let (stage, last) = (Stage::Out, false);
        let mut new = Self { session, reader, card, protocol, atr, extended, trace, patience, stage, last };
        if !known {
            new.atr = new.read_atr()?;
            new.extended = new.takes_extended()?;
        }
        Ok(new)
    }

    /// The card's answer to reset.
    pub fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn read_atr(&mut self) -> Result<Vec<u8>, Error> {
        let readers = self.session.readers()?;
        let own = |state: &&ReaderState| state.name == reader_name(&self.reader);
        Ok(readers.iter().find(own).ok_or_else(|| refusal(rv::READER_UNAVAILABLE))?.atr().to_vec())
    }

    /// Whether extended APDUs pass, as the properties of part 10 say. A reader without properties gets short APDUs,
    /// which every card takes.
    fn takes_extended(&mut self) -> Result<bool, Error> {
        let Some(list) = self.control(feature::GET_FEATURE_REQUEST)? else { return Ok(false) };
        let Some(code) = feature::properties_code(&list) else { return Ok(false) };
        Ok(self.control(code)?.is_some_and(|properties| feature::says_extended(&properties)))
    }

    /// SCardControl without data; `None` when the reader does not know the code.
    fn control(&mut self, code: u32) -> Result<Option<Vec<u8>>, Error> {
        let wish = Control {
            card: self.card,
            code,
            send_length: 0,
            receive_length: CONTROL_ROOM,
            returned: 0,
            rv: 0,
        };
        let end = Instant::now() + self.patience;
        loop {
            let request = Request::Control(wish.clone());
            let answer = self.session.ask(&request, &[], Control::LEN, Control::parse, self.patience)?;
            match answer.rv {
                rv::SUCCESS if answer.returned <= CONTROL_ROOM => {
                    let length = usize::try_from(answer.returned).unwrap_or_default();
                    return Ok(Some(self.session.receive(length, PATIENCE)?.to_vec()));
                }
                rv::SUCCESS => return Err(self.too_long()),
                rv::SHARING_VIOLATION => wait_turn(end)?,
                _ => return Ok(None),
            }
        }
    }

    fn too_long(&mut self) -> Error {
        self.session.die(Error::nonsense("PC/SC service", "answers more than there is room for"))
    }

    fn reconnect(&mut self, initialization: u32) -> Result<(), Error> {
        let end = Instant::now() + self.patience;
        loop {
            let wish = Reconnect {
                card: self.card,
                share: share::SHARED,
                preferred: protocol::ANY,
                initialization,
                active: 0,
                rv: 0,
            };
            let request = Request::Reconnect(wish);
            let answer = self.session.ask(&request, &[], Reconnect::LEN, Reconnect::parse, self.patience)?;
            match answer.rv {
                rv::SHARING_VIOLATION => wait_turn(end)?,
                outcome => {
                    succeed(outcome)?;
                    self.protocol = answer.active;
                    return Ok(());
                }
            }
        }
    }

    /// One TRANSMIT; the outcome.
    fn try_transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<u32, Error> {
        let wish = Transmit {
            card: self.card,
            send_protocol: self.protocol,
            send_pci: PCI,
            send_length: u32::try_from(command.len()).unwrap_or(u32::MAX),
            receive_protocol: self.protocol,
            receive_pci: PCI,
            receive_length: ROOM,
            rv: 0,
        };
        let (request, patience) = (Request::Transmit(wish), self.patience + PATIENCE);
        let answer = self.session.ask(&request, command, Transmit::LEN, Transmit::parse, patience)?;
        if answer.rv == rv::SUCCESS {
            self.take_response(answer.receive_length, response, patience)?;
        }
        Ok(answer.rv)
    }

    fn take_response(
        &mut self,
        length: u32,
        response: &mut Vec<u8>,
        patience: Duration,
    ) -> Result<(), Error> {
        if length > ROOM {
            return Err(self.too_long());
        }
        let length = usize::try_from(length).unwrap_or_default();
        response.extend_from_slice(&self.session.receive(length, patience)?);
        Ok(())
    }

    /// One TURN; the outcome.
    fn try_turn(&mut self, bits: u32, command: &[u8], response: &mut Vec<u8>) -> Result<u32, Error> {
        let wish = Turn {
            card: self.card,
            bits,
            send_length: u32::try_from(command.len()).unwrap_or(u32::MAX),
            receive_length: ROOM,
            rv: 0,
        };
        let (request, patience) = (Request::Turn(wish), self.patience + PATIENCE);
        let answer = self.session.ask(&request, command, Turn::LEN, Turn::parse, patience)?;
        if answer.rv == rv::SUCCESS {
            self.take_response(answer.receive_length, response, patience)?;
        }
        Ok(answer.rv)
    }

    /// A command that begins or ends its transaction, at a reader of ours. After any failure there is no transaction.
    fn exchange_in_turn(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        let last = std::mem::take(&mut self.last);
        let stage = std::mem::replace(&mut self.stage, Stage::Out);
        let ends = if last { turn::END } else { 0 };
        let bits = ends
            | match stage {
                Stage::Due { undisturbed: true } => turn::BEGIN | turn::UNDISTURBED,
                Stage::Due { undisturbed: false } => turn::BEGIN,
                Stage::Out | Stage::In => 0,
            };
        let end = Instant::now() + self.patience;
        loop {
            match (self.try_turn(bits, command, response)?, stage) {
                (rv::SUCCESS, _) => {
                    self.stage = if last { Stage::Out } else { Stage::In };
                    return Ok(());
                }
                (rv::SHARING_VIOLATION, Stage::Due { .. }) => wait_turn(end)?,
                (rv::RESET_CARD, of) => {
                    self.reconnect(disposition::LEAVE)?;
                    match of {
                        // At once: who pauses finds the next reset.
                        Stage::Due { undisturbed: false } => in_time(end)?,
                        Stage::Due { undisturbed: true } => return Err(Error::Disturbed),
                        Stage::Out | Stage::In => return Err(Error::WasReset),
                    }
                }
                (DISTURBED, _) => return Err(Error::Disturbed),
                (other, _) => return Err(refusal(other)),
            }
        }
    }

    fn exchange(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        if matches!((self.stage, self.last), (Stage::Due { .. }, _) | (Stage::In, true)) {
            return self.exchange_in_turn(command, response);
        }
        let end = Instant::now() + self.patience;
        loop {
            match self.try_transmit(command, response)? {
                rv::SUCCESS => return Ok(()),
                rv::SHARING_VIOLATION => wait_turn(end)?,
                rv::RESET_CARD => {
                    self.reconnect(disposition::LEAVE)?;
                    return Err(Error::WasReset);
                }
                other => return Err(refusal(other)),
            }
        }
    }
}

impl card::Transmit for Connection {
    /// After another program reset the card, this connects anew, so that the next command finds the card. The command
    /// itself fails, because what was selected and verified is lost.
    fn transmit(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
        if command.len() > MAX_BUFFER {
            return Err(Error::Invalid("the reader takes no command APDU of this length"));
        }
        let mut trace = std::mem::take(&mut self.trace);
        let done = trace.exchange(command, response, |command, response| self.exchange(command, response));
        self.trace = trace;
        done
    }

    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        self.reconnect(disposition::RESET)?;
        self.atr = self.read_atr()?;
        Ok(self.atr.clone())
    }

    fn extended(&self) -> bool {
        self.extended
    }

    /// Work begins with a SELECT, so that it does not matter that another program reset the card before.
    fn begin(&mut self) -> Result<(), Error> {
        if self.session.extended {
            self.stage = Stage::Due { undisturbed: false };
            return Ok(());
        }
        let end = Instant::now() + self.patience;
        loop {
            let request = Request::Begin(Begin { card: self.card, rv: 0 });
            match self.session.ask(&request, &[], Begin::LEN, Begin::parse, self.patience)?.rv {
                rv::SHARING_VIOLATION => wait_turn(end)?,
                rv::RESET_CARD => {
                    self.reconnect(disposition::LEAVE)?;
                    in_time(end)?;
                }
                outcome => return succeed(outcome),
            }
        }
    }

    fn resume(&mut self) -> Result<(), Error> {
        if !self.session.extended {
            return Err(Error::Disturbed);
        }
        self.stage = Stage::Due { undisturbed: true };
        Ok(())
    }

    fn look(&mut self) -> Result<(), Error> {
        self.exchange_in_turn(&[], &mut Vec::new())
    }

    fn last(&mut self) {
        self.last = self.session.extended;
    }

    fn end(&mut self) -> Result<(), Error> {
        self.last = false;
        // At a reader of ours the transaction never began, or has ended with its last command.
        if self.session.extended && std::mem::replace(&mut self.stage, Stage::Out) != Stage::In {
            return Ok(());
        }
        let request = Request::End(End { card: self.card, disposition: disposition::LEAVE, rv: 0 });
        succeed(self.session.ask(&request, &[], End::LEN, End::parse, self.patience)?.rv)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A reader of ours forgets the handle when the socket ends, and nobody waits for that.
        if self.session.extended && self.stage != Stage::In {
            return;
        }
        let wish = Disconnect { card: self.card, disposition: disposition::LEAVE, rv: 0 };
        // The daemon would hear the end of the socket, too. But it resets a card whose transaction was left open,
        // under other programs' hands.
        let _ =
            self.session.ask(&Request::Disconnect(wish), &[], Disconnect::LEN, Disconnect::parse, PATIENCE);
    }
}

/// Another program has the card for itself. Waits a moment before the next try, until the time is up.
fn wait_turn(end: Instant) -> Result<(), Error> {
    in_time(end)?;
    thread::sleep(PAUSE);
    Ok(())
}

/// Whether another try may be made: other programs may reset the card again and again.
fn in_time(end: Instant) -> Result<(), Error> {
    if Instant::now() < end { Ok(()) } else { Err(Error::Busy) }
}
