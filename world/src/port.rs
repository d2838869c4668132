//! Ports of this machine.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::TcpListener,
};

/// Ports that Linux gives to nobody who asks for any port (ip(7), `ip_local_port_range`, begins at 32768): until its owner listens, such a port
/// is taken by a program that asks for this very port, and by no other.
const FIRST: u64 = 20_000;
const COUNT: u64 = 12_000;
/// How many ports are tried.
const TRIES: u32 = 64;

/// A port of 127.0.0.1 that is free at this moment. Both the bank and the assistant are told of each other's ports before they listen.
pub(crate) fn free() -> io::Result<u16> {
    let mut last = Err(io::ErrorKind::AddrInUse.into());
    for _ in 0..TRIES {
        // Each state of the hash map's hasher is another, so that worlds that begin together choose different ports.
        let chosen = FIRST + RandomState::new().build_hasher().finish() % COUNT;
        let port = u16::try_from(chosen).map_err(io::Error::other)?;
        last = TcpListener::bind(("127.0.0.1", port)).map(|_| port);
        if last.is_ok() {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ports_differ_and_are_none_that_the_system_gives() {
        let ports: BTreeSet<u16> = (0..20).map(|_| free().unwrap()).collect();
        assert!(ports.len() > 10, "{ports:?}");
        assert!(ports.iter().all(|port| (20_000..32_000).contains(port)), "{ports:?}");
    }
}
