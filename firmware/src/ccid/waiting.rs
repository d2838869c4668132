//! Time passes while a command waits for the holder or for a long computation.

use wire::ccid::{CommandStatus, to_host};

use super::{
    Reader,
    slot::{Clock, Event, Slot},
};
use crate::{
    apdu::Card,
    applet::Event as CardEvent,
    consent::{Pressed, Prompt},
    seams::{Declined, Millis, Panel},
};

/// How often the buttons are looked at while a prompt waits, in milliseconds.
const POLL: u64 = 20;
/// How often a command asks for more time, in milliseconds. libccid gives up after 3 s at the least.
const EXTENSION: u64 = 1_000;

impl<C: Card, P: Panel> Reader<C, P> {
    /// Tells the time; the answer is when it wants to be told again, `None` when nothing waits.
    pub(crate) fn tick(&mut self, now: Millis) -> Option<Millis> {
        self.on(Event::Tick(now));
        match &self.slot {
            Slot::Asking { clock, .. } => {
                let poll = clock.extension.map_or(now, |_| now.after(POLL));
                [Some(poll), clock.extension, clock.deadline].into_iter().flatten().min()
            }
            Slot::Working { clock, .. } => Some(clock.extension.unwrap_or(now)),
            _ => None,
        }
    }

    /// A tick while the holder is asked: time-out, buttons, and a request for more time.
    pub(super) fn ask(&mut self, sequence: u8, mut prompt: Prompt, mut clock: Clock, now: Millis) -> Slot {
        let deadline = *clock.deadline.get_or_insert(now.after(self.prompt_timeout));
        if now >= deadline {
            return self.declined(sequence, Declined::TimedOut);
        }
        while let Some(button) = self.panel.pressed() {
            match prompt.press(button) {
                Pressed::Turned(next) => {
                    prompt = next;
                    self.panel.show(Some(&prompt.screen()));
                }
                Pressed::Confirmed(consent) => {
                    self.panel.ended(Ok(()));
                    return self.go_on(sequence, CardEvent::Confirmed(consent));
                }
                Pressed::Cancelled => return self.declined(sequence, Declined::Cancelled),
            }
        }
        self.extend(sequence, &mut clock, now);
        Slot::Asking { sequence, prompt, clock }
    }

    fn declined(&mut self, sequence: u8, how: Declined) -> Slot {
        self.panel.ended(Err(how));
        self.go_on(sequence, CardEvent::Declined(how))
    }

    fn go_on(&mut self, sequence: u8, event: CardEvent) -> Slot {
        let step = self.card.resume(event);
        self.proceed(sequence, step)
    }

    /// Asks the host for more time when it is due. The multiplier is 1: libccid multiplies its time-out by it.
    pub(super) fn extend(&mut self, sequence: u8, clock: &mut Clock, now: Millis) {
        let due = *clock.extension.get_or_insert(now.after(EXTENSION));
        if now < due {
            return;
        }
        clock.extension = Some(now.after(EXTENSION));
        // A request that the host has not read yet says the same, and is not repeated.
        if self.outbox.is_empty() {
            self.answer(to_host::DATA_BLOCK, true, sequence, CommandStatus::TimeExtension(1), 0, &[]);
        }
    }
}
