//! PC/SC without libpcsclite: a client of pcscd, or of a program that plays pcscd, on a Unix socket. Source:
//! pcsc-lite's protocol, whose bytes are in [`wire::pcsclite`].

// The order is the law: a module uses only modules listed below it.
mod connection;
mod inbox;

use std::{
    io::{ErrorKind, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use wire::{
    Malformed,
    pcsclite::{
        Establish, Header, MAJOR, MAX_READERS, MINORS, ReaderState, Request, Version, Wait, extension,
        reader_states, rv, scope,
    },
};
use zeroize::Zeroize;

use crate::{
    error::{Error, SlotError},
    pipe::Secret,
};
use inbox::Inbox;

pub use connection::Connection;

/// How long a daemon may take for a request that needs no card.
const PATIENCE: Duration = Duration::from_secs(10);
/// The minor version that is offered first. pcsc-lite 2.3 takes no other, 2.5 takes this one too, and 1.9 names its
/// own.
const OFFERED: i32 = 5;
/// Most readers that a daemon may count.
const MOST_READERS: i32 = 1024;

/// A connection with a daemon.
pub struct Session {
    stream: UnixStream,
    /// The minor version in use.
    minor: i32,
    /// The daemon is a reader of ours ([`extension`]).
    extended: bool,
    /// The context; 0 for none. A reader of ours wants none.
    context: u32,
    inbox: Inbox,
    /// What goes out with the next write, which may hold a PIN.
    outbox: Secret,
    /// The stream's read timeout, so that it is set only when it changes.
    timeout: Duration,
    /// The stream is out of step, or cut.
    dead: bool,
}

impl Session {
    /// Connects to the daemon at `socket`, and establishes a context where the daemon wants one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nobody listens there, [`Error::Forbidden`] when this user may not connect, and the
    /// line's own.
    pub fn open(socket: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(socket).map_err(|error| absent(socket, &error))?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(Error::Broken)?;
        let (outbox, timeout) = (Secret::default(), Duration::ZERO);
        let (minor, inbox) = (OFFERED, Inbox::default());
        let mut session =
            Self { stream, minor, extended: false, context: 0, inbox, outbox, timeout, dead: false };
        session.agree()?;
        if !session.extended {
            session.establish()?;
        }
        Ok(session)
    }

    /// Agrees on a version: a daemon that does not speak the version that is offered names its own.
    fn agree(&mut self) -> Result<(), Error> {
        for _ in 0..2 {
            let offer = Version { major: MAJOR, minor: self.minor, rv: extension::OFFER };
            let answer = self.ask(&Request::Version(offer), &[], Version::LEN, Version::parse, PATIENCE)?;
            match (answer.rv, answer.major, answer.minor) {
                (rv::SUCCESS, ..) => return Ok(()),
                (extension::TAKEN, ..) => {
                    self.extended = true;
                    return Ok(());
                }
                (rv::SERVICE_STOPPED, MAJOR, minor) if MINORS.contains(&minor) => self.minor = minor,
                (rv::SERVICE_STOPPED, major, minor) => {
                    return Err(Error::NotFound(format!(
                        "the PC/SC service speaks version {major}.{minor} of its protocol, and we know 4.4 to 4.6: \
                         reach the token by USB/IP instead (USHIELD_USBIP=HOST:PORT)"
                    )));
                }
                (other, ..) => return Err(refusal(other)),
            }
        }
        Err(Error::nonsense("PC/SC service", "refuses the version that it named itself"))
    }

    fn establish(&mut self) -> Result<(), Error> {
        let wish = Establish { scope: scope::SYSTEM, context: 0, rv: 0 };
        let request = Request::Establish(wish);
        let answer = self.ask(&request, &[], Establish::LEN, Establish::parse, PATIENCE)?;
        succeed(answer.rv)?;
        self.context = answer.context;
        Ok(())
    }

    /// The readers, each with its name and what is in it.
    ///
    /// # Errors
    /// The line's own.
    pub fn readers(&mut self) -> Result<Vec<ReaderState>, Error> {
        if self.minor < 6 {
            return self.states(&Request::ReadersState, MAX_READERS);
        }
        let request = Request::ReadersStateSize;
        let count = self.ask(&request, &[], 4, |bytes| Ok(number(bytes)), PATIENCE)?;
        if !(0..=MOST_READERS).contains(&count) {
            self.dead = true;
            return Err(Error::nonsense("PC/SC service", "counts more than 1,024 readers"));
        }
        self.states(&Request::ReadersStateArray, usize::try_from(count).unwrap_or_default())
    }

    fn states(&mut self, request: &Request, count: usize) -> Result<Vec<ReaderState>, Error> {
        let mut states = self.ask(request, &[], count * ReaderState::LEN, reader_states, PATIENCE)?;
        states.retain(|state| state.reader().is_some());
        Ok(states)
    }

    /// Waits until a reader or a card comes or goes; false when the time was up first. A change between two calls is
    /// not told: compare [`Self::readers`] from before and after.
    ///
    /// # Errors
    /// The line's own.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, Error> {
        match self.minor {
            ..6 => drop(self.states(&Request::Wait, MAX_READERS)?),
            _ => self.send(&Request::Wait, &[])?,
        }
        match self.receive(Wait::LEN, timeout) {
            Ok(answer) => {
                succeed(Wait::parse(&answer)?.rv)?;
                Ok(true)
            }
            // One message comes: the answer to StopWaiting, or news that overtook the answer.
            Err(Error::TimedOut(_)) => {
                self.dead = false;
                self.ask(&Request::StopWaiting, &[], Wait::LEN, Wait::parse, PATIENCE)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// One request and its structure back.
    fn ask<T>(
        &mut self,
        request: &Request,
        trailer: &[u8],
        length: usize,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
        patience: Duration,
    ) -> Result<T, Error> {
        self.send(request, trailer)?;
        let answer = self.receive(length, patience)?;
        parse(&answer).map_err(|malformed| {
            self.dead = true;
            malformed.into()
        })
    }

    /// Header, structure and buffer in one write.
    fn send(&mut self, request: &Request, trailer: &[u8]) -> Result<(), Error> {
        if self.dead {
            return Err(Error::Broken(ErrorKind::NotConnected.into()));
        }
        self.outbox.clear();
        // The buffer gets its room before its bytes: a buffer that grows would leave a PIN behind in the smaller one.
        self.outbox.reserve(Header::LEN + 512 + trailer.len());
        request.encode(&mut self.outbox);
        self.outbox.extend_from_slice(trailer);
        let sent = self.stream.write_all(&self.outbox);
        self.outbox.as_mut_slice().zeroize();
        sent.map_err(|error| {
            self.dead = true;
            Error::Broken(error)
        })
    }

    /// Exactly `length` bytes, which the caller has bounded.
    fn receive(&mut self, length: usize, patience: Duration) -> Result<Secret, Error> {
        let mut answer = Secret::new(vec![0; length]);
        let (begin, mut filled, mut left) = (Instant::now(), 0, patience);
        loop {
            filled += self.inbox.take(answer.get_mut(filled..).unwrap_or_default());
            if filled == length {
                return Ok(answer);
            }
            self.wait_at_most(left)?;
            match self.inbox.fill(&self.stream) {
                Ok(0) => return Err(self.die(Error::Broken(ErrorKind::UnexpectedEof.into()))),
                // A daemon that gives a byte at a time gets no more time for that.
                Ok(_) => left = patience.saturating_sub(begin.elapsed()),
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
                    ) =>
                {
                    left = patience.saturating_sub(begin.elapsed());
                    if left.is_zero() {
                        return Err(self.die(Error::TimedOut("the PC/SC service")));
                    }
                }
                Err(error) => return Err(self.die(Error::Broken(error))),
            }
        }
    }

    /// Sets the stream's read timeout.
    fn wait_at_most(&mut self, timeout: Duration) -> Result<(), Error> {
        let timeout = timeout.max(Duration::from_millis(1));
        if self.timeout != timeout {
            self.stream.set_read_timeout(Some(timeout)).map_err(Error::Broken)?;
            self.timeout = timeout;
        }
        Ok(())
    }

    /// An answer that comes too late would be taken for the next one.
    fn die(&mut self, error: Error) -> Error {
        self.dead = true;
        error
    }
}

fn number(bytes: &[u8]) -> i32 {
    bytes.try_into().map_or(-1, i32::from_ne_bytes)
}

fn absent(socket: &Path, error: &std::io::Error) -> Error {
    let place = socket.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Forbidden(format!(
            "no right to connect to the PC/SC service at {place}: it is another user's, or polkit forbids it"
        )),
        _ => Error::NotFound(format!(
            "no PC/SC service listens at {place} ({error}): start one with `ushield reader`, or unset \
             PCSCLITE_CSOCK_NAME"
        )),
    }
}

fn succeed(outcome: u32) -> Result<(), Error> {
    if outcome == rv::SUCCESS { Ok(()) } else { Err(refusal(outcome)) }
}

/// Which error a SCARD_* number is.
fn refusal(outcome: u32) -> Error {
    match outcome {
        rv::RESET_CARD => Error::WasReset,
        rv::REMOVED_CARD | rv::NO_SMARTCARD => Error::Slot(SlotError::Absent),
        rv::UNRESPONSIVE_CARD | rv::UNPOWERED_CARD => Error::Slot(SlotError::Mute),
        rv::SHARING_VIOLATION => Error::Busy,
        rv::NOT_TRANSACTED | rv::TIMEOUT => Error::TimedOut("the card in the PC/SC service's reader"),
        // What pcscd says of a handle whose reader was pulled out.
        rv::READER_UNAVAILABLE | rv::UNKNOWN_READER | rv::INVALID_HANDLE | rv::INVALID_VALUE => {
            Error::Broken(ErrorKind::NotConnected.into())
        }
        rv::SERVER_TOO_BUSY => Error::Forbidden(
            "the PC/SC service serves as many programs as it can: close some and try again".into(),
        ),
        rv::SECURITY_VIOLATION => {
            Error::Forbidden("the PC/SC service does not let this user reach the card (polkit)".into())
        }
        other => Error::Broken(std::io::Error::other(format!("PC/SC error {other:08X}"))),
    }
}

#[cfg(test)]
mod tests;
