//! How a socket of ours is watched by the runtime of the thread that waits for the socket.
//!
//! tokio's own sockets belong to one runtime from their beginning to their end, and a session's socket must not (`connection`).

#![allow(unsafe_code, reason = "tokio registers a descriptor that is not tokio's own by an unsafe function")]

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits until a socket can be read, or written. The socket is watched no longer than that.
pub(crate) async fn ready(socket: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
    // SAFETY: a borrowed descriptor stays open, and stays the same, for as long as it is borrowed. The value that is registered
    // lives in this future and is dropped with it, before the borrow ends: nobody forgets this future.
    let watched = unsafe { AsyncFd::register_with_interest(socket, interest) }?;
    watched.ready(interest).await.map(drop)
}

/// Watches a socket for what can be read, for as long as the value lives.
pub(crate) fn watch(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the value owns the descriptor, which nobody else closes or replaces.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?)
}
