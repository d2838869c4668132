//! The card's own layer: class, SELECT, command chaining, GET RESPONSE, and whose turn it is (ISO 7816-4, 5 and 8.2).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod atr;
mod exchange;
mod select;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use wire::{
    apdu::{CLASS_CHAIN, Command, StatusWord},
    piv, shield,
};

use crate::{
    applet::{Answer, Applet, Event, Step},
    application::Application,
    piv::Piv,
    seams::{CryptoRng, Storage},
    shield::Shield,
};
pub(crate) use exchange::append;
use exchange::{Exchange, Received};
use select::Select;

/// The basic logical channel is the only one (ISO 7816-4, 5.4.1).
const NO_LOGICAL_CHANNEL: StatusWord = StatusWord(0x6881);

/// A card in the reader's slot.
pub(crate) trait Card {
    /// Power on, or a warm reset; the answer to reset.
    fn power_on(&mut self) -> Vec<u8>;

    /// Power off: what was verified is forgotten.
    fn power_off(&mut self);

    /// A command APDU.
    fn transmit(&mut self, apdu: &[u8]) -> Step;

    /// Goes on after [`Step::Ask`] or [`Step::Work`]. After [`crate::seams::Declined::Aborted`] the command is
    /// over, whatever the answer.
    fn resume(&mut self, event: Event) -> Step;
}

/// The applet in charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selected {
    /// None since the reset.
    Nothing,
    Piv,
    Shield,
}

/// The card: an application, and the two applets that are views of it.
pub(crate) struct Interpreter<S: Storage, R: CryptoRng> {
    application: Application<S, R>,
    piv: Piv,
    shield: Shield,
    selected: Selected,
    exchange: Exchange,
}

impl<S: Storage, R: CryptoRng> Interpreter<S, R> {
    pub(crate) fn new(application: Application<S, R>) -> Self {
        Self {
            application,
            piv: Piv::default(),
            shield: Shield::default(),
            selected: Selected::Nothing,
            exchange: Exchange::Ready,
        }
    }

    pub(crate) const fn application(&self) -> &Application<S, R> {
        &self.application
    }

    pub(crate) const fn application_mut(&mut self) -> &mut Application<S, R> {
        &mut self.application
    }

    fn forget(&mut self) {
        self.exchange = Exchange::Ready;
        self.selected = Selected::Nothing;
        Applet::<S, R>::deselect(&mut self.piv);
        Applet::<S, R>::deselect(&mut self.shield);
        self.application.reset();
    }

    /// Carries out a command that is whole, and cuts its answer for the host.
    fn carry_out(&mut self, command: &Command<'_>) -> Step {
        // Stock tools leave Le out and expect the data all the same, because real cards give it. A command without Le is
        // answered as if it asked for all there is.
        let all = if command.extended { 65_536 } else { 256 };
        let expected = command.expected.unwrap_or(all);
        let step = self.dispatch(command);
        self.exchange.settle(step, expected)
    }

    fn dispatch(&mut self, command: &Command<'_>) -> Step {
        if (command.class, command.instruction) == (0, piv::instruction::SELECT) {
            return Step::Done(self.select(command));
        }
        // GM/T 0027 5.5: a token that failed its self-test says so, and does nothing else.
        let tells = (self.selected, command.class, command.instruction)
            == (Selected::Shield, shield::CLASS, shield::instruction::GET_INFORMATION);
        if !tells && !self.application.healthy() {
            return StatusWord::FAULT.into();
        }
        match (self.selected, command.class) {
            (Selected::Shield, 0 | shield::CLASS) => self.shield.command(&mut self.application, command),
            (Selected::Piv, 0) => self.piv.command(&mut self.application, command),
            (Selected::Nothing, 0) => StatusWord::WRONG_INSTRUCTION.into(),
            _ => StatusWord::WRONG_CLASS.into(),
        }
    }

    /// SELECT by name (ISO 7816-4, 7.1.1). One that finds nothing leaves everything as it was.
    fn select(&mut self, command: &Command<'_>) -> Answer {
        let Select { name, another, silent } = match Select::parse(command) {
            Ok(select) => select,
            Err(status) => return Answer::status(status),
        };
        let found = match named(name) {
            Some(found) if !(another && found == self.selected) => found,
            _ => return Answer::status(StatusWord::NOT_FOUND),
        };
        let changed = found != self.selected;
        if changed {
            Applet::<S, R>::deselect(&mut self.piv);
            Applet::<S, R>::deselect(&mut self.shield);
        }
        self.selected = found;
        self.application.select(changed);
        let answer = match found {
            Selected::Shield => Applet::<S, R>::select(&mut self.shield),
            _ => Applet::<S, R>::select(&mut self.piv),
        };
        if silent { Answer::status(answer.status) } else { answer }
    }
}

impl<S: Storage, R: CryptoRng> Card for Interpreter<S, R> {
    fn power_on(&mut self) -> Vec<u8> {
        self.forget();
        atr::atr(&self.application.profile().brand.historical_bytes)
    }

    fn power_off(&mut self) {
        self.forget();
    }

    fn transmit(&mut self, apdu: &[u8]) -> Step {
        let command = match Command::parse(apdu) {
            Ok(command) => command,
            Err(_) => {
                self.exchange.abandon();
                let invalid = apdu.first() == Some(&0xFF);
                return if invalid { StatusWord::WRONG_CLASS } else { StatusWord::WRONG_LENGTH }.into();
            }
        };
        if let Err(status) = class(command.class) {
            self.exchange.abandon();
            return status.into();
        }
        match self.exchange.receive(&command) {
            Received::Answered(answer) => Step::Done(answer),
            Received::Whole => self.carry_out(&command),
            Received::Gathered(data) => {
                let command = Command { data: &data, ..command };
                self.carry_out(&command)
            }
        }
    }

    fn resume(&mut self, event: Event) -> Step {
        let Some(expected) = self.exchange.waited() else { return StatusWord::FAULT.into() };
        let step = match self.selected {
            Selected::Shield => self.shield.resume(&mut self.application, event),
            Selected::Piv => self.piv.resume(&mut self.application, event),
            Selected::Nothing => StatusWord::FAULT.into(),
        };
        self.exchange.settle(step, expected)
    }
}

/// Which applet a name means: its AID, or the AID cut on the right (ISO 7816-4, 8.2.1.2), as long as it is no
/// shorter than what names it alone.
fn named(name: &[u8]) -> Option<Selected> {
    let cut = |aid: &[u8], least: usize| name.len() >= least && aid.starts_with(name);
    if cut(&piv::AID, piv::RID) {
        Some(Selected::Piv)
    } else if cut(&shield::AID, 6) {
        Some(Selected::Shield)
    } else {
        None
    }
}

/// Judges CLA (ISO 7816-4, 5.4.1): the basic logical channel, no secure messaging, interindustry or the shield's
/// proprietary class, which codes the low five bits in the same way.
const fn class(class: u8) -> Result<(), StatusWord> {
    match class & !CLASS_CHAIN {
        0x00 | shield::CLASS => Ok(()),
        // First interindustry values: bits 2 and 1 the channel, bits 4 and 3 secure messaging.
        low @ (0x01..=0x0F | 0x81..=0x8F) if low & 0x03 != 0 => Err(NO_LOGICAL_CHANNEL),
        0x01..=0x0F | 0x81..=0x8F => Err(StatusWord::NO_SECURE_MESSAGING),
        // Further interindustry values: channels 4 to 19.
        0x40..=0x7F => Err(NO_LOGICAL_CHANNEL),
        _ => Err(StatusWord::WRONG_CLASS),
    }
}
