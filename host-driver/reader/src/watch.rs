//! Hot plug: tokens that appear on the USB/IP server, and those that go.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use card::{Error, Pipe, road::Selection, usbip};
use lock::lock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wire::{ccid::IccStatus, display::printed, pcsclite::rv};

use crate::{hub::Hub, token::Token};

/// Between two looks at the server while there are clients that ask nothing. A USB/IP server tells nothing by itself.
const INTERVAL: Duration = Duration::from_millis(500);
/// Between two looks at a token that is idle.
const HALF_SECOND: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// How long a client that asks waits for a look at the server, in which several tokens may be imported.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client that asks waits while the server does not answer. Then the client is told what was known before.
const GLANCE: Duration = Duration::from_millis(250);

/// Which tokens to serve.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The server.
    pub(crate) server: Selection,
    /// The bus ids that are wanted; empty for all.
    pub(crate) bus_ids: BTreeSet<String>,
    /// How long one command may take.
    pub(crate) patience: Duration,
}

/// Why a look at the server failed.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// The server does not say which tokens there are.
    Server(Error),
    /// The token with this bus id failed.
    Token(String, Error),
    /// All 16 slots are taken, and this token is one too many.
    Full(String),
    /// The system gives no thread for a token.
    Thread(io::Error),
}

/// Looks at the server now and then, and when a client asks.
pub(crate) struct Watch {
    hub: Arc<Hub>,
    source: Source,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// How many questions there were so far. A look that begins after a question answers the question.
    asked: u64,
    /// The last question that was answered.
    answered: u64,
    /// The server did not say which tokens there are, or a look takes too long.
    slow: bool,
    /// When the last look began.
    began: Instant,
    /// How many clients there are.
    clients: usize,
    stopped: bool,
    watchers: Vec<JoinHandle<()>>,
    /// What was complained of, so that the log has each complaint once.
    refused: BTreeSet<String>,
}

