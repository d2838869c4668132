//! Data objects, whose values may be secrets, and random for the host.

use wire::{
    apdu::{Command, StatusWord},
    shield::{DataObject, MAX_CHALLENGE, number},
};
use zeroize::Zeroize as _;

use crate::{
    applet::{Answer, Step},
    application::Application,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

/// CREATE DATA.
pub(super) fn create<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if (command.p1, command.p2) != (0, 0) {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let mut object = DataObject::parse(command.data).map_err(|_| Refusal::WrongData)?;
    let done = application.create_data(&object);
    object.value.zeroize();
    Ok(Step::Done(Answer::data(number(done?))))
}

/// READ DATA.
pub(super) fn read<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if command.p1 != 0 {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let mut object = application.data(command.p2)?.ok_or(Refusal::NotFound)?;
    let answer = Answer::data(object.bytes());
    object.value.zeroize();
    Ok(Step::Done(answer))
}

/// UPDATE DATA.
pub(super) fn update<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if command.p1 != 0 {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let mut object = DataObject::parse(command.data).map_err(|_| Refusal::WrongData)?;
    let done = application.update_data(command.p2, &object);
    object.value.zeroize();
    done?;
    Ok(StatusWord::OK.into())
}

/// GET CHALLENGE (ISO 7816-4, 11.5.3): Ne is the most that the host takes.
pub(super) fn challenge<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if (command.p1, command.p2) != (0, 0) {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let Some(expected) = command.expected.filter(|_| command.data.is_empty()) else {
        return Ok(StatusWord::WRONG_LENGTH.into());
    };
    let length = usize::try_from(expected).unwrap_or(MAX_CHALLENGE).min(MAX_CHALLENGE);
    let mut random = alloc::vec![0; length];
    application.random(&mut random);
    Ok(Step::Done(Answer::data(random)))
}
