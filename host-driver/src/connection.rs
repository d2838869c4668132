//! A TCP connection with its two buffers: bytes that were read and not yet used, and replies that are not yet written.
//!
//! PINs pass through these buffers, so bytes that have been used are overwritten with zeros.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of room for what usually arrives at once. The buffer grows while more arrives, and shrinks afterwards.
const ROOM: usize = 4 << 10;
/// How long a peer may take to notice that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection. Each of its futures may be dropped and begun again without losing a byte.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    input: Zeroizing<Vec<u8>>,
    start: usize,
    /// What the next [`Self::flush`] writes.
    pub(crate) output: Zeroizing<Vec<u8>>,
    written: usize,
}

impl Connection {
    /// A connection on which nothing has been read or written.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, input: Zeroizing::default(), start: 0, output: Zeroizing::default(), written: 0 }
    }

    /// Takes the connection out of its runtime. tokio ties a socket to the runtime that waits for it; to move a session to
    /// another thread, [`Resting::wake`] ties the connection to that thread's runtime.
    pub(crate) fn rest(self) -> io::Result<Resting> {
        let Self { stream, input, start, output, written } = self;
        Ok(Resting { stream: stream.into_std()?, input, start, output, written })
    }

    /// The bytes that arrived and were not used yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Says that the first `length` unread bytes were used.
    pub(crate) fn take(&mut self, length: usize) {
        self.start += length;
    }

    /// Both buffers: the unread bytes, and the replies.
    pub(crate) fn ends(&mut self) -> (&[u8], &mut Vec<u8>) {
        (&self.input[self.start..], &mut self.output)
    }

    /// Ends the connection from this side, and reads what the peer still sends until the peer notices. If the socket were
    /// closed at once, the system would answer the peer's next message with a reset, and Linux' vhci_hcd reports a reset as
    /// an error.
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

    /// Makes room for a message of `length` bytes. The length is the peer's word, so the room never gets much larger than
    /// what has arrived.
    pub(crate) fn make_room(&mut self, length: usize) {
        // The used bytes may have held a PIN: after the unread bytes are moved to the front, everything behind is zeroed.
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

    /// Reads once. Returns how many bytes came; 0 when the peer closed the connection.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut *self.input).await
    }

    /// Writes all replies, in one system call if the peer's window allows it.
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

/// A [`Connection`] on its way from one runtime to another.
#[derive(Debug)]
pub(crate) struct Resting {
    stream: std::net::TcpStream,
    input: Zeroizing<Vec<u8>>,
    start: usize,
    output: Zeroizing<Vec<u8>>,
    written: usize,
}

impl Resting {
    /// Ties the connection to the runtime of the caller.
    pub(crate) fn wake(self) -> io::Result<Connection> {
        let Self { stream, input, start, output, written } = self;
        Ok(Connection { stream: TcpStream::from_std(stream)?, input, start, output, written })
    }
}
