//! ATTEST: a certificate that says of a slot's key that it was made here.

use wire::{apdu::StatusWord, piv::Slot};

use super::super::{Piv, data, policy::key, status::Refused};
use crate::{
    applet::{Step, Turn},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// A key from outside answers 6985, a token without an attestation key 6A82.
    pub(in crate::piv) fn attest(&mut self, slot: Slot) -> Result<Step, Refused> {
        match self.application.attest(key(slot)) {
            Ok(Some(statement)) => Ok(data(statement)),
            Ok(None) => Err(StatusWord::NOT_FOUND.into()),
            Err(Refusal::NoSuchKey) => Err(StatusWord::NO_SUCH_KEY.into()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
