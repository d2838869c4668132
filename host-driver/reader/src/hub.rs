//! What the clients share: the readers, which clients use each reader, and which clients wait for news. Source:
//! pcsc-lite 2.5.2, `winscard.c` and `readerfactory.c`, for what a client may expect of pcscd.
//!
//! The state is locked for moments only, never while a token works.

// The order is the law: a module uses only modules listed below it.
mod turn;
mod sharing;
mod waiting;
mod slot;
mod atr;

use std::{
    collections::HashMap,
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use card::{Error, SlotError, pipe::Interface};
use lock::lock;
use wire::{
    ccid::exchange_level::EXTENDED_APDU,
    pcsclite::{MAX_READERS, rv, state},
};

use crate::token::{Texts, Token};
use slot::{Event, Slot};
use waiting::Waiter;

/// The outcome of an operation: what it gives, or a SCARD_* number.
pub(crate) type Outcome<T> = Result<T, u32>;
/// A client's number.
pub(crate) type ClientNumber = u64;

/// How long a client waits for the end of another client's transaction, before libpcsclite is told to try again.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a client waits until it may begin a transaction, before libpcsclite is told to ask again.
const TURN: Duration = Duration::from_secs(1);
/// A card that nobody has used for so long is powered off, and forgets the PIN (pcscd's grace period).
const GRACE: Duration = Duration::from_secs(5);

/// The shared state.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// A transaction or a command ended, or a handle is gone.
    turn: Condvar,
}

#[derive(Default)]
struct State {
    slots: [Option<Slot>; MAX_READERS],
    /// The next slot's key.
    next: u64,
    contexts: HashMap<u32, ClientNumber>,
    waiters: HashMap<ClientNumber, Waiter>,
    /// How many changes there were of what a waiting client is told.
    generation: u64,
    /// How many changes of the list of readers there were, less one.
    changes: u16,
    /// How many threads sleep on [`Hub::turn`]. To wake nobody costs a system call, too.
    sleepers: usize,
}

impl State {
    fn of_handle(&mut self, card: i32) -> Outcome<&mut Slot> {
        // Versions of pcscd differ in what they say of a handle whose reader was pulled out. Clients know this
        // answer.
        self.slots
            .iter_mut()
            .flatten()
            .find(|slot| slot.handles.contains_key(&card))
            .ok_or(rv::READER_UNAVAILABLE)
    }

    fn of_key(&mut self, key: u64) -> Option<&mut Slot> {
        self.slots.iter_mut().flatten().find(|slot| slot.key == key)
    }
}

/// A command that runs on a card. No transaction begins while this lives.
pub(crate) struct Running<'a> {
    hub: &'a Hub,
    key: u64,
    pub(crate) token: Arc<Token>,
    /// The protocol in use.
    pub(crate) protocol: u32,
    /// The handle.
    card: i32,
    /// Whether a transaction of the handle ends with the command.
    ends: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(slot) = state.of_key(self.key) {
            slot.running = slot.running.saturating_sub(1);
            if self.ends {
                slot.end_turn(self.card);
            }
        }
        self.hub.wake(&state);
    }
}

impl Running<'_> {
    /// What a failed command means for its reader and for the client.
    pub(crate) fn fault(&self, error: &Error) -> u32 {
        if let Some(slot) = self.hub.state().of_key(self.key) {
            slot.last = None; // nobody knows what the card did
        }
        self.hub.fault(self.key, error)
    }

    /// A transaction of the handle ends with the command.
    pub(crate) const fn end(&mut self) {
        self.ends = true;
    }
}

