//! The personal ID and payments: pending keys, requests, installation, orders.

use wire::{
    apdu::StatusWord,
    shield::{Container, Object, parse_install},
};

use super::{Shield, Waiting};
use crate::{
    applet::{Answer, Step, Turn},
    consent::{Consent, Prompt},
    crypto::KeyAlgorithm,
    pin::Verified,
    profile::Generation,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::{KeyId, Op},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Shield, S, R> {
    /// GENERATE: a pending key, which changes nothing until its certificate is installed.
    pub(super) fn generate(
        &mut self,
        container: Container,
        algorithm: KeyAlgorithm,
    ) -> Result<Step, Refusal> {
        // Payments are signed with the brand's algorithm, and a host does not choose another one.
        if container == Container::Payment && algorithm != self.application.profile().brand.algorithm {
            return Err(Refusal::WrongData);
        }
        if !self.application.verified() {
            return Err(Refusal::NotVerified);
        }
        let key = KeyId::Pending(container);
        match self.application.generate(key, algorithm)? {
            None => self.public_key(key).map(Step::Done),
            Some(job) => {
                self.applet.waiting = Waiting::Key(key);
                Ok(Step::Work(job))
            }
        }
    }

    /// SIGN REQUEST.
    pub(super) fn sign_request(&mut self, container: Container, info: &[u8]) -> Result<Step, Refusal> {
        let pending = KeyId::Pending(container);
        // The key that waits for its certificate signs. Where no key waits, the certificate of the key in use is renewed.
        let key = match self.application.algorithm(pending)? {
            Some(_) => pending,
            None => KeyId::Current(container),
        };
        let proof = self.application.take_proof();
        self.application.check_ready(key, proof.as_ref())?;
        let prompt = Prompt::request(container, info.to_vec(), self.application.profile())?;
        self.ask(key, proof, prompt)
    }

    /// SIGN PAYMENT.
    pub(super) fn sign_payment(&mut self, order: &[u8]) -> Result<Step, Refusal> {
        let key = KeyId::Current(Container::Payment);
        let proof = self.application.take_proof();
        self.application.check_ready(key, proof.as_ref())?;
        let prompt = Prompt::payment(order.to_vec(), self.application.profile())?;
        self.ask(key, proof, prompt)
    }

    /// INSTALL CERTIFICATES. A certificate that takes the place of the payment key's is shown first.
    pub(super) fn install(&mut self, data: &[u8]) -> Result<Step, Refusal> {
        let items = parse_install(data).map_err(|_| Refusal::WrongData)?;
        let Some(certificate) = self.application.check_install(&items)? else {
            self.application.install(&items, None)?;
            return Ok(StatusWord::OK.into());
        };
        let prompt = Prompt::replacement(certificate.to_vec(), self.application.profile())?;
        if self.application.profile().brand.generation != Generation::One {
            self.applet.waiting = Waiting::Install { data: data.to_vec() };
            return Ok(Step::Ask(prompt));
        }
        // Without a screen the PIN is the consent, verified for this very command.
        self.application.take_proof().ok_or(Refusal::NotVerified)?;
        let seen = prompt.by_pin().map_err(|_| Refusal::Fault)?;
        self.application.install(&items, Some(&seen))?;
        Ok(StatusWord::OK.into())
    }

    /// INSTALL CERTIFICATES goes on: the holder saw the certificate of the new payment key.
    pub(super) fn go_on_installing(&mut self, data: &[u8], seen: &Consent) -> Result<Answer, Refusal> {
        let items = parse_install(data).map_err(|_| Refusal::Fault)?;
        self.application.install(&items, Some(seen))?;
        Ok(Answer::status(StatusWord::OK))
    }

    /// Shows the prompt; on a first-generation token the PIN that was just verified is the consent.
    fn ask(&mut self, key: KeyId, proof: Option<Verified>, prompt: Prompt) -> Result<Step, Refusal> {
        if self.application.profile().brand.generation != Generation::One {
            self.applet.waiting = Waiting::Consent { key, proof };
            return Ok(Step::Ask(prompt));
        }
        let proof = proof.ok_or(Refusal::NotVerified)?;
        let seen = prompt.by_pin().map_err(|_| Refusal::Fault)?;
        let signature = self.application.operate(key, Op::Sign, Some(proof), seen)?;
        Ok(Step::Done(Answer::data(signature)))
    }

    /// GET OBJECT: a certificate, a public key, or a host's notes on either.
    pub(super) fn object(&self, object: Object, container: Container) -> Result<Step, Refusal> {
        let found = match object {
            Object::Certificate => self.application.certificate(container)?,
            Object::PublicKey => self.application.public_key(KeyId::Current(container))?,
            Object::KeyNotes => self.application.notes(container, true)?,
            Object::CertificateNotes => self.application.notes(container, false)?,
            Object::PendingPublicKey => self.application.public_key(KeyId::Pending(container))?,
        };
        Ok(found.map_or(StatusWord::NOT_FOUND.into(), |data| Step::Done(Answer::data(data))))
    }

    /// The public key that was just made.
    pub(super) fn public_key(&self, key: KeyId) -> Result<Answer, Refusal> {
        self.application.public_key(key)?.map(Answer::data).ok_or(Refusal::Fault)
    }
}
