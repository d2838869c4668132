//! One reader: its card, the handles on the reader, and which handle has the card for itself.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use wire::pcsclite::{MAX_ATR, ReaderState, protocol, reader_name, rv, sharing, state};

use super::Outcome;
use crate::token::Token;

/// What happened to a card that a handle has not been told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Reset,
    Removed,
}

/// A reader.
pub(super) struct Slot {
    /// A number that no other reader ever gets, unlike the slot's number.
    pub(super) key: u64,
    pub(super) name: String,
    pub(super) token: Arc<Token>,
    pub(super) atr: Vec<u8>,
    /// Bits of [`state`].
    pub(super) state: u32,
    /// The protocol in use: 0 after each power-up, until a client chose one.
    pub(super) protocol: u32,
    /// How often a card came or went.
    pub(super) events: u16,
    pub(super) handles: BTreeMap<i32, Option<Event>>,
    pub(super) exclusive: bool,
    /// The handle that is in a transaction, and how many transactions it began within one another.
    pub(super) lock: Option<(i32, u32)>,
    /// The handles that want a transaction, in the order in which they came.
    pub(super) queue: VecDeque<i32>,
    /// How many commands run.
    pub(super) running: usize,
    /// The handle whose command was the last thing that happened to the card; `None` after anything else.
    pub(super) last: Option<i32>,
    /// Since when there is no handle.
    pub(super) idle: Option<Instant>,
}

impl Slot {
    pub(super) fn new(key: u64, name: String, token: Arc<Token>, atr: Outcome<Vec<u8>>) -> Self {
        let mut slot = Self {
            key,
            name,
            token,
            atr: Vec::new(),
            state: 0,
            protocol: 0,
            events: 0,
            handles: BTreeMap::new(),
            exclusive: false,
            lock: None,
            queue: VecDeque::new(),
            running: 0,
            last: None,
            idle: Some(Instant::now()),
        };
        slot.set_card(atr);
        slot.events = u16::from(slot.state & state::PRESENT != 0);
        slot
    }

    /// Notes that the card was powered up, or why it was not.
    pub(super) fn set_card(&mut self, atr: Outcome<Vec<u8>>) {
        self.last = None;
        self.protocol = protocol::UNDEFINED;
        match atr {
            Ok(mut atr) => {
                atr.truncate(MAX_ATR);
                self.atr = atr;
                self.state = state::PRESENT | state::POWERED | state::NEGOTIABLE;
            }
            Err(rv::NO_SMARTCARD) => {
                self.atr.clear();
                self.state = state::ABSENT;
            }
            Err(_) => {
                self.atr.clear();
                self.state = state::PRESENT | state::SWALLOWED;
            }
        }
    }

    /// Notes that the card is off.
    pub(super) fn power_off(&mut self) {
        self.last = None;
        self.protocol = protocol::UNDEFINED;
        self.state = state::PRESENT;
    }

    /// Notes that the card gets a command of this handle. Of commands that run at once nobody knows which is the last.
    pub(super) fn used_by(&mut self, card: i32) {
        self.last = (self.running == 0).then_some(card);
    }

    /// Ends one transaction of this handle, if there is one. The transaction that an exclusive handle always has stays.
    pub(super) fn end_turn(&mut self, card: i32) {
        let least = u32::from(self.exclusive);
        if matches!(self.lock, Some((holder, count)) if holder == card && count > least) {
            self.unlock();
        }
    }

    /// Ends one transaction.
    pub(super) fn unlock(&mut self) {
        self.lock = self.lock.and_then(|(card, count)| (count > 1).then(|| (card, count - 1)));
    }

    /// Tells every handle.
    pub(super) fn mark(&mut self, event: Event) {
        self.handles.values_mut().for_each(|of| *of = Some(event));
    }

    /// What this handle has not been told yet.
    pub(super) fn event(&self, card: i32) -> Outcome<()> {
        match self.handles.get(&card) {
            Some(None) => Ok(()),
            Some(Some(Event::Reset)) => Err(rv::RESET_CARD),
            Some(Some(Event::Removed)) => Err(rv::REMOVED_CARD),
            None => Err(rv::READER_UNAVAILABLE),
        }
    }

    /// Whether another handle has the card for itself, or has waited longer for that.
    pub(super) fn is_locked_by_another(&self, card: i32) -> bool {
        match self.lock {
            Some((holder, _)) => holder != card,
            None => self.queue.front().is_some_and(|first| *first != card),
        }
    }

    /// PCSCLITE_SHARING_*, or the number of handles.
    fn sharing(&self) -> i32 {
        match self.exclusive {
            true => sharing::EXCLUSIVE,
            false => i32::try_from(self.handles.len()).unwrap_or(i32::MAX),
        }
    }

    /// The state of the reader, as a client is told it.
    pub(super) fn public(&self) -> ReaderState {
        let mut atr = [0; MAX_ATR];
        for (to, from) in atr.iter_mut().zip(&self.atr) {
            *to = *from;
        }
        ReaderState {
            name: reader_name(&self.name),
            events: self.events.into(),
            state: self.state,
            sharing: self.sharing(),
            atr,
            padding: [0; 3],
            atr_length: u32::try_from(self.atr.len()).unwrap_or_default(),
            protocol: self.protocol,
        }
    }
}