impl Watch {
    pub(crate) fn new(hub: Arc<Hub>, source: Source) -> Self {
        let state = State {
            asked: 0,
            answered: 0,
            slow: false,
            began: Instant::now(),
            clients: 0,
            stopped: false,
            watchers: Vec::new(),
            refused: BTreeSet::new(),
        };
        Self { hub, source, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes every token that is free and wanted, up to the number of slots. A token that cannot be taken does not
    /// keep the tokens behind it out. Returns the first failure.
    pub(crate) fn scan(&self) -> Result<(), ScanError> {
        self.hub.sweep();
        let told = self.source.server.ask_first(usbip::list_with_interfaces);
        self.hear(told.is_ok());
        let (exported, address) = told.map_err(ScanError::Server)?;
        let mut outcome = Ok(());
        for found in exported.iter().filter(|found| found.is_reader()) {
            let bus_id = &found.device.bus_id;
            let wanted = self.source.bus_ids.is_empty() || self.source.bus_ids.contains(bus_id);
            // A server lists the tokens that are free. A listed token that this service holds was pulled out and put
            // back before the service saw it go. Some servers list tokens that are held, too: an import says then
            // that the token is busy.
            if !wanted {
                continue;
            }
            let taken = self.take(&address, bus_id);
            // Without a slot or a thread for this token there is none for the next one.
            let enough = matches!(taken, Err(ScanError::Full(_) | ScanError::Thread(_)));
            outcome = outcome.and(taken);
            if enough {
                break;
            }
        }
        outcome
    }

    /// The server has told which tokens there are, or has not. Clients that wait for this look wait longer, or not so
    /// long.
    fn hear(&self, told: bool) {
        lock(&self.state).slow = !told;
        self.changed.notify_all();
    }

    fn take(&self, address: &str, bus_id: &str) -> Result<(), ScanError> {
        let token = match Token::import(address, bus_id, self.source.patience) {
            Ok(token) => Arc::new(token),
            // Another program was quicker, or the token is gone again.
            Err(Error::Busy | Error::NotFound(_)) => return Ok(()),
            Err(error) => return Err(ScanError::Token(bus_id.into(), error)),
        };
        let atr = token.ccid().power_on().map_err(|error| match error {
            Error::Slot(card::SlotError::Absent) => rv::NO_SMARTCARD,
            _ => rv::UNRESPONSIVE_CARD,
        });
        self.hub.evict(bus_id);
        let Some(key) = self.hub.add(Arc::clone(&token), atr) else {
            return Err(ScanError::Full(bus_id.into()));
        };
        let hub = Arc::clone(&self.hub);
        let watcher =
            thread::Builder::new().name("ushield-token".into()).spawn(move || attend(&hub, key, &token));
        match watcher {
            Ok(watcher) => lock(&self.state).watchers.push(watcher),
            Err(error) => {
                self.hub.remove(key);
                return Err(ScanError::Thread(error));
            }
        }
        Ok(())
    }

    /// Looks until stopped.
    pub(crate) fn run(&self) {
        loop {
            let mut state = lock(&self.state);
            while state.asked == state.answered
                && !state.stopped
                && (state.clients == 0 || state.began.elapsed() < INTERVAL)
            {
                let waited = self.changed.wait_timeout(state, INTERVAL);
                state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
            }
            if state.stopped {
                return;
            }
            state.began = Instant::now();
            let asked = state.asked;
            let (gone, watchers) =
                std::mem::take(&mut state.watchers).into_iter().partition(JoinHandle::is_finished);
            state.watchers = watchers;
            drop(state);
            join(gone);
            let scanned = self.scan();
            let mut state = lock(&self.state);
            state.answered = asked;
            // A client may have given up waiting for this look.
            state.slow = matches!(scanned, Err(ScanError::Server(_)));
            drop(state);
            self.changed.notify_all();
            if let Err(error) = scanned {
                self.complain(error);
            }
        }
    }

    /// Logs a server that is away, a token that fails, and a token too many, each once.
    pub(crate) fn complain(&self, error: ScanError) {
        let (of, text) = match error {
            ScanError::Full(bus_id) => {
                let text = format!("token {bus_id} is not shown: 16 readers are all that PC/SC clients hold");
                (bus_id, text)
            }
            ScanError::Server(error) => (String::new(), error.to_string()),
            ScanError::Token(bus_id, error) => {
                let text = format!("token {} is not shown: {error}", printed(&bus_id));
                (format!("{bus_id} failed"), text)
            }
            ScanError::Thread(error) => (String::new(), format!("no thread for a token: {error}")),
        };
        if lock(&self.state).refused.insert(of) {
            tracing::warn!("{text}");
        }
    }

    /// A client asks. Returns after a look that began after the question.
    pub(crate) fn refresh(&self) {
        let question = self.ask();
        let mut state = lock(&self.state);
        let began = Instant::now();
        while state.answered < question && !state.stopped {
            // The end is reckoned anew each time, because the server may answer again.
            let end = began + if state.slow { GLANCE } else { PATIENCE };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.slow = true;
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    /// Asks for a look that begins after this call, and returns the question's number.
    pub(crate) fn ask(&self) -> u64 {
        let mut state = lock(&self.state);
        state.asked += 1;
        self.changed.notify_all();
        state.asked
    }

    /// A client came (+1) or went (-1).
    pub(crate) fn count(&self, by: isize) {
        let mut state = lock(&self.state);
        state.clients = state.clients.saturating_add_signed(by);
        self.changed.notify_all();
    }

    /// Stops looking, lets all tokens go, and waits for their threads.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        self.changed.notify_all();
        drop(state);
        self.hub.clear();
    }

    /// Waits for the threads of the tokens, once [`Self::run`] is at its end.
    pub(crate) fn join(&self) {
        self.hub.clear(); // a last look may have taken tokens
        let watchers = std::mem::take(&mut lock(&self.state).watchers);
        join(watchers);
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        let _ = thread.join();
    }
}

/// Attends to one token: waits for its end, for a card that comes or goes, and for the time to power the card off.
fn attend(hub: &Hub, key: u64, token: &Token) {
    loop {
        let mut line = [PollFd::new(token.line(), PollFlags::RDHUP)];
        let hung_up = poll(&mut line, Some(&HALF_SECOND)).is_ok_and(|ready| ready > 0);
        if hung_up {
            hub.remove(key);
        }
        if !hub.has(key) {
            return;
        }
        if let Err(error) = slot_change(hub, key, token) {
            hub.fault(key, &error);
        }
        hub.rest(key, token);
    }
}

/// Heeds what the interrupt endpoint told, if no command runs. The endpoint's URB stays with the server, so that
/// nothing is sent for this.
fn slot_change(hub: &Hub, key: u64, token: &Token) -> Result<(), Error> {
    let Some(mut ccid) = token.idle() else { return Ok(()) };
    if ccid.pipe().interrupt_in(Duration::ZERO)?.is_none() {
        return Ok(());
    }
    let present = ccid.slot_status()? != IccStatus::Absent;
    if present == hub.is_present(key) {
        return Ok(());
    }
    hub.disturb(key);
    let atr =
        if present { ccid.power_on().map_err(|_| rv::UNRESPONSIVE_CARD) } else { Err(rv::NO_SMARTCARD) };
    drop(ccid);
    hub.card(key, atr);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After an outage: the server answers again, and its tokens take longer than a glance.
    #[test]
    fn who_asks_waits_for_a_server_that_answers_again() {
        let source = Source { server: Selection::default(), bus_ids: BTreeSet::new(), patience: PATIENCE };
        let watch = Watch::new(Arc::default(), source);
        watch.hear(false);
        watch.refresh();
        assert!(lock(&watch.state).slow);
        watch.hear(true);
        thread::scope(|scope| {
            let asking = scope.spawn(|| watch.refresh());
            thread::sleep(2 * GLANCE);
            assert!(!asking.is_finished());
            // Both questions, even if the second is still to be asked.
            lock(&watch.state).answered = 2;
            watch.changed.notify_all();
        });
        assert!(!lock(&watch.state).slow);
    }
}
