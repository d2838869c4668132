//! The journal: what happens to the tokens, told to whoever listens, as it happens.
//!
//! Nobody waits for a listener. The journal keeps the last [`KEPT`] entries for all listeners together, and a listener that is further
//! behind is told how many it has missed. Where nobody listens and nothing is remembered, no entry is made.

mod exchange;
mod instruction;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use firmware::seams::{Declined, Screen};
use lock::lock;
use tokio::sync::broadcast;

pub use exchange::Exchange;

use crate::urb::Tap;

/// Entries that wait for the slowest listener.
pub const KEPT: usize = 512;
/// Entries that are remembered for listeners to come, where a journal remembers.
pub const REMEMBERED: usize = 128;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The token's name on the bus.
    pub token: Arc<str>,
    /// What.
    pub event: Event,
}

/// What can happen to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The token was plugged in.
    Plugged,
    /// The token was pulled out.
    Unplugged,
    /// A host holds the token.
    Attached {
        /// The host.
        host: String,
    },
    /// The host that held the token holds it no more.
    Released,
    /// The screen shows a page, or is dark.
    Screen(Option<Screen>),
    /// The holder was asked, and the question is over.
    Answered(Result<(), Declined>),
    /// Tries left, PIN then PUK, and the most of each.
    Tries([u8; 4]),
    /// A command and its answer.
    Exchange(Exchange),
}

/// The listeners of one bus.
#[derive(Debug)]
pub struct Journal {
    told: broadcast::Sender<Entry>,
    remembers: AtomicBool,
    /// What is remembered. An entry is told under this lock, so that who begins to listen misses none and hears none twice.
    past: Mutex<VecDeque<Entry>>,
}

/// The journal of one token.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    journal: Arc<Journal>,
    token: Arc<str>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { told: broadcast::Sender::new(KEPT), remembers: false.into(), past: Mutex::default() }
    }
}

impl Journal {
    /// Listens from now on. A listener that falls behind by more than [`KEPT`] entries is told so in place of the entries.
    pub fn listen(&self) -> broadcast::Receiver<Entry> {
        self.told.subscribe()
    }

    /// As [`Self::listen`], with what is remembered, oldest first.
    pub fn listen_from_before(&self) -> (Vec<Entry>, broadcast::Receiver<Entry>) {
        let past = lock(&self.past);
        (past.iter().cloned().collect(), self.told.subscribe())
    }

    /// From now on the last [`REMEMBERED`] entries are kept, for listeners to come.
    pub fn remember(&self) {
        self.remembers.store(true, Ordering::Relaxed);
    }

    fn is_heard(&self) -> bool {
        self.remembers.load(Ordering::Relaxed) || self.told.receiver_count() > 0
    }

    fn tell(&self, entry: Entry) {
        let mut past = lock(&self.past);
        if self.remembers.load(Ordering::Relaxed) {
            if past.len() >= REMEMBERED {
                past.pop_front();
            }
            past.push_back(entry.clone());
        }
        // An error says that the last listener has just gone.
        let _ = self.told.send(entry);
    }
}

impl Witness {
    /// What happens to this token is told to the listeners of this journal.
    pub(crate) const fn new(journal: Arc<Journal>, token: Arc<str>) -> Self {
        Self { journal, token }
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, event: impl FnOnce() -> Event) {
        if self.journal.is_heard() {
            self.journal.tell(Entry { at: now(), token: Arc::clone(&self.token), event: event() });
        }
    }

    /// Somebody to look on while a host has the token: commands and answers are told without their secrets.
    pub(crate) fn tap(&self) -> Box<dyn Tap> {
        Box::new(exchange::Onlooker::new(self.clone()))
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::error::TryRecvError;

    #[test]
    fn nothing_is_made_for_nobody_and_who_is_behind_is_told_how_far() {
        let journal = Arc::new(Journal::default());
        let witness = Witness::new(Arc::clone(&journal), "1-1".into());
        witness.tell(|| unreachable!("nobody listens"));
        let mut slow = journal.listen();
        for number in 0..=u8::MAX {
            (0..3).for_each(|_| witness.tell(|| Event::Tries([number; 4])));
        }
        assert!(matches!(slow.try_recv(), Err(TryRecvError::Lagged(missed)) if missed == 768 - 512));
        let next = slow.try_recv().unwrap();
        assert_eq!((&*next.token, next.event), ("1-1", Event::Tries([85; 4])));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_goes_on_without_a_gap() {
        let journal = Arc::new(Journal::default());
        let witness = Witness::new(Arc::clone(&journal), "1-1".into());
        journal.remember();
        (0..200).for_each(|number| witness.tell(|| Event::Tries([number; 4])));
        let (past, mut news) = journal.listen_from_before();
        witness.tell(|| Event::Tries([200; 4]));
        let first = past.first().map(|entry| entry.event.clone());
        assert_eq!((past.len(), first), (REMEMBERED, Some(Event::Tries([200 - 128; 4]))));
        assert_eq!(news.try_recv().unwrap().event, Event::Tries([200; 4]));
    }
}
