//! ATTEST: a statement that a key was made here, or the certificate of the key that signs such statements.

use wire::{
    apdu::{Command, StatusWord},
    shield::{Container, attest},
};

use crate::{
    applet::{Answer, Step},
    application::Application,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::KeyId,
};

pub(super) fn attest<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    let container = || Container::parse(command.p2).ok_or(Refusal::NoSuchKey);
    let found = match (command.p1, command.p2) {
        (attest::TOKEN, 0) => application.attestation_certificate()?,
        (attest::KEY, _) => application.attest(KeyId::Current(container()?))?,
        (attest::PENDING_KEY, _) => application.attest(KeyId::Pending(container()?))?,
        _ => return Ok(StatusWord::WRONG_P1P2.into()),
    };
    Ok(found.map_or(StatusWord::NOT_FOUND.into(), |data| Step::Done(Answer::data(data))))
}
