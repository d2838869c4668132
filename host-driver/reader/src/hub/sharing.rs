//! Handles: connecting, transactions, and resets of a card that other clients use, too.

use std::{
    collections::VecDeque,
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

use card::Error;
use wire::pcsclite::{disposition, protocol, rv, share, state};

use super::{Event, Hub, Outcome, Slot, State, TURN, atr, waiting::random};
use crate::token::Token;

/// How often to look whether a client has hung up that waits for the end of another client's transaction.
const LOOK: Duration = Duration::from_millis(500);
/// How long a client that disconnects with a reset waits for the end of another client's transaction.
const LAST: Duration = Duration::from_secs(60);
/// A client that waited longer than this may have hung up meanwhile.
const LATE: Duration = Duration::from_millis(1);
/// Handles on one reader.
const MAX_HANDLES: usize = 512;

impl Hub {
    /// SCardConnect: returns a handle and the protocol in use. `gone` tells whether the client hung up.
    pub(crate) fn connect(
        &self,
        name: &[u8],
        mode: u32,
        preferred: u32,
        gone: &dyn Fn() -> bool,
    ) -> Outcome<(i32, u32)> {
        check_mode(mode, preferred)?;
        let direct = mode == share::DIRECT;
        let (mut state, key) = self.ready(name, direct, gone)?;
        let card = state.fresh_handle()?;
        let slot = state.of_key(key).ok_or(rv::READER_UNAVAILABLE)?;
        if slot.exclusive || (mode == share::EXCLUSIVE && !slot.handles.is_empty()) {
            return Err(rv::SHARING_VIOLATION);
        }
        if slot.handles.len() >= MAX_HANDLES {
            return Err(rv::NO_MEMORY);
        }
        slot.agree(preferred, direct)?;
        slot.handles.insert(card, None);
        slot.idle = None;
        if mode == share::EXCLUSIVE {
            slot.exclusive = true;
            slot.lock = Some((card, 1));
        }
        let active = slot.protocol;
        state.tell();
        Ok((card, active))
    }

    /// The reader of that name, with its card powered unless the client wants the reader alone. The card may be switched off between
    /// the moment it was powered and this one: then it is powered again.
    fn ready(
        &self,
        name: &[u8],
        direct: bool,
        gone: &dyn Fn() -> bool,
    ) -> Outcome<(MutexGuard<'_, State>, u64)> {
        loop {
            let (key, token) = self.available(name, gone)?;
            if !direct {
                self.power_up(key, &token)?;
            }
            let mut state = self.state();
            if direct || state.of_key(key).ok_or(rv::READER_UNAVAILABLE)?.state & state::POWERED != 0 {
                return Ok((state, key));
            }
        }
    }

    /// The reader of that name, once no transaction keeps other clients off.
    fn available(&self, name: &[u8], gone: &dyn Fn() -> bool) -> Outcome<(u64, Arc<Token>)> {
        let mut state = self.state();
        loop {
            let slot = state
                .slots
                .iter()
                .flatten()
                .find(|slot| slot.name.as_bytes() == name)
                .ok_or(rv::UNKNOWN_READER)?;
            if slot.exclusive {
                return Err(rv::SHARING_VIOLATION);
            }
            if slot.lock.is_none() {
                return Ok((slot.key, Arc::clone(&slot.token)));
            }
            if gone() {
                return Err(rv::SHARING_VIOLATION);
            }
            state = self.wait(state, Instant::now() + LOOK);
        }
    }

    /// Powers the card if it is off. When two clients come at once, the card is powered once.
    fn power_up(&self, key: u64, token: &Token) -> Outcome<()> {
        let state_of = |hub: &Self| hub.state().of_key(key).map(|slot| slot.state);
        let is_on = |state: u32| state & state::POWERED != 0;
        match state_of(self).ok_or(rv::READER_UNAVAILABLE)? {
            bits if is_on(bits) => return Ok(()),
            bits if bits & state::ABSENT != 0 => return Err(rv::NO_SMARTCARD),
            _ => {}
        }
        let mut ccid = token.ccid();
        if state_of(self).is_some_and(is_on) {
            return Ok(());
        }
        let atr = ccid.power_on();
        drop(ccid);
        match atr {
            Ok(atr) => {
                if let Some(slot) = self.state().of_key(key) {
                    slot.set_card(Ok(atr));
                }
                Ok(())
            }
            Err(error) => Err(match self.fault(key, &error) {
                rv::NOT_TRANSACTED => rv::UNRESPONSIVE_CARD,
                other => other,
            }),
        }
    }

    /// SCardReconnect: from here on the handle counts as told of everything. Returns the protocol in use.
    pub(crate) fn reconnect(
        &self,
        card: i32,
        mode: u32,
        preferred: u32,
        initialization: u32,
    ) -> Outcome<u32> {
        check_mode(mode, preferred)?;
        if !matches!(initialization, disposition::LEAVE | disposition::RESET | disposition::UNPOWER) {
            return Err(rv::INVALID_VALUE);
        }
        if initialization != disposition::LEAVE {
            self.reset(card, TURN)?;
        }
        let (key, token) = {
            let mut state = self.state();
            let slot = state.of_handle(card)?;
            if slot.is_locked_by_another(card) {
                return Err(rv::SHARING_VIOLATION);
            }
            match slot.state {
                bits if bits & state::ABSENT != 0 => return Err(rv::NO_SMARTCARD),
                bits if bits & state::SWALLOWED != 0 => return Err(rv::UNRESPONSIVE_CARD),
                _ => (slot.key, Arc::clone(&slot.token)),
            }
        };
        if mode != share::DIRECT {
            // Another client may have powered the card off.
            self.power_up(key, &token)?;
        }
        let mut state = self.state();
        let slot = state.of_handle(card)?;
        slot.agree(preferred, mode == share::DIRECT)?;
        match (mode, slot.exclusive) {
            (share::EXCLUSIVE, false) if slot.handles.len() > 1 => return Err(rv::SHARING_VIOLATION),
            (share::EXCLUSIVE, false) => {
                slot.exclusive = true;
                slot.lock = Some((card, slot.lock.map_or(0, |(_, count)| count) + 1));
            }
            (share::SHARED | share::DIRECT, true) => {
                slot.exclusive = false;
                slot.unlock();
            }
            _ => {}
        }
        slot.handles.insert(card, None);
        // A handle that connects anew may have been given the card in any state.
        slot.last = slot.last.filter(|last| *last == card);
        let active = slot.protocol;
        state.tell();
        self.wake(&state);
        Ok(active)
    }

    /// SCardBeginTransaction: waits a while for the client's turn. Clients that came earlier go first. `gone` tells
    /// whether the client hung up.
    pub(crate) fn begin(&self, card: i32, gone: &dyn Fn() -> bool) -> Outcome<()> {
        let begin = Instant::now();
        self.take_turn(card, begin + TURN, true)?;
        // The client is gone, and its turn is given back. A transaction that is left open would cost the card a
        // reset.
        if begin.elapsed() > LATE && gone() {
            self.end_turn(card);
            return Err(rv::SHARING_VIOLATION);
        }
        Ok(())
    }

    /// Ends one transaction of the handle.
    pub(crate) fn end_turn(&self, card: i32) {
        let mut state = self.state();
        if let Ok(slot) = state.of_handle(card) {
            slot.end_turn(card);
        }
        self.wake(&state);
    }

    /// Begins one more transaction of the handle, once no other handle has one and no command runs.
    fn take_turn(&self, card: i32, end: Instant, heed_events: bool) -> Outcome<()> {
        let mut state = self.state();
        loop {
            let slot = state.of_handle(card)?;
            let outcome = if heed_events { slot.event(card) } else { Ok(()) };
            let mine = matches!(slot.lock, Some((holder, _)) if holder == card);
            if outcome.is_ok() && !mine && !slot.queue.contains(&card) {
                slot.queue.push_back(card);
            }
            let turn =
                mine || (slot.lock.is_none() && slot.queue.front() == Some(&card) && slot.running == 0);
            let outcome = match outcome {
                Ok(()) if turn => {
                    let count = slot.lock.map_or(0, |(_, count)| count);
                    slot.lock = Some((card, count.saturating_add(1)));
                    Some(Ok(()))
                }
                Ok(()) if Instant::now() >= end => Some(Err(rv::SHARING_VIOLATION)),
                Ok(()) => None,
                Err(event) => Some(Err(event)),
            };
            if let Some(outcome) = outcome {
                leave(&mut slot.queue, card);
                self.wake(&state);
                return outcome;
            }
            state = self.wait(state, end);
        }
    }

    /// SCardEndTransaction, with what becomes of the card.
    pub(crate) fn end(&self, card: i32, disposition: u32) -> Outcome<()> {
        check_disposition(disposition)?;
        {
            let mut state = self.state();
            let slot = state.of_handle(card)?;
            slot.event(card)?;
            if slot.is_locked_by_another(card) {
                return Err(rv::SHARING_VIOLATION);
            }
            let least = u32::from(slot.exclusive);
            if slot.lock.is_none_or(|(_, count)| count <= least) {
                return Err(rv::NOT_TRANSACTED);
            }
        }
        let outcome = match disposition {
            disposition::RESET | disposition::UNPOWER => self.reset(card, TURN),
            _ => Ok(()),
        };
        self.end_turn(card);
        outcome
    }

    /// SCardDisconnect, with what becomes of the card. A reader that is gone is no error.
    pub(crate) fn disconnect(&self, card: i32, disposition: u32) -> Outcome<()> {
        check_disposition(disposition)?;
        let wait = match disposition {
            disposition::RESET => self.reset(card, LAST),
            disposition::UNPOWER => self.unpower(card, LAST),
            _ => Ok(()),
        };
        if wait == Err(rv::SHARING_VIOLATION) {
            return wait;
        }
        self.drop_handle(card);
        Ok(())
    }

    /// A client or its context is gone. If the client left a transaction open, the card is reset: no other client may
    /// go on from where this client stopped.
    pub(crate) fn abandon(&self, card: i32) {
        let open = self.state().of_handle(card).is_ok_and(|slot| {
            matches!(slot.lock, Some((holder, _)) if holder == card) && slot.event(card).is_ok()
        });
        if open {
            // The clients that use the card next are told whether the reset went well.
            let _ = self.reset(card, LAST);
        }
        self.drop_handle(card);
    }

    fn drop_handle(&self, card: i32) {
        let mut state = self.state();
        if let Ok(slot) = state.of_handle(card) {
            slot.handles.remove(&card);
            leave(&mut slot.queue, card);
            if matches!(slot.lock, Some((holder, _)) if holder == card) {
                slot.lock = None;
                slot.exclusive = false;
            }
            if slot.handles.is_empty() {
                slot.idle = Some(Instant::now());
            }
            state.tell();
        }
        self.wake(&state);
    }

    /// Powers the card off and on. All handles are told, this one too, as pcscd does.
    fn reset(&self, card: i32, patience: Duration) -> Outcome<()> {
        self.power(card, patience, |token| {
            let mut ccid = token.ccid();
            ccid.power_off()?;
            ccid.power_on().map(Some)
        })
    }

    /// Powers the card off.
    fn unpower(&self, card: i32, patience: Duration) -> Outcome<()> {
        self.power(card, patience, |token| token.ccid().power_off().map(|()| None))
    }

    /// A change of power within a transaction of its own.
    fn power(
        &self,
        card: i32,
        patience: Duration,
        work: impl FnOnce(&Token) -> Result<Option<Vec<u8>>, Error>,
    ) -> Outcome<()> {
        self.take_turn(card, Instant::now() + patience, false)?;
        let (key, token) = {
            let mut state = self.state();
            let slot = state.of_handle(card)?;
            slot.mark(Event::Reset);
            (slot.key, Arc::clone(&slot.token))
        };
        let done = work(&token);
        let mut state = self.state();
        let slot = state.of_handle(card)?;
        // Another handle may have the turn, where the card was lost meanwhile.
        slot.end_turn(card);
        match done {
            Ok(Some(atr)) => slot.set_card(Ok(atr)),
            Ok(None) => slot.power_off(),
            Err(error) => {
                if !matches!(error, Error::Broken(_) | Error::Nonsense(_)) {
                    slot.set_card(Err(rv::UNRESPONSIVE_CARD));
                }
                self.wake(&state);
                drop(state);
                let outcome = self.fault(key, &error);
                return Err(if outcome == rv::NOT_TRANSACTED { rv::UNRESPONSIVE_CARD } else { outcome });
            }
        }
        self.wake(&state);
        Ok(())
    }
}

impl State {
    fn fresh_handle(&mut self) -> Outcome<i32> {
        loop {
            let card = i32::try_from(random()? & 0x7FFF_FFFF).unwrap_or_default();
            if card != 0 && self.of_handle(card).is_err() {
                return Ok(card);
            }
        }
    }
}

impl Slot {
    /// Settles the protocol: the one in use, else one that both card and client take.
    fn agree(&mut self, preferred: u32, direct: bool) -> Outcome<()> {
        if preferred & protocol::RAW != 0 {
            self.protocol = protocol::RAW;
        } else if direct {
            // No card, no protocol.
        } else if self.protocol == protocol::UNDEFINED {
            self.protocol = atr::choose(&self.atr, preferred).ok_or(rv::PROTO_MISMATCH)?;
        } else if preferred & (self.protocol | protocol::ANY_OLD) == 0 {
            return Err(rv::PROTO_MISMATCH);
        }
        Ok(())
    }
}

fn leave(queue: &mut VecDeque<i32>, card: i32) {
    queue.retain(|other| *other != card);
}

fn check_mode(mode: u32, preferred: u32) -> Outcome<()> {
    let known = protocol::ANY | protocol::RAW | protocol::ANY_OLD;
    if mode != share::DIRECT && preferred & known == 0 {
        return Err(rv::PROTO_MISMATCH);
    }
    if !matches!(mode, share::EXCLUSIVE | share::SHARED | share::DIRECT) {
        return Err(rv::INVALID_VALUE);
    }
    Ok(())
}

fn check_disposition(of: u32) -> Outcome<()> {
    match of {
        disposition::LEAVE | disposition::RESET | disposition::UNPOWER | disposition::EJECT => Ok(()),
        _ => Err(rv::INVALID_VALUE),
    }
}
