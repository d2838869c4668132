//! A socket that listens, at TCP or at a path, and the connections that it accepts.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use file::socket::{self, Bound, SocketError};
use peer::{Admission, Cidr, Peer, Refused};
use rustix::net::{SocketFlags, acceptfrom_with, getsockname};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::TcpSocket,
};

use crate::readiness::watch;

/// Connections that the kernel keeps for us meanwhile (listen(2); net.core.somaxconn may allow fewer).
const BACKLOG: u32 = 4096;

/// A socket that listens. It belongs to the runtime in which it was made.
pub(crate) struct Listener {
    socket: AsyncFd<OwnedFd>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Unix,
}

/// A connection whose peer is decided about.
pub(crate) struct Accepted {
    /// In blocking mode.
    pub(crate) socket: OwnedFd,
    pub(crate) peer: Peer,
    pub(crate) admission: Admission,
}

impl Listener {
    /// Listens at TCP, without accepting yet.
    pub(crate) fn at(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Self::of(socket.listen(BACKLOG)?.into_std()?.into(), Kind::Tcp)
    }

    /// Listens at a path, for the own user only. The name of the socket is removed when the second value is dropped.
    pub(crate) fn at_path(path: &Path) -> Result<(Self, Bound), SocketError> {
        let failed = |error| SocketError::System(path.into(), error);
        let (listener, bound) = socket::bind(path)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok((Self::of(listener.into(), Kind::Unix).map_err(failed)?, bound))
    }

    fn of(socket: OwnedFd, kind: Kind) -> io::Result<Self> {
        Ok(Self { socket: watch(socket)?, kind })
    }

    /// The address, at TCP.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        local(self.socket.get_ref())
    }

    /// The next connection; `None` for one that broke before its peer was known.
    pub(crate) async fn accept(&self, allow: &[Cidr]) -> io::Result<Option<Accepted>> {
        let accept = |socket: &OwnedFd| Ok(acceptfrom_with(socket, SocketFlags::CLOEXEC)?);
        let (socket, from) = self.socket.async_io(Interest::READABLE, accept).await?;
        let decided = match (self.kind, from.map(SocketAddr::try_from)) {
            (Kind::Unix, _) => process(socket),
            (Kind::Tcp, Some(Ok(from))) => host(socket, from, allow),
            (Kind::Tcp, _) => return Ok(None),
        };
        Ok(decided.inspect_err(|error| tracing::debug!(%error, "a connection broke")).ok())
    }
}

fn host(socket: OwnedFd, from: SocketAddr, allow: &[Cidr]) -> io::Result<Accepted> {
    let admission = peer::admit(from, local(&socket)?, allow);
    Ok(Accepted { socket, peer: Peer::Host(from), admission })
}

fn process(socket: OwnedFd) -> io::Result<Accepted> {
    let (peer, decided): (Peer, Result<(), Refused>) = peer::admit_process(socket::Peer::of(&socket)?);
    Ok(Accepted { socket, peer, admission: Admission::Decided(decided) })
}

fn local(socket: impl AsFd) -> io::Result<SocketAddr> {
    Ok(SocketAddr::try_from(getsockname(socket)?)?)
}
