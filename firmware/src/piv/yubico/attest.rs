//! ATTEST: a certificate that says of a slot's key that it was made here.

use wire::{
    apdu::{Command, StatusWord},
    piv::Slot,
};

use super::super::{data, policy::key, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

/// P1 the slot. A key from outside answers 6985, a token without an attestation key 6A82.
pub(super) fn attest<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refused> {
    let (Some(slot), 0) = (Slot::parse(command.p1), command.p2) else {
        return Err(StatusWord::WRONG_P1P2.into());
    };
    match application.attest(key(slot)) {
        Ok(Some(statement)) => Ok(data(statement)),
        Ok(None) => Err(StatusWord::NOT_FOUND.into()),
        Err(Refusal::NoSuchKey) => Err(StatusWord::NO_SUCH_KEY.into()),
        Err(refusal) => Err(refusal.into()),
    }
}
