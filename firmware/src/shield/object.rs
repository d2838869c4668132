//! Keys and certificates that a host makes and names itself, under the PIN.

use wire::{
    apdu::StatusWord,
    shield::{
        Container, Contents, DataHead, Deleted, Import, Listed, Name, Named, NewKey, Place, Uses, created,
        parse_put_certificate, placed,
    },
};

use super::{Shield, Waiting};
use crate::{
    applet::{Answer, Step, Turn},
    consent::Consent,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::{KeyId, Op},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Shield, S, R> {
    /// CREATE KEY: in use at once.
    pub(super) fn create_key(&mut self, place: Place, data: &[u8]) -> Result<Step, Refusal> {
        let wish = NewKey::parse(data).map_err(|_| Refusal::WrongData)?;
        let (container, job) = self.application.create_key(place, wish)?;
        match job {
            None => self.created(container).map(Step::Done),
            Some(job) => {
                self.applet.waiting = Waiting::Created(container);
                Ok(Step::Work(job))
            }
        }
    }

    /// The container and the public key that was just made in it.
    pub(super) fn created(&self, container: Container) -> Result<Answer, Refusal> {
        let key = self.public_key(KeyId::Current(container))?;
        Ok(Answer::data(created(container, &key.data)))
    }

    /// IMPORT KEY: in use at once.
    pub(super) fn import_key(&mut self, place: Place, data: &[u8]) -> Result<Step, Refusal> {
        let Import { key, parts } = Import::parse(data).map_err(|_| Refusal::WrongData)?;
        let container = self.application.import_key(place, key, parts)?;
        self.created(container).map(Step::Done)
    }

    /// USE KEY: what GENERAL AUTHENTICATE of the PIV applet does, where the PIN may be longer than PIV's field.
    pub(super) fn use_key(
        &mut self,
        uses: Uses,
        container: Container,
        input: &[u8],
    ) -> Result<Step, Refusal> {
        // As in GENERAL AUTHENTICATE, a proof for one use is for the next command with a private key, whatever comes of it.
        let proof = self.application.take_proof();
        let key = KeyId::Current(container);
        let algorithm = self.application.algorithm(key)?.ok_or(Refusal::NoSuchKey)?;
        let op = Op::of(algorithm, uses).ok_or(Refusal::WrongUse)?;
        let output = self.application.operate(key, op, proof, Consent::unseen(input.to_vec()))?;
        Ok(Step::Done(Answer::data(output)))
    }

    /// PUT CERTIFICATE.
    pub(super) fn put_certificate(&mut self, place: Place, data: &[u8]) -> Result<Step, Refusal> {
        let (certificate, name) = parse_put_certificate(data).map_err(|_| Refusal::WrongData)?;
        let container = self.application.put_certificate(place, certificate, name)?;
        Ok(Step::Done(Answer::data(placed(container))))
    }

    /// SET NAME of a key or a certificate.
    pub(super) fn set_name(
        &mut self,
        named: Named,
        container: Container,
        data: &[u8],
    ) -> Result<Step, Refusal> {
        let name = Name::parse(data).map_err(|_| Refusal::WrongData)?;
        self.application.set_name(container, named == Named::Key, name)?;
        Ok(StatusWord::OK.into())
    }

    /// DELETE of what a container holds, or of a data object.
    pub(super) fn delete(&mut self, deleted: Deleted) -> Result<Step, Refusal> {
        match deleted {
            Deleted::Of { container, key, certificate } => {
                self.application.delete(container, key, certificate)?;
            }
            Deleted::Data(number) => self.application.delete_data(number)?,
        }
        Ok(StatusWord::OK.into())
    }

    /// LIST of containers or data objects.
    pub(super) fn list(&self, listed: Listed) -> Result<Step, Refusal> {
        let list = match listed {
            Listed::Containers => Contents::list(&self.application.contents()?),
            Listed::Data => DataHead::list(&self.application.data_heads()?),
            Listed::Inventory => self.application.inventory()?.bytes(),
        };
        Ok(Step::Done(Answer::data(list)))
    }
}
