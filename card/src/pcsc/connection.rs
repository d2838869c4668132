//! A card that is shared with other programs through a daemon.

use std::{
    thread,
    time::{Duration, Instant},
};

use wire::pcsclite::{
    Begin, Connect, Control, Disconnect, End, MAX_BUFFER, ReaderState, Reconnect, Request, Transmit,
    disposition, protocol, reader_name, rv, share,
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
}

impl Connection {
    /// Connects to the card in a reader, beside any number of other programs. `patience` is for one command, or for
    /// the end of another program's transaction.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program has the reader for itself, [`crate::SlotError::Absent`] without a card, and
    /// the line's own.
    pub fn open(mut session: Session, reader: &str, patience: Duration) -> Result<Self, Error> {
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
        let (card, protocol) = (answer.card, answer.active);
        let reader = reader.to_owned();
        let trace = Trace::new();
        let mut new =
            Self { session, reader, card, protocol, atr: Vec::new(), extended: false, trace, patience };
        new.atr = new.read_atr()?;
        new.extended = new.takes_extended()?;
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
        let room = u32::try_from(MAX_BUFFER).unwrap_or(u32::MAX);
        let wish = Transmit {
            card: self.card,
            send_protocol: self.protocol,
            send_pci: PCI,
            send_length: u32::try_from(command.len()).unwrap_or(u32::MAX),
            receive_protocol: self.protocol,
            receive_pci: PCI,
            receive_length: room,
            rv: 0,
        };
        let (request, patience) = (Request::Transmit(wish), self.patience + PATIENCE);
        let answer = self.session.ask(&request, command, Transmit::LEN, Transmit::parse, patience)?;
        if answer.rv == rv::SUCCESS {
            if answer.receive_length > room {
                return Err(self.too_long());
            }
            let length = usize::try_from(answer.receive_length).unwrap_or_default();
            response.extend_from_slice(&self.session.receive(length, patience)?);
        }
        Ok(answer.rv)
    }
}

impl Connection {
    fn exchange(&mut self, command: &[u8], response: &mut Vec<u8>) -> Result<(), Error> {
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
        let end = Instant::now() + self.patience;
        loop {
            let request = Request::Begin(Begin { card: self.card, rv: 0 });
            match self.session.ask(&request, &[], Begin::LEN, Begin::parse, self.patience)?.rv {
                rv::SHARING_VIOLATION => wait_turn(end)?,
                rv::RESET_CARD => self.reconnect(disposition::LEAVE)?,
                outcome => return succeed(outcome),
            }
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let request = Request::End(End { card: self.card, disposition: disposition::LEAVE, rv: 0 });
        succeed(self.session.ask(&request, &[], End::LEN, End::parse, self.patience)?.rv)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let wish = Disconnect { card: self.card, disposition: disposition::LEAVE, rv: 0 };
        // The daemon would hear the end of the socket, too. But it resets a card whose transaction was left open,
        // under other programs' hands.
        let _ =
            self.session.ask(&Request::Disconnect(wish), &[], Disconnect::LEN, Disconnect::parse, PATIENCE);
    }
}

/// Another program has the card for itself. Waits a moment before the next try, until the time is up.
fn wait_turn(end: Instant) -> Result<(), Error> {
    if Instant::now() >= end {
        return Err(Error::Busy);
    }
    thread::sleep(PAUSE);
    Ok(())
}
