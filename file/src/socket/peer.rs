//! Who is at the other end of a Unix socket.

use std::{io, os::fd::AsFd};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// The process that connected, or that listens (SO_PEERCRED, unix(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user that the process ran as when it connected.
    pub user: u32,
    /// Its number. There is none where the process lives in a PID namespace that this process does not see into, such as another
    /// container's.
    pub process: Option<u32>,
}

impl Peer {
    /// Whoever is at the other end.
    ///
    /// # Errors
    /// This is no Unix socket, or the socket is not connected.
    pub fn of(socket: &impl AsFd) -> io::Result<Self> {
        let found = getsockopt(socket, PeerCredentials)?;
        Ok(Self {
            user: found.uid(),
            process: u32::try_from(found.pid()).ok().filter(|&process| process != 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn this_process_at_both_ends() {
        let (end, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(&end).unwrap();
        assert_eq!(peer, Peer { user: crate::owner::own(), process: Some(std::process::id()) });
    }
}
