//! PIN and PUK: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (SP 800-73-4 part 2, 3.2.1 to 3.2.3).

use wire::{
    apdu::StatusWord,
    pin::FIELD,
    piv::{Padded, TwoPadded},
};

use super::{Piv, State, status::Refused};
use crate::{
    applet::{Step, Turn},
    pin::{Progress, Reference},
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// VERIFY without data: whether the PIN is verified, and how many tries it has left (3.2.1).
    pub(super) fn ask_verified(&self) -> Step {
        match self.application.tries() {
            _ if self.application.verified() => StatusWord::OK,
            [0, ..] => StatusWord::BLOCKED,
            [left, ..] => StatusWord::tries_left(left),
        }
        .into()
    }

    /// VERIFY (3.2.1).
    pub(super) fn verify(&mut self, pin: Padded<'_>) -> Result<Step, Refused> {
        let pin = self.code(Reference::Pin, pin)?;
        let progress = self.application.verify(pin)?;
        Ok(self.wait(progress))
    }

    /// CHANGE REFERENCE DATA (3.2.2): the old PIN or PUK, then the new one.
    pub(super) fn change_reference_data(
        &mut self,
        which: Reference,
        codes: TwoPadded<'_>,
    ) -> Result<Step, Refused> {
        let (old, new) = (self.code(which, codes.proof)?, self.code(which, codes.new)?);
        let progress = self.application.replace_pin((which, old), (which, new))?;
        Ok(self.wait(progress))
    }

    /// RESET RETRY COUNTER (3.2.3): the PUK, then the new PIN.
    pub(super) fn reset_retry_counter(&mut self, codes: TwoPadded<'_>) -> Result<Step, Refused> {
        let (puk, pin) = (self.code(Reference::Puk, codes.proof)?, self.code(Reference::Pin, codes.new)?);
        let progress = self.application.replace_pin((Reference::Puk, puk), (Reference::Pin, pin))?;
        Ok(self.wait(progress))
    }

    fn wait(&mut self, progress: Progress) -> Step {
        match progress {
            Progress::Done => StatusWord::OK.into(),
            Progress::Work(job) => {
                self.applet.state = State::Pin;
                Step::Work(job)
            }
        }
    }

    /// The PIN or PUK in a field. One of another form is refused without spending a try, which 3.2.1 leaves to the card: no
    /// PIN of this token could be it. A brand whose PINs may not fit PIV's field does not take PINs here at all.
    fn code<'a>(&self, which: Reference, field: Padded<'a>) -> Result<&'a [u8], Refused> {
        let (_, most) = self.application.profile().brand.pin_length;
        let carried = which == Reference::Puk || usize::from(most) <= FIELD;
        let code = field.code();
        if carried && self.application.fits(which, code) {
            Ok(code)
        } else {
            Err(StatusWord::WRONG_DATA.into())
        }
    }
}
