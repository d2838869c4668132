//! Whose a local connection is: one question to the kernel, or its whole table where the question is not to be had.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::io::Errno;

use super::{
    diag::{self, Found},
    table::Ends,
};

/// What one quick question tells.
#[derive(Debug)]
pub(super) enum Owner {
    /// The user; `None` where the connection is not an open one any more.
    Known(Option<u32>),
    /// The kernel does not answer such questions: its table has to be read.
    Untold(Ends),
}

/// The user who owns the socket at the other end of the connection between `peer` and `local`. Costs a few system calls,
/// however many connections there are, and whether or not this one is still there.
///
/// # Errors
/// The system does not say, for a reason that its table does not mend.
pub(super) fn owner(peer: SocketAddr, local: SocketAddr) -> io::Result<Owner> {
    let ends = [peer, local].map(|address| (address.ip().to_canonical(), address.port()));
    match diag::look(ends) {
        Ok(Found::Open(uid)) => Ok(Owner::Known(Some(uid))),
        Ok(Found::Closed) => Ok(Owner::Known(None)),
        // Whoever connects and resets at once leaves nothing to be found. That is no reason to read the table.
        Ok(Found::Nothing) if finds_sockets(ends) => Ok(Owner::Known(None)),
        Ok(Found::Nothing) => Ok(Owner::Untold(ends)),
        Err(error) if is_absent(&error) => Ok(Owner::Untold(ends)),
        Err(error) => Err(error),
    }
}

/// Whether the kernel finds sockets at all: one without tcp_diag says of each that it is not there. At our own end there is
/// one for certain, if only the one that listens.
fn finds_sockets([peer, local]: Ends) -> bool {
    /// It never stops to.
    static FINDS: AtomicBool = AtomicBool::new(false);
    FINDS.load(Ordering::Relaxed) || {
        let finds = matches!(diag::look([local, peer]), Ok(Found::Open(_) | Found::Closed));
        FINDS.fetch_or(finds, Ordering::Relaxed) || finds
    }
}

/// Whether an error says that such questions are not to be had here: no netlink, no sock_diag, or a sandbox that forbids it.
fn is_absent(error: &io::Error) -> bool {
    const ABSENT: [Errno; 6] = [
        Errno::PROTONOSUPPORT,
        Errno::AFNOSUPPORT,
        Errno::NOSYS,
        Errno::PERM,
        Errno::ACCESS,
        Errno::OPNOTSUPP,
    ];
    Errno::from_io_error(error).is_some_and(|error| ABSENT.contains(&error))
}

#[cfg(test)]
mod tests {
    use super::{super::table, *};
    use std::net::{TcpListener, TcpStream};

    fn ends(peer: SocketAddr, local: SocketAddr) -> Ends {
        [peer, local].map(|address| (address.ip(), address.port()))
    }

    #[tokio::test]
    async fn both_ways_name_the_same_user() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        let local = server.local_addr().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let asked = ends(peer, local);
        assert_eq!(diag::look(asked).unwrap(), Found::Open(own));
        assert_eq!(table::ask(asked).await.unwrap(), Some(own));
        drop(client);
        assert_ne!(diag::look(asked).unwrap(), Found::Open(own));
        assert_eq!(table::ask(asked).await.unwrap(), None);
        // The kernel would answer with the listening socket: that is not a connection.
        let listening = [(local.ip(), local.port()), (local.ip(), 1)];
        assert_eq!(diag::look(listening).unwrap(), Found::Closed);
        assert_eq!(table::ask(listening).await.unwrap(), None);
    }

    #[test]
    fn who_resets_at_once_is_nobody_and_costs_no_table() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..20 {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            rustix::net::sockopt::set_socket_linger(&client, Some(std::time::Duration::ZERO)).unwrap();
            drop(client);
            let (server, peer) = listener.accept().unwrap();
            let local = server.local_addr().unwrap_or_else(|_| listener.local_addr().unwrap());
            assert_eq!(diag::look(ends(peer, local)).unwrap(), Found::Nothing);
            assert!(matches!(owner(peer, local), Ok(Owner::Known(None))));
        }
    }

    #[test]
    fn only_an_absent_question_leads_to_the_table() {
        assert!(is_absent(&Errno::PROTONOSUPPORT.into()) && is_absent(&Errno::PERM.into()));
        assert!(!is_absent(&Errno::MFILE.into()) && !is_absent(&Errno::NOENT.into()));
    }
}
