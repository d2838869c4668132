//! What came from the peer and was not read yet. A time-out in the middle of a message loses nothing of the message.

use std::{
    io::{self, ErrorKind, Read},
    time::{Duration, Instant},
};

use zeroize::Zeroize;

use super::Stream;
use crate::{Error, pipe::Secret};

/// Room for what usually comes: two headers and a short answer. The buffer grows to the size of one reply, and no
/// further.
const ROOM: usize = 4096;

/// Until when to wait. The clock is read again only when the first read was not enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    end: Instant,
    /// How long the first read may wait. The first read takes this.
    first: Option<Duration>,
    what: &'static str,
}

impl Deadline {
    /// `what` is waited for, as the error says it.
    pub(super) fn within(timeout: Duration, what: &'static str) -> Self {
        Self { end: Instant::now() + timeout, first: Some(timeout), what }
    }

    /// The time left; `None` when it is up.
    fn left(&mut self) -> Option<Duration> {
        self.first.take().or_else(|| {
            let left = self.end.saturating_duration_since(Instant::now());
            (!left.is_zero()).then_some(left)
        })
    }
}

/// A bounded buffer before a socket.
pub(super) struct Inbox {
    bytes: Secret,
    start: usize,
    end: usize,
    /// The socket's read timeout, so that it is set only when it changes.
    timeout: Option<Duration>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self::with_room(ROOM)
    }

    /// An inbox that takes so much in one read.
    pub(super) fn with_room(room: usize) -> Self {
        Self { bytes: Secret::new(vec![0; room]), start: 0, end: 0, timeout: None }
    }

    /// The bytes that are here and were not taken.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `count` bytes are here. The caller has bounded `count`.
    pub(super) fn need(
        &mut self,
        socket: &Stream,
        count: usize,
        deadline: &mut Deadline,
    ) -> Result<(), Error> {
        while self.end - self.start < count {
            self.make_room(count);
            self.set_timeout(socket, deadline)?;
            let mut reader = socket;
            match reader.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Err(Error::Broken(ErrorKind::UnexpectedEof.into())),
                Ok(read) => self.end += read,
                Err(error) => {
                    again(error)?;
                }
            }
        }
        Ok(())
    }

    /// Takes the first `count` bytes out and wipes them, because they may have been secret.
    pub(super) fn take(&mut self, count: usize) {
        let to = (self.start + count).min(self.end);
        self.bytes[self.start..to].zeroize();
        self.pass(count);
    }

    /// Takes the first `count` bytes out, which are no secret.
    pub(super) fn pass(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn make_room(&mut self, count: usize) {
        if self.start + count > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if count > self.bytes.len() {
            // A new buffer is made, so that the old one is wiped and not merely freed.
            let mut wider = vec![0; count];
            wider[..self.end].copy_from_slice(&self.bytes[..self.end]);
            self.bytes = Secret::new(wider);
        }
    }

    fn set_timeout(&mut self, socket: &Stream, deadline: &mut Deadline) -> Result<(), Error> {
        let left = deadline.left().ok_or(Error::TimedOut(deadline.what))?.max(Duration::from_millis(1));
        if self.timeout != Some(left) {
            socket.set_read_timeout(Some(left)).map_err(Error::Broken)?;
            self.timeout = Some(left);
        }
        Ok(())
    }
}

/// A read that timed out or was interrupted is tried again until the deadline.
fn again(error: io::Error) -> Result<(), Error> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(()),
        _ => Err(Error::Broken(error)),
    }
}
