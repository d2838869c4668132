//! Whose a local connection is: one question to the kernel, or its whole table where the question is not to be had.

use std::{io, net::SocketAddr};

use super::{diag, table};

/// The user who owns the socket at the other end of the connection between `peer` and `local`.
pub(super) fn owner(peer: SocketAddr, local: SocketAddr) -> io::Result<u32> {
    let ends = [peer, local].map(|address| (address.ip().to_canonical(), address.port()));
    let found = diag::uid(ends).or_else(|_| table::uid(ends))?;
    found.ok_or_else(|| io::Error::other("the connection is not among its open ones"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn both_ways_name_the_same_user() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        let own = Some(rustix::process::geteuid().as_raw());
        let ends = [peer, local].map(|address| (address.ip(), address.port()));
        assert_eq!((diag::uid(ends).unwrap(), table::uid(ends).unwrap()), (own, own));
        drop(client);
        assert_eq!((diag::uid(ends).unwrap_or(None), table::uid(ends).unwrap()), (None, None));
        // The kernel would answer with the listening socket: that is not a connection.
        let listening = [(local.ip(), local.port()), (local.ip(), 1)];
        assert_eq!((diag::uid(listening).unwrap_or(None), table::uid(listening).unwrap()), (None, None));
    }
}
