//! A connection with its two buffers: bytes that were read and not yet used, and replies that are not yet written.
//!
//! The socket is in blocking mode and belongs to no runtime: each read and write says for itself that it does not wait, and
//! only who has to wait asks the runtime of its thread to watch the socket meanwhile. So a connection moves from thread to
//! thread without more ado.
//!
//! PINs pass through these buffers, so bytes that have been used are overwritten with zeros.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    io::Errno,
    net::{
        RecvFlags, SendFlags, Shutdown, recv, send, shutdown,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use tokio::{io::Interest, time::timeout};
use zeroize::{Zeroize, Zeroizing};

use crate::readiness::ready;

/// Bytes of room for what usually arrives at once. The buffer grows while more arrives, and shrinks afterwards.
const ROOM: usize = 4 << 10;
/// How long a read waits in the system call itself for a peer that has just been answered.
const LINGER: Duration = Duration::from_millis(4);
/// How long a peer may take to notice that the connection ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection. Each of its futures but [`Connection::tell`] may be dropped and begun again without losing a byte.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    input: Zeroizing<Vec<u8>>,
    start: usize,
    /// What the next [`Self::flush`] writes.
    pub(crate) output: Zeroizing<Vec<u8>>,
    written: usize,
}

impl Connection {
    /// A connection on which nothing has been read or written.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, input: Zeroizing::default(), start: 0, output: Zeroizing::default(), written: 0 }
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
            shutdown(&self.socket, Shutdown::Write)?;
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
        loop {
            match recv(&self.socket, spare_capacity(&mut self.input), RecvFlags::DONTWAIT) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => ready(self.socket.as_fd(), Interest::READABLE).await?,
                other => return Ok(other.map(|(_, read)| read)?),
            }
        }
    }

    /// Says that [`Self::linger`] will be called.
    pub(crate) fn prepare_to_linger(&self) -> io::Result<()> {
        Ok(set_socket_timeout(&self.socket, Timeout::Recv, Some(LINGER))?)
    }

    /// Reads once, and waits in the system call for what comes: [`LINGER`] at most, and `None` if nothing came. Whoever waits in
    /// the call needs no other call before it. The thread does nothing else meanwhile.
    pub(crate) fn linger(&mut self) -> io::Result<Option<usize>> {
        match recv(&self.socket, spare_capacity(&mut self.input), RecvFlags::empty()) {
            Ok((_, read)) => Ok(Some(read)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what is no secret, and so need not be wiped. The output must be empty. Where this future is dropped, a part of the bytes was
    /// written, and the connection is of no use any more.
    pub(crate) async fn tell(&self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            written += self.send(&bytes[written..]).await?;
        }
        Ok(())
    }

    /// Writes once. Returns how many bytes the system took, which is at least one.
    async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match send(&self.socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => return Ok(written),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => ready(self.socket.as_fd(), Interest::WRITABLE).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes all replies, in one system call if the peer's window allows it.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            self.written += self.send(&self.output[self.written..]).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::unix::net::UnixStream, time::Instant};

    #[test]
    fn lingering_ends_by_itself_and_brings_what_comes() {
        let (own, mut peer) = UnixStream::pair().unwrap();
        let mut connection = Connection::new(own.into());
        connection.prepare_to_linger().unwrap();
        connection.make_room(48);
        let begin = Instant::now();
        assert_eq!(connection.linger().unwrap(), None);
        assert!(begin.elapsed() >= LINGER / 2, "it waited");
        peer.write_all(b"urb").unwrap();
        assert_eq!(connection.linger().unwrap(), Some(3));
        assert_eq!(connection.unread(), b"urb");
        drop(peer);
        assert_eq!(connection.linger().unwrap(), Some(0), "the peer hung up");
    }
}
