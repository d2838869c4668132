//! Keys and certificates that a host makes and names itself, under the PIN.

use wire::{
    apdu::{Command, StatusWord},
    shield::{
        Container, Contents, DataHead, Import, Name, NewKey, Place, Uses, created, parse_put_certificate,
        placed, what,
    },
};

use super::{Shield, Waiting, personal::public_key};
use crate::{
    applet::{Answer, Step},
    application::Application,
    consent::Consent,
    crypto::KeyAlgorithm,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::{KeyId, Op},
};

impl Shield {
    /// CREATE KEY: in use at once.
    pub(super) fn create_key<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        let Some(place) = Place::parse(command.p1, command.p2) else {
            return Ok(StatusWord::WRONG_P1P2.into());
        };
        let wish = NewKey::parse(command.data).map_err(|_| Refusal::WrongData)?;
        let (container, job) = application.create_key(place, wish)?;
        match job {
            None => answer(application, container).map(Step::Done),
            Some(job) => {
                self.waiting = Waiting::Created(container);
                Ok(Step::Work(job))
            }
        }
    }
}

/// The container and the public key that was just made in it.
pub(super) fn answer<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    container: Container,
) -> Result<Answer, Refusal> {
    let key = public_key(application, KeyId::Current(container))?;
    Ok(Answer::data(created(container, &key.data)))
}

/// IMPORT KEY: in use at once.
pub(super) fn import_key<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    let Some(place) = Place::parse(command.p1, command.p2) else {
        return Ok(StatusWord::WRONG_P1P2.into());
    };
    let Import { key, parts } = Import::parse(command.data).map_err(|_| Refusal::WrongData)?;
    let container = application.import_key(place, key, parts)?;
    answer(application, container).map(Step::Done)
}

/// USE KEY: what GENERAL AUTHENTICATE of the PIV applet does, where the PIN may be longer than PIV's field.
pub(super) fn use_key<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    // As there, a proof for one use is for the next command with a private key, whatever comes of it.
    let proof = application.take_proof();
    let (Some(uses), Some(container)) = (Uses::from_bits(command.p1), Container::parse(command.p2)) else {
        return Ok(StatusWord::WRONG_P1P2.into());
    };
    let key = KeyId::Current(container);
    let algorithm = application.algorithm(key)?.ok_or(Refusal::NoSuchKey)?;
    let op = match (algorithm, uses) {
        (KeyAlgorithm::P256 | KeyAlgorithm::P384, Uses::SIGN) => Op::Sign,
        (KeyAlgorithm::P256 | KeyAlgorithm::P384, Uses::AGREE) => Op::Agree,
        (KeyAlgorithm::Rsa2048, Uses::SIGN | Uses::DECRYPT) => Op::Raw,
        _ => return Err(Refusal::WrongUse),
    };
    let output = application.operate(key, op, proof, Consent::unseen(command.data.to_vec()))?;
    Ok(Step::Done(Answer::data(output)))
}

/// PUT CERTIFICATE.
pub(super) fn put_certificate<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    let Some(place) = Place::parse(command.p1, command.p2) else {
        return Ok(StatusWord::WRONG_P1P2.into());
    };
    let (certificate, name) = parse_put_certificate(command.data).map_err(|_| Refusal::WrongData)?;
    let container = application.put_certificate(place, certificate, name)?;
    Ok(Step::Done(Answer::data(placed(container))))
}

/// SET NAME of a key or a certificate.
pub(super) fn set_name<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if !matches!(command.p1, what::KEY | what::CERTIFICATE) {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let container = Container::parse(command.p2).ok_or(Refusal::NoSuchKey)?;
    let name = Name::parse(command.data).map_err(|_| Refusal::WrongData)?;
    application.set_name(container, command.p1 == what::KEY, name)?;
    Ok(StatusWord::OK.into())
}

/// DELETE of what a container holds, or of a data object.
pub(super) fn delete<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    const BOTH: u8 = what::KEY | what::CERTIFICATE;
    match command.p1 {
        what::KEY | what::CERTIFICATE | BOTH => {
            let container = Container::parse(command.p2).ok_or(Refusal::NoSuchKey)?;
            application.delete(
                container,
                command.p1 & what::KEY != 0,
                command.p1 & what::CERTIFICATE != 0,
            )?;
        }
        what::DATA => application.delete_data(command.p2)?,
        _ => return Ok(StatusWord::WRONG_P1P2.into()),
    }
    Ok(StatusWord::OK.into())
}

/// LIST of containers or data objects.
pub(super) fn list<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    let list = match (command.p1, command.p2) {
        (0, 0) => Contents::list(&application.contents()?),
        (what::DATA, 0) => DataHead::list(&application.data_heads()?),
        _ => return Ok(StatusWord::WRONG_P1P2.into()),
    };
    Ok(Step::Done(Answer::data(list)))
}
