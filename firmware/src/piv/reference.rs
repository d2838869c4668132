//! PIN and PUK: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (SP 800-73-4 part 2, 3.2.1 to 3.2.3).

use wire::{
    apdu::{Command, StatusWord},
    piv::{PIN_FIELD, PIN_REFERENCE, PUK_REFERENCE},
};

use super::{Piv, State, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    pin::{Progress, Reference},
    seams::{CryptoRng, Storage},
};

/// The PUK's length, shortest and longest: what the field carries.
const PUK_LENGTH: (u8, u8) = (6, 8);

impl Piv {
    /// VERIFY (3.2.1).
    pub(super) fn verify<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        if command.p2 != PIN_REFERENCE {
            return Err(StatusWord::NO_SUCH_KEY.into());
        }
        match (command.p1, command.data) {
            (0x00, []) => Ok(query(application).into()),
            (0x00, field) => {
                let pin = unpad(field, pin_length(application)?)?;
                let progress = application.verify(pin)?;
                Ok(self.wait(progress))
            }
            (0xFF, []) => {
                application.forget_verification();
                Ok(StatusWord::OK.into())
            }
            (0xFF, _) => Err(StatusWord::WRONG_DATA.into()),
            _ => Err(StatusWord::WRONG_P1P2.into()),
        }
    }

    /// CHANGE REFERENCE DATA (3.2.2): the old PIN or PUK, then the new one.
    pub(super) fn change_reference_data<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        let which = match command.p2 {
            PIN_REFERENCE => Reference::Pin,
            PUK_REFERENCE => Reference::Puk,
            _ => return Err(StatusWord::NO_SUCH_KEY.into()),
        };
        if command.p1 != 0 {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let length = match which {
            Reference::Pin => pin_length(application)?,
            Reference::Puk => PUK_LENGTH,
        };
        let (old, new) = command.data.split_at_checked(PIN_FIELD).ok_or(StatusWord::WRONG_DATA)?;
        let (old, new) = (unpad(old, length)?, unpad(new, length)?);
        let progress = application.replace_pin((which, old), (which, new))?;
        Ok(self.wait(progress))
    }

    /// RESET RETRY COUNTER (3.2.3): the PUK, then the new PIN.
    pub(super) fn reset_retry_counter<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        if command.p2 != PIN_REFERENCE {
            return Err(StatusWord::NO_SUCH_KEY.into());
        }
        if command.p1 != 0 {
            return Err(StatusWord::WRONG_P1P2.into());
        }
        let length = pin_length(application)?;
        let (puk, pin) = command.data.split_at_checked(PIN_FIELD).ok_or(StatusWord::WRONG_DATA)?;
        let (puk, pin) = (unpad(puk, PUK_LENGTH)?, unpad(pin, length)?);
        let progress = application.replace_pin((Reference::Puk, puk), (Reference::Pin, pin))?;
        Ok(self.wait(progress))
    }

    fn wait(&mut self, progress: Progress) -> Step {
        match progress {
            Progress::Done => StatusWord::OK.into(),
            Progress::Work(job) => {
                self.state = State::Pin;
                Step::Work(job)
            }
        }
    }
}

/// VERIFY without data asks whether the PIN is verified and how many tries are left (3.2.1).
fn query<S: Storage, R: CryptoRng>(application: &Application<S, R>) -> StatusWord {
    match application.tries() {
        _ if application.verified() => StatusWord::OK,
        [0, ..] => StatusWord::BLOCKED,
        [left, ..] => StatusWord::tries_left(left),
    }
}

/// The PIN's length, shortest and longest. A brand whose PINs may not fit PIV's field does not take them here.
fn pin_length<S: Storage, R: CryptoRng>(application: &Application<S, R>) -> Result<(u8, u8), Refused> {
    let length = application.profile().pin_length;
    if usize::from(length.1) > PIN_FIELD { Err(StatusWord::WRONG_DATA.into()) } else { Ok(length) }
}

/// The PIN in a field of 8 bytes, padded with FF (2.4.3). One of another form is refused without spending a try,
/// which 3.2.1 leaves to the card: no PIN of this token could be it.
fn unpad(field: &[u8], (least, most): (u8, u8)) -> Result<&[u8], Refused> {
    let wrong = Refused::from(StatusWord::WRONG_DATA);
    if field.len() != PIN_FIELD {
        return Err(wrong);
    }
    let length = field.iter().position(|byte| *byte == 0xFF).unwrap_or(PIN_FIELD);
    let (pin, padding) = field.split_at_checked(length).ok_or(wrong)?;
    let fits = (usize::from(least)..=usize::from(most)).contains(&length);
    let right = fits && pin.iter().all(u8::is_ascii_graphic) && padding.iter().all(|byte| *byte == 0xFF);
    if right { Ok(pin) } else { Err(wrong) }
}
