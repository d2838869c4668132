//! ATTEST: a statement that a key was made here, or the certificate of the key that signs such statements.

use wire::{apdu::StatusWord, shield::Attested};

use super::Shield;
use crate::{
    applet::{Answer, Step, Turn},
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::KeyId,
};

impl<S: Storage, R: CryptoRng> Turn<'_, Shield, S, R> {
    pub(super) fn attest(&mut self, of: Attested) -> Result<Step, Refusal> {
        let found = match of {
            Attested::Token => self.application.attestation_certificate()?,
            Attested::Key(container) => self.application.attest(KeyId::Current(container))?,
            Attested::PendingKey(container) => self.application.attest(KeyId::Pending(container))?,
        };
        Ok(found.map_or(StatusWord::NOT_FOUND.into(), |data| Step::Done(Answer::data(data))))
    }
}