/// A reader, as attributes tell of it.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) atr: Vec<u8>,
    pub(crate) state: u32,
    pub(crate) protocol: u32,
    pub(crate) texts: Texts,
    /// bcdDevice.
    pub(crate) release: u16,
    /// busnum and devnum on the server.
    pub(crate) device_id: u32,
    /// Most bytes of a message without its header.
    pub(crate) max_input: usize,
    /// Whether extended APDUs pass.
    pub(crate) extended: bool,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Sleeps until something ended that a client may wait for.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, end: Instant) -> MutexGuard<'a, State> {
        let left = end.saturating_duration_since(Instant::now());
        state.sleepers += 1;
        let waited = self.turn.wait_timeout(state, left);
        let mut state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        state.sleepers = state.sleepers.saturating_sub(1);
        state
    }

    /// Something ended that a client may wait for.
    fn wake(&self, state: &State) {
        if state.sleepers > 0 {
            self.turn.notify_all();
        }
    }

    /// Puts a token into a free slot, and returns the slot's key. `None` when all slots are taken.
    pub(crate) fn add(&self, token: Arc<Token>, atr: Outcome<Vec<u8>>) -> Option<u64> {
        let mut state = self.state();
        let number = state.slots.iter().position(Option::is_none)?;
        state.next += 1;
        let key = state.next;
        let name = token.texts.reader(number);
        tracing::info!(reader = name, bus_id = token.bus_id, "plugged in");
        *state.slots.get_mut(number)? = Some(Slot::new(key, name, token, atr));
        state.changes = state.changes.wrapping_add(1);
        state.tell();
        Some(key)
    }

    /// The token is gone. Removes its reader, and all handles on the reader.
    pub(crate) fn remove(&self, key: u64) {
        let mut state = self.state();
        let Some(place) =
            state.slots.iter_mut().find(|place| place.as_ref().is_some_and(|slot| slot.key == key))
        else {
            return;
        };
        if let Some(slot) = place.take() {
            tracing::info!(reader = slot.name, "unplugged");
            slot.token.cut();
        }
        state.changes = state.changes.wrapping_add(1);
        state.tell();
        self.wake(&state);
    }

    /// Hangs up on all tokens.
    pub(crate) fn clear(&self) {
        let keys: Vec<u64> = self.state().slots.iter().flatten().map(|slot| slot.key).collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    /// The place and the name of the reader that has the token with this bus id.
    pub(crate) fn reader(&self, bus_id: &str) -> Option<(usize, String)> {
        let state = self.state();
        let mut readers = state.slots.iter().flatten().enumerate();
        readers.find(|(_, slot)| slot.token.bus_id == bus_id).map(|(place, slot)| (place, slot.name.clone()))
    }

    /// The names of the readers.
    pub(crate) fn readers(&self) -> Vec<String> {
        self.state().slots.iter().flatten().map(|slot| slot.name.clone()).collect()
    }

    /// Removes the reader of a token that was imported anew: the former connection to the token is dead, though no
    /// thread has seen that yet.
    pub(crate) fn evict(&self, bus_id: &str) {
        let keys: Vec<u64> = {
            let state = self.state();
            state
                .slots
                .iter()
                .flatten()
                .filter(|slot| slot.token.bus_id == bus_id)
                .map(|slot| slot.key)
                .collect()
        };
        keys.into_iter().for_each(|key| self.remove(key));
    }

    /// Removes the readers of all tokens whose server has hung up, without waiting for their threads to see that.
    pub(crate) fn sweep(&self) {
        let tokens: Vec<_> = {
            let state = self.state();
            state.slots.iter().flatten().map(|slot| (slot.key, Arc::clone(&slot.token))).collect()
        };
        tokens.into_iter().filter(|(_, token)| hung_up(token.line())).for_each(|(key, _)| self.remove(key));
    }

    /// Whether the reader is still there.
    pub(crate) fn has(&self, key: u64) -> bool {
        self.state().of_key(key).is_some()
    }

    /// A card was put in or drawn, while its reader stayed.
    pub(crate) fn card(&self, key: u64, atr: Outcome<Vec<u8>>) {
        let mut state = self.state();
        if let Some(slot) = state.of_key(key) {
            slot.set_card(atr);
            slot.events = slot.events.wrapping_add(1);
            if slot.state & state::ABSENT != 0 {
                slot.mark(Event::Removed);
                slot.lock = None;
            }
            state.tell();
        }
        self.wake(&state);
    }

    /// Something is about to happen to the card that is no client's command.
    pub(crate) fn disturb(&self, key: u64) {
        if let Some(slot) = self.state().of_key(key) {
            slot.last = None;
        }
    }

    /// Whether a card is in the reader, as far as is known.
    pub(crate) fn is_present(&self, key: u64) -> bool {
        self.state().of_key(key).is_some_and(|slot| slot.state & state::PRESENT != 0)
    }

    /// Powers off a card that nobody uses, so that a PIN that was verified is of no use to the next program.
    pub(crate) fn rest(&self, key: u64, token: &Token) {
        let Some(mut ccid) = token.idle() else { return };
        let ready = self.state().of_key(key).is_some_and(|slot| {
            let ready = slot.idle.is_some_and(|since| since.elapsed() >= GRACE)
                && slot.running == 0
                && slot.state & state::POWERED != 0;
            if ready {
                slot.power_off();
            }
            ready
        });
        if ready && let Err(error) = ccid.power_off() {
            drop(ccid);
            self.fault(key, &error);
        }
    }

    /// What a failed command means: for its reader, and for the client.
    pub(crate) fn fault(&self, key: u64, error: &Error) -> u32 {
        tracing::debug!(%error, "a command failed");
        match error {
            Error::Broken(_) | Error::Nonsense(_) => {
                self.remove(key);
                rv::READER_UNAVAILABLE
            }
            Error::Slot(SlotError::Absent) => {
                self.card(key, Err(rv::NO_SMARTCARD));
                rv::NO_SMARTCARD
            }
            Error::Slot(SlotError::Mute) => rv::UNRESPONSIVE_CARD,
            Error::Invalid(_) => rv::INVALID_PARAMETER,
            _ => rv::NOT_TRANSACTED,
        }
    }

    /// The state, once no transaction of another handle keeps this one off.
    fn admitted(&self, card: i32) -> Outcome<MutexGuard<'_, State>> {
        let end = Instant::now() + GLANCE;
        let mut state = self.state();
        while state.of_handle(card)?.is_locked_by_another(card) {
            if Instant::now() >= end {
                return Err(rv::SHARING_VIOLATION);
            }
            state = self.wait(state, end);
        }
        Ok(state)
    }

    /// Begins a command. Another client's transaction, a reset or a removal forbids that.
    pub(crate) fn run(&self, card: i32) -> Outcome<Running<'_>> {
        let mut state = self.admitted(card)?;
        let slot = state.of_handle(card)?;
        slot.event(card)?;
        Ok(self.running(slot, card, true))
    }

    /// A command runs from here on. `sends` tells whether the card gets it.
    fn running(&self, slot: &mut Slot, card: i32, sends: bool) -> Running<'_> {
        if sends {
            slot.used_by(card);
        }
        slot.running += 1;
        let (key, token, protocol) = (slot.key, Arc::clone(&slot.token), slot.protocol);
        Running { hub: self, key, token, protocol, card, ends: false }
    }

    /// SCardStatus: whether something happened to the card that this handle was not told.
    pub(crate) fn status(&self, card: i32) -> Outcome<()> {
        self.admitted(card)?.of_handle(card)?.event(card)
    }

    /// What attributes tell.
    pub(crate) fn about(&self, card: i32) -> Outcome<About> {
        let mut state = self.state();
        let slot = state.of_handle(card)?;
        Ok(About {
            name: slot.name.clone(),
            atr: slot.atr.clone(),
            state: slot.state,
            protocol: slot.protocol,
            texts: slot.token.texts.clone(),
            release: slot.token.interface.device.release,
            device_id: slot.token.device_id,
            max_input: slot.token.interface.max_message - wire::ccid::HEADER,
            extended: slot.token.interface.features & EXTENDED_APDU != 0,
        })
    }

    /// What the token's descriptors say, unless another client has the card for itself.
    pub(crate) fn interface(&self, card: i32) -> Outcome<Interface> {
        Ok(self.admitted(card)?.of_handle(card)?.token.interface.clone())
    }
}

/// Whether the peer hung up. Nothing is read.
pub(crate) fn hung_up(stream: &impl AsFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
