//! The connection to a USB/IP server: TCP, or a Unix socket of a server on this machine.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};

use file::socket::LONGEST;
use wire::usbip::UNIX;

use crate::Error;

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// To a machine.
    Tcp(TcpStream),
    /// To a process of this machine, by the path of its socket.
    Unix(UnixStream),
}

/// The same call for either kind.
macro_rules! either {
    ($stream:expr, $socket:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($socket) => $call,
            Stream::Unix($socket) => $call,
        }
    };
}

impl Stream {
    /// Connects to the Unix socket at this path, without waiting for a server that accepts nobody.
    pub(super) fn at(path: &Path) -> Result<Self, Error> {
        let name = path.display();
        if !path.is_absolute() {
            return Err(Error::NotFound(format!(
                "{UNIX}{name} is no address: name the socket by its whole path, as in {UNIX}/run/user/1000/ushield/3240.usbip"
            )));
        }
        let length = path.as_os_str().len();
        if length > LONGEST {
            return Err(Error::NotFound(format!(
                "{UNIX}{name} cannot be reached: the path has {length} bytes, and the system takes {}; name a shorter \
                 path, or the server's HOST:PORT",
                LONGEST
            )));
        }
        let connected = SocketAddrUnix::new(path).and_then(|address| {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
            connect(&socket, &address).map(|()| UnixStream::from(socket))
        });
        let stream = connected.map_err(|error| match error {
            Errno::NOENT | Errno::CONNREFUSED => Error::NotFound(format!(
                "no token is served at {UNIX}{name} ({error}): start one with `ushield up`, or say where one is with \
                 USHIELD_USBIP=HOST:PORT"
            )),
            // More clients wait there than the system keeps: the server accepts nobody.
            Errno::AGAIN => Error::TimedOut("the USB/IP server to accept"),
            Errno::ACCESS => Error::Forbidden(format!(
                "the socket {name} is closed to you: a server's Unix socket is its own user's; other users connect by \
                 TCP, to a server that was started with `ushield up --allow CIDR`"
            )),
            error => Error::NotFound(format!("{UNIX}{name} cannot be reached ({error}): is it a server's socket?")),
        })?;
        stream.set_nonblocking(false).map_err(Error::Broken)?;
        Ok(Self::Unix(stream))
    }

    /// Another handle of the same connection.
    ///
    /// # Errors
    /// No descriptor is free.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }

    /// How long a read may wait; `None` for as long as it takes.
    ///
    /// # Errors
    /// The system's.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, socket => socket.set_read_timeout(timeout))
    }

    /// How long a write may wait; `None` for as long as it takes.
    ///
    /// # Errors
    /// The system's.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        either!(self, socket => socket.set_write_timeout(timeout))
    }

    /// Ends the connection, for every handle of it.
    ///
    /// # Errors
    /// It has ended already.
    pub fn shutdown(&self) -> io::Result<()> {
        either!(self, socket => socket.shutdown(Shutdown::Both))
    }
}

impl Read for &Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => { let mut socket = socket; socket.read(into) })
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, socket => { let mut socket = socket; socket.write(bytes) })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, socket => socket.as_fd())
    }
}

impl From<Stream> for OwnedFd {
    fn from(stream: Stream) -> Self {
        either!(stream, socket => socket.into())
    }
}

/// Whether an error of the socket says that the peer has gone.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn refusal(path: &Path) -> String {
        Stream::at(path).unwrap_err().to_string()
    }

    #[test]
    fn paths_that_are_none_are_refused_with_what_to_type() {
        let folder = tempfile::tempdir().unwrap();
        assert!(refusal(Path::new("a.usbip")).contains("by its whole path"));
        let long = folder.path().join("x".repeat(108));
        let error = refusal(&long);
        assert!(
            error.contains(&format!("{} bytes", long.as_os_str().len())) && error.contains("107"),
            "{error}"
        );
        assert!(refusal(&folder.path().join("none")).contains("ushield up"));
        let dead = folder.path().join("dead");
        drop(UnixListener::bind(&dead).unwrap());
        assert!(matches!(Stream::at(&dead), Err(Error::NotFound(text)) if text.contains("refused")));
        assert!(matches!(Stream::at(folder.path()), Err(Error::NotFound(_))));
    }

    /// A server that was stopped by a signal accepts nobody: a program must not wait for it in connect(2).
    #[test]
    fn a_server_that_accepts_nobody_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut waiting = Vec::new();
        let refused = loop {
            match Stream::at(&path) {
                Ok(stream) => waiting.push(stream),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::TimedOut(_)), "{refused}");
        assert!(!waiting.is_empty());
    }
}
