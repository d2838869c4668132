//! A connection, with what was read and not yet used, and what is to be written.
//!
//! PINs pass here: what is done with is wiped.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use zeroize::{Zeroize, Zeroizing};

/// Room for what usually arrives at once; more is made as it arrives, and given back.
const ROOM: usize = 4 << 10;
/// How long a peer may take to see that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection. Every wait may be dropped and begun again: nothing is lost.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    input: Zeroizing<Vec<u8>>,
    start: usize,
    /// What the next [`Self::flush`] writes.
    pub(crate) output: Zeroizing<Vec<u8>>,
    written: usize,
}

impl Line {
    /// A connection that nothing has passed on.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, input: Zeroizing::default(), start: 0, output: Zeroizing::default(), written: 0 }
    }

    /// Lets go of this runtime: a connection belongs to the one that it waits in.
    pub(crate) fn rest(self) -> io::Result<Resting> {
        let Self { stream, input, start, output, written } = self;
        Ok(Resting { stream: stream.into_std()?, input, start, output, written })
    }

    /// What arrived and was not used.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// That many bytes were used.
    pub(crate) fn take(&mut self, length: usize) {
        self.start += length;
    }

    /// Both ends: what arrived and was not used, and what is to be written.
    pub(crate) fn ends(&mut self) -> (&[u8], &mut Vec<u8>) {
        (&self.input[self.start..], &mut self.output)
    }

    /// Ends the connection from this side first, and takes what the peer still sends until it sees that: closed at once,
    /// the connection would answer its next message with a reset, at which Linux' vhci_hcd complains of an error.
    pub(crate) async fn hang_up(mut self) {
        let _ = timeout(FAREWELL, async {
            self.stream.shutdown().await?;
            loop {
                self.input.zeroize();
                self.start = 0;
                if self.read().await? == 0 {
                    return Ok::<_, io::Error>(());
                }
            }
        })
        .await;
    }

    /// Makes room for a message of `length` bytes, but never much more than has arrived: a length is only a promise.
    pub(crate) fn make_room(&mut self, length: usize) {
        // What was carried out may have held a PIN: neither it nor what is moved to the front leaves a copy.
        let unread = self.input.len() - self.start;
        self.input.copy_within(self.start.., 0);
        self.input[unread..].zeroize();
        self.input.truncate(unread);
        self.start = 0;
        if self.input.is_empty() && self.input.capacity() > 4 * ROOM {
            *self.input = Vec::new();
        }
        let arrived = self.input.len();
        let more = length.saturating_sub(arrived).min(arrived).max(ROOM);
        if self.input.capacity() - arrived < more {
            let mut roomier = Zeroizing::new(Vec::with_capacity(arrived + more));
            roomier.extend_from_slice(&self.input);
            self.input = roomier;
        }
    }

    /// Reads once; how much came, 0 when the peer hung up.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut *self.input).await
    }

    /// Writes all replies, in one call if the peer's window lets it.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => self.written += written,
            }
        }
        self.output.as_mut_slice().zeroize();
        self.output.clear();
        self.written = 0;
        if self.output.capacity() > 4 * ROOM {
            *self.output = Vec::new();
        }
        Ok(())
    }
}

/// A [`Line`] between two runtimes.
#[derive(Debug)]
pub(crate) struct Resting {
    stream: std::net::TcpStream,
    input: Zeroizing<Vec<u8>>,
    start: usize,
    output: Zeroizing<Vec<u8>>,
    written: usize,
}

impl Resting {
    /// Goes on in the runtime of the caller.
    pub(crate) fn wake(self) -> io::Result<Line> {
        let Self { stream, input, start, output, written } = self;
        Ok(Line { stream: TcpStream::from_std(stream)?, input, start, output, written })
    }
}
