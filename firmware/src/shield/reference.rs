//! PIN and PUK, and what the PUK alone may do.

use alloc::string::String;

use wire::{
    apdu::{Command, StatusWord},
    shield::{MAX_TOKEN_LABEL, tag},
    tlv,
};

use super::{Shield, Waiting};
use crate::{
    applet::Step,
    application::Application,
    pin::{Progress, Reference},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

/// P2 of the PIN commands.
const PIN: u8 = 0x80;
const PUK: u8 = 0x81;

impl Shield {
    pub(super) fn verify<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, PIN) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        if command.data.is_empty() {
            let [left, ..] = application.tries();
            let answer = match left {
                _ if application.verified() => StatusWord::OK,
                0 => StatusWord::BLOCKED,
                _ => StatusWord::tries_left(left),
            };
            return Ok(answer.into());
        }
        let progress = application.verify(command.data)?;
        Ok(self.pin_step(progress))
    }

    pub(super) fn change<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        let which = match (command.p1, command.p2) {
            (0, PIN) => Reference::Pin,
            (0, PUK) => Reference::Puk,
            _ => return Ok(StatusWord::WRONG_P1P2.into()),
        };
        let (old, new) = old_and_new(command)?;
        let progress = application.replace_pin((which, old), (which, new))?;
        Ok(self.pin_step(progress))
    }

    pub(super) fn unblock<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, PIN) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        let (puk, new) = old_and_new(command)?;
        let progress = application.replace_pin((Reference::Puk, puk), (Reference::Pin, new))?;
        Ok(self.pin_step(progress))
    }

    /// INITIALISE: once the PUK is proved, all but the payment container goes.
    pub(super) fn initialise<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, 0) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        let (puk, label) = old_and_new(command)?;
        let label = core::str::from_utf8(label).map_err(|_| Refusal::WrongData)?;
        if label.len() > MAX_TOKEN_LABEL {
            return Err(Refusal::WrongData);
        }
        let job = application.prove_puk(puk)?;
        self.waiting = Waiting::Initialise { label: String::from(label) };
        Ok(Step::Work(job))
    }

    fn pin_step(&mut self, progress: Progress) -> Step {
        match progress {
            Progress::Done => StatusWord::OK.into(),
            Progress::Work(job) => {
                self.waiting = Waiting::Pin;
                Step::Work(job)
            }
        }
    }
}

fn old_and_new<'a>(command: &Command<'a>) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    match (tlv::find(command.data, tag::OLD), tlv::find(command.data, tag::NEW)) {
        (Some(old), Some(new)) if !old.is_empty() => Ok((old, new)),
        _ => Err(Refusal::WrongData),
    }
}
