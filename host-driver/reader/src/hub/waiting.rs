//! Contexts, and clients that wait for news.

use std::{os::unix::net::UnixStream, sync::Arc};

use rustix::net::{SendFlags, send};
use wire::pcsclite::{MAX_READERS, ReaderState, Wait, rv};

use super::{ClientNumber, Hub, Outcome, State};

/// A client that asked to be told of the next change.
pub(super) struct Waiter {
    stream: Arc<UnixStream>,
    /// Whether the client has the readers' states. News must not overtake the states on the client's socket.
    armed: bool,
    /// The generation of the states that the client has, or gets.
    seen: u64,
    /// SCardCancel came before the client had the states.
    cancelled: bool,
}

impl Waiter {
    /// Sends the one message that ends a wait. Sending never blocks: a client that leaves no room for eight bytes is
    /// cut off.
    fn end(&self, outcome: u32) {
        let mut message = Vec::with_capacity(Wait::LEN);
        Wait { timeout: 0, rv: outcome }.encode(&mut message);
        let sent = send(&self.stream, &message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        if sent != Ok(message.len()) {
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl State {
    /// Something changed. Every client that waits and has the former states is told.
    pub(super) fn tell(&mut self) {
        self.generation += 1;
        self.waiters.retain(|_, waiter| {
            if waiter.armed {
                waiter.end(rv::SUCCESS);
            }
            !waiter.armed
        });
    }

    fn public(&self) -> Vec<u8> {
        let mut states = Vec::with_capacity(MAX_READERS * ReaderState::LEN);
        for slot in &self.slots {
            slot.as_ref().map_or(ReaderState::FREE, super::Slot::public).encode(&mut states);
        }
        states
    }
}

impl Hub {
    /// A new context for a client. A client has one context at a time.
    pub(crate) fn establish(&self, client: ClientNumber) -> Outcome<u32> {
        let mut state = self.state();
        loop {
            // pcscd gives 31 bits, and some clients keep them in a signed number.
            let context = random()? & 0x7FFF_FFFF;
            if context != 0 && !state.contexts.contains_key(&context) {
                state.contexts.insert(context, client);
                return Ok(context);
            }
        }
    }

    /// Ends a context of a client.
    pub(crate) fn release(&self, context: u32) {
        self.state().contexts.remove(&context);
    }

    /// The states of all slots. A client that waits counts as having these states from now on.
    pub(crate) fn states(&self, client: ClientNumber) -> Vec<u8> {
        let mut state = self.state();
        let generation = state.generation;
        if let Some(waiter) = state.waiters.get_mut(&client) {
            waiter.seen = generation;
        }
        state.public()
    }

    /// A number that grows by one with each change of the list of readers, from 1 to 32,767 and around.
    pub(crate) fn changes(&self) -> u32 {
        u32::from(self.state().changes % 0x7FFF) + 1
    }

    /// A client wants news. The client gets no news before [`Self::arm`].
    pub(crate) fn watch(&self, client: ClientNumber, stream: &Arc<UnixStream>) {
        let mut state = self.state();
        let seen = state.generation;
        let waiter = Waiter { stream: Arc::clone(stream), armed: false, seen, cancelled: false };
        state.waiters.insert(client, waiter);
    }

    /// The states are on the client's socket. The client is told now of what changed since, and of later changes when
    /// they happen.
    pub(crate) fn arm(&self, client: ClientNumber) {
        let mut state = self.state();
        let generation = state.generation;
        let Some(waiter) = state.waiters.get_mut(&client) else { return };
        if waiter.cancelled || waiter.seen != generation {
            waiter.end(if waiter.cancelled { rv::CANCELLED } else { rv::SUCCESS });
            state.waiters.remove(&client);
        } else {
            waiter.armed = true;
        }
    }

    /// A client wants no news any more. False when the client has been told some already.
    pub(crate) fn forget(&self, client: ClientNumber) -> bool {
        self.state().waiters.remove(&client).is_some()
    }

    /// SCardCancel: ends the wait of the client whose context it is.
    pub(crate) fn cancel(&self, context: u32) -> u32 {
        let mut state = self.state();
        let Some(client) = state.contexts.get(&context).copied() else { return rv::INVALID_HANDLE };
        if let Some(waiter) = state.waiters.get_mut(&client) {
            waiter.cancelled = true;
            if waiter.armed {
                waiter.end(rv::CANCELLED);
                state.waiters.remove(&client);
            }
        }
        rv::SUCCESS
    }
}

/// A number that other processes do not guess.
pub(super) fn random() -> Outcome<u32> {
    getrandom::u32().map_err(|_| rv::INTERNAL_ERROR)
}
