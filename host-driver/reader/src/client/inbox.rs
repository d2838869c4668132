//! What a client sends, read in as few system calls as possible. Bytes that were taken are wiped: a command may hold
//! a PIN.

use std::{
    io::{self, ErrorKind, Read},
    os::unix::net::UnixStream,
    sync::Arc,
};

use zeroize::{Zeroize, Zeroizing};

/// Room for any structure and a short command.
const ROOM: usize = 1024;

pub(super) struct Inbox {
    stream: Arc<UnixStream>,
    bytes: Zeroizing<[u8; ROOM]>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new(stream: Arc<UnixStream>) -> Self {
        Self { stream, bytes: Zeroizing::new([0; ROOM]), start: 0, end: 0 }
    }

    /// Fills `into`, or fails.
    pub(super) fn take(&mut self, into: &mut [u8]) -> io::Result<()> {
        let here = self.bytes.get_mut(self.start..self.end).unwrap_or_default();
        let count = here.len().min(into.len());
        let (from, (to, rest)) = (here.split_at_mut(count).0, into.split_at_mut(count));
        to.copy_from_slice(from);
        from.zeroize();
        self.start += count;
        if rest.is_empty() {
            return Ok(());
        }
        // All bytes that were here are taken. Long data goes straight to its place.
        if rest.len() >= ROOM {
            return (&*self.stream).read_exact(rest);
        }
        (self.start, self.end) = (0, 0);
        while self.end < rest.len() {
            let free = self.bytes.get_mut(self.end..).unwrap_or_default();
            match (&*self.stream).read(free) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.take(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn in_whatever_pieces_it_comes() {
        let (mut client, server) = UnixStream::pair().unwrap();
        let sent: Vec<u8> = (0..5000_u32).map(|at| at as u8).collect();
        let of = sent.clone();
        let writer =
            std::thread::spawn(move || of.chunks(7).for_each(|part| client.write_all(part).unwrap()));
        let mut inbox = Inbox::new(Arc::new(server));
        let mut taken = Vec::new();
        for length in [8, 0, 32, 1, 2000, 1023, 1024, 912] {
            let mut part = vec![0; length];
            inbox.take(&mut part).unwrap();
            taken.extend(part);
            let wiped = inbox.bytes.get(..inbox.start).unwrap();
            assert!(wiped.iter().all(|byte| *byte == 0), "what was taken is wiped");
        }
        assert_eq!(taken, sent);
        writer.join().unwrap();
        assert_eq!(inbox.take(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
