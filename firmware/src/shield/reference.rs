//! PIN and PUK, and what the PUK alone may do.

use alloc::string::String;

use wire::{apdu::StatusWord, shield::OldAndNew};

use super::{Shield, Waiting};
use crate::{
    applet::{Step, Turn},
    pin::{Progress, Reference},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Shield, S, R> {
    /// VERIFY without data: whether the PIN is verified, and how many tries it has left.
    pub(super) fn ask_verified(&self) -> Step {
        match self.application.tries() {
            _ if self.application.verified() => StatusWord::OK,
            [0, ..] => StatusWord::BLOCKED,
            [left, ..] => StatusWord::tries_left(left),
        }
        .into()
    }

    /// VERIFY.
    pub(super) fn verify(&mut self, pin: &[u8]) -> Result<Step, Refusal> {
        let progress = self.application.verify(pin)?;
        Ok(self.wait(progress))
    }

    /// CHANGE REFERENCE DATA of the PIN or the PUK.
    pub(super) fn change(&mut self, which: Reference, codes: OldAndNew<'_>) -> Result<Step, Refusal> {
        let progress = self.application.replace_pin((which, codes.old), (which, codes.new))?;
        Ok(self.wait(progress))
    }

    /// RESET RETRY COUNTER: the PUK sets a new PIN.
    pub(super) fn unblock(&mut self, codes: OldAndNew<'_>) -> Result<Step, Refusal> {
        let (puk, pin) = ((Reference::Puk, codes.old), (Reference::Pin, codes.new));
        let progress = self.application.replace_pin(puk, pin)?;
        Ok(self.wait(progress))
    }

    /// INITIALISE: once the PUK is proved, all but the payment container goes.
    pub(super) fn initialise(&mut self, puk: &[u8], label: &str) -> Result<Step, Refusal> {
        let job = self.application.prove_puk(puk)?;
        self.applet.waiting = Waiting::Initialise { label: String::from(label) };
        Ok(Step::Work(job))
    }

    fn wait(&mut self, progress: Progress) -> Step {
        match progress {
            Progress::Done => StatusWord::OK.into(),
            Progress::Work(job) => {
                self.applet.waiting = Waiting::Pin;
                Step::Work(job)
            }
        }
    }
}
