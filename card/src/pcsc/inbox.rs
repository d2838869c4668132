//! What a daemon sends, read in as few system calls as possible: the structure of an answer and the response APDU behind
//! it come in one. Bytes that were taken are wiped, because a response may be secret.

use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
};

use zeroize::{Zeroize, Zeroizing};

/// Room for the states of all readers.
const ROOM: usize = 4096;

pub(super) struct Inbox {
    bytes: Zeroizing<[u8; ROOM]>,
    start: usize,
    end: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: Zeroizing::new([0; ROOM]), start: 0, end: 0 }
    }
}

impl Inbox {
    /// Moves what is here into the front of `into`, as far as it goes, and tells how many bytes these are.
    pub(super) fn take(&mut self, into: &mut [u8]) -> usize {
        let here = self.bytes.get_mut(self.start..self.end).unwrap_or_default();
        let count = here.len().min(into.len());
        let (from, to) = (here.split_at_mut(count).0, into.split_at_mut(count).0);
        to.copy_from_slice(from);
        from.zeroize();
        self.start += count;
        count
    }

    /// Reads once, when all bytes that were here are taken. Returns 0 at the end of the stream.
    pub(super) fn fill(&mut self, mut stream: &UnixStream) -> io::Result<usize> {
        (self.start, self.end) = (0, 0);
        self.end = stream.read(self.bytes.as_mut_slice())?;
        Ok(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn in_whatever_pieces_it_comes() {
        let (client, mut daemon) = UnixStream::pair().unwrap();
        let sent: Vec<u8> = (0..2 * ROOM + 5).map(|at| at as u8).collect();
        daemon.write_all(&sent).unwrap();
        drop(daemon);
        let (mut inbox, mut taken) = (Inbox::default(), Vec::new());
        for length in [0, 1, 32, ROOM, 3000, ROOM] {
            let mut part = vec![0; length];
            let count = inbox.take(&mut part);
            taken.extend_from_slice(&part[..count]);
            assert!(inbox.bytes[..inbox.start].iter().all(|byte| *byte == 0), "what was taken is wiped");
            if count < length {
                assert_ne!(inbox.fill(&client).unwrap(), 0);
            }
        }
        while inbox.take(&mut [0]) == 1 {}
        assert_eq!(taken, sent[..taken.len()]);
        assert!(taken.len() > ROOM);
    }
}
