//! The journal: what happens to the tokens, told to whoever listens, as it happens.
//!
//! Nobody waits for a listener. The journal keeps the last [`KEPT`] entries for all listeners together, and a listener that is further
//! behind is told how many it has missed. Where nobody listens, no entry is made.

mod exchange;
mod instruction;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use firmware::seams::{Declined, Screen};
use tokio::sync::broadcast;

pub use exchange::Exchange;

use crate::urb::Tap;

/// Entries that wait for the slowest listener.
pub const KEPT: usize = 512;

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
pub struct Journal(broadcast::Sender<Entry>);

/// The journal of one token.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    journal: Arc<Journal>,
    token: Arc<str>,
}

impl Default for Journal {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Journal {
    /// Listens from now on. A listener that falls behind by more than [`KEPT`] entries is told so in place of the entries.
    pub fn listen(&self) -> broadcast::Receiver<Entry> {
        self.0.subscribe()
    }

    fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
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
            // An error says that the last listener has just gone.
            let _ = self.journal.0.send(Entry { at: now(), token: Arc::clone(&self.token), event: event() });
        }
    }

    /// Somebody to look on while a host has the token: commands and answers are told without their secrets.
    pub(crate) fn tap(&self) -> Box<dyn Tap> {
        Box::new(exchange::Onlooker::new(self.clone()))
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
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
}
