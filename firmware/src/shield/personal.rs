//! The personal ID and payments: pending keys, requests, installation, orders.

use wire::{
    apdu::{Command, StatusWord},
    piv::Algorithm,
    shield::{Container, get, parse_install, tag},
    tlv,
};

use super::{Shield, Waiting};
use crate::{
    applet::{Answer, Step},
    application::Application,
    consent::{Consent, Prompt},
    crypto::KeyAlgorithm,
    pin::Verified,
    profile::Generation,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::{KeyId, Op},
};

impl Shield {
    /// GENERATE: a pending key, which changes nothing until its certificate is installed.
    pub(super) fn generate<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        let container = container(command)?;
        let algorithm = match tlv::find(command.data, tag::ALGORITHM) {
            Some(&[byte]) => Algorithm::parse(byte).and_then(Algorithm::of_key_pair),
            _ => None,
        };
        let algorithm = algorithm.ok_or(Refusal::WrongData)?;
        if container == Container::Payment && algorithm != KeyAlgorithm::P256 {
            return Err(Refusal::WrongData); // docs/shield-applet.md: payments are signed on P-256
        }
        if !application.verified() {
            return Err(Refusal::NotVerified);
        }
        let key = KeyId::Pending(container);
        match application.generate(key, algorithm)? {
            None => public_key(application, key).map(Step::Done),
            Some(job) => {
                self.waiting = Waiting::Key(key);
                Ok(Step::Work(job))
            }
        }
    }

    pub(super) fn sign_request<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        let container = container(command)?;
        let pending = KeyId::Pending(container);
        // The key that waits for its certificate; a renewal with the same key names the one in use.
        let key = match application.algorithm(pending)? {
            Some(_) => pending,
            None => KeyId::Current(container),
        };
        let proof = application.take_proof();
        application.check_ready(key, proof.as_ref())?;
        let prompt = Prompt::request(container, command.data.to_vec(), application.profile())?;
        self.ask(application, key, proof, prompt)
    }

    pub(super) fn sign_payment<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, 0) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        let key = KeyId::Current(Container::Payment);
        let proof = application.take_proof();
        application.check_ready(key, proof.as_ref())?;
        let prompt = Prompt::payment(command.data.to_vec(), application.profile())?;
        self.ask(application, key, proof, prompt)
    }

    /// INSTALL CERTIFICATES. One that takes the place of the payment key's is shown first.
    pub(super) fn install<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, 0) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        let items = parse_install(command.data).map_err(|_| Refusal::WrongData)?;
        let Some(certificate) = application.check_install(&items)? else {
            application.install(&items, None)?;
            return Ok(StatusWord::OK.into());
        };
        let prompt = Prompt::replacement(certificate.to_vec(), application.profile())?;
        if application.profile().generation != Generation::One {
            self.waiting = Waiting::Install { data: command.data.to_vec() };
            return Ok(Step::Ask(prompt));
        }
        // Without a screen the PIN is the consent, verified for this very command.
        application.take_proof().ok_or(Refusal::NotVerified)?;
        let seen = prompt.by_pin().map_err(|_| Refusal::Fault)?;
        application.install(&items, Some(&seen))?;
        Ok(StatusWord::OK.into())
    }

    /// Shows the prompt; on a first-generation token the PIN that was just verified is the consent.
    fn ask<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        key: KeyId,
        proof: Option<Verified>,
        prompt: Prompt,
    ) -> Result<Step, Refusal> {
        if application.profile().generation != Generation::One {
            self.waiting = Waiting::Consent { key, proof };
            return Ok(Step::Ask(prompt));
        }
        let proof = proof.ok_or(Refusal::NotVerified)?;
        let seen = prompt.by_pin().map_err(|_| Refusal::Fault)?;
        application
            .operate(key, Op::Sign, Some(proof), seen)
            .map(|signature| Step::Done(Answer::data(signature)))
    }
}

/// GET OBJECT: a certificate or a public key.
pub(super) fn object<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    let container = Container::parse(command.p2).ok_or(Refusal::NoSuchKey)?;
    let found = match command.p1 {
        get::CERTIFICATE => application.certificate(container)?,
        get::PUBLIC_KEY => application.public_key(KeyId::Current(container))?,
        get::KEY_NOTES => application.notes(container, true)?,
        get::CERTIFICATE_NOTES => application.notes(container, false)?,
        get::PENDING_PUBLIC_KEY => application.public_key(KeyId::Pending(container))?,
        _ => return Ok(StatusWord::WRONG_P1P2.into()),
    };
    Ok(found.map_or(StatusWord::NOT_FOUND.into(), |data| Step::Done(Answer::data(data))))
}

/// INSTALL CERTIFICATES goes on: the holder saw the certificate of the new payment key.
pub(super) fn go_on_installing<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    data: &[u8],
    seen: &Consent,
) -> Result<Answer, Refusal> {
    let items = parse_install(data).map_err(|_| Refusal::Fault)?;
    application.install(&items, Some(seen))?;
    Ok(Answer::status(StatusWord::OK))
}

/// The public key that was just made.
pub(super) fn public_key<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    key: KeyId,
) -> Result<Answer, Refusal> {
    application.public_key(key)?.map(Answer::data).ok_or(Refusal::Fault)
}

/// The container in P2; P1 is 00.
fn container(command: &Command<'_>) -> Result<Container, Refusal> {
    match (command.p1, Container::parse(command.p2)) {
        (0, Some(container)) => Ok(container),
        _ => Err(Refusal::NoSuchKey),
    }
}
