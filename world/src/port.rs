//! Ports of this machine.

use std::{io, net::TcpListener};

/// A port of 127.0.0.1 that is free at this moment. Both the bank and the assistant are told of each other's ports before they listen.
pub(crate) fn free() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
