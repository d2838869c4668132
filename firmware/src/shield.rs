//! The shield applet: the personal ID and payments. Source: docs/shield-applet.md.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod attest;
mod reference;
mod data;
mod object;
mod personal;
mod status;
#[cfg(test)]
mod tests;

use alloc::{string::String, vec::Vec};

use wire::{
    apdu::{self, StatusWord},
    shield::{AID, CLASS, Command, Container, Information, VERSION, instruction},
    tlv,
};

use self::status::word;
use crate::{
    applet::{Answer, Applet, Event, Step, Turn},
    application::Application,
    pin::Verified,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
    vault::{KeyId, Op},
};

/// The shield applet: what it waits for.
#[derive(Debug, Default)]
pub struct Shield {
    waiting: Waiting,
}

/// A command that is not finished.
#[derive(Debug, Default)]
enum Waiting {
    #[default]
    Nothing,
    /// A PIN is being stretched.
    Pin,
    /// The PUK is being stretched; then all but the payment container is erased.
    Initialise { label: String },
    /// A pending key pair is being made.
    Key(KeyId),
    /// A key pair is being made that is in use at once.
    Created(Container),
    /// The holder looks at the screen; the proof of the PIN is held and spent whatever the answer.
    Consent { key: KeyId, proof: Option<Verified> },
    /// The holder looks at the certificate of a new payment key; the data of INSTALL CERTIFICATES.
    Install { data: Vec<u8> },
}

impl<S: Storage, R: CryptoRng> Applet<S, R> for Shield {
    fn select(&mut self) -> Answer {
        let template = tlv::object(0x84, &AID);
        Answer::data(tlv::object(0x6F, &template))
    }

    fn command(&mut self, application: &mut Application<S, R>, apdu: &apdu::Command<'_>) -> Step {
        self.waiting = Waiting::Nothing;
        match Command::parse(apdu) {
            Ok(command) => Turn { applet: self, application }.carry_out(command),
            Err(status) => {
                if (apdu.class, apdu.instruction) == (CLASS, instruction::USE_KEY) {
                    // A proof for one use is for the next USE KEY, whatever comes of it, also a malformed one.
                    let _spent = application.take_proof();
                }
                status.into()
            }
        }
    }

    fn resume(&mut self, application: &mut Application<S, R>, event: Event) -> Step {
        let waiting = core::mem::take(&mut self.waiting);
        let mut turn = Turn { applet: self, application };
        turn.go_on(waiting, event).map_or_else(|refusal| word(refusal).into(), Step::Done)
    }

    fn deselect(&mut self) {
        self.waiting = Waiting::Nothing;
    }
}

impl<S: Storage, R: CryptoRng> Turn<'_, Shield, S, R> {
    fn carry_out(&mut self, command: Command<'_>) -> Step {
        let done = match command {
            Command::AskVerified => return self.ask_verified(),
            Command::Verify(pin) => self.verify(pin),
            Command::ChangeReferenceData(reference, codes) => self.change(reference, codes),
            Command::ResetRetryCounter(codes) => self.unblock(codes),
            Command::SignPayment(order) => self.sign_payment(order),
            Command::SignRequest(container, info) => self.sign_request(container, info),
            Command::Generate(container, wished) => self.generate(container, wished.algorithm),
            Command::GetObject(object, container) => self.object(object, container),
            Command::InstallCertificates(data) => self.install(data),
            Command::Attest(of) => self.attest(of),
            Command::GetInformation => return self.information(),
            Command::CreateKey(place, data) => self.create_key(place, data),
            Command::ImportKey(place, data) => self.import_key(place, data),
            Command::UseKey { uses, container, input } => self.use_key(uses, container, input),
            Command::PutCertificate(place, data) => self.put_certificate(place, data),
            Command::SetName(named, container, data) => self.set_name(named, container, data),
            Command::Delete(deleted) => self.delete(deleted),
            Command::List(listed) => self.list(listed),
            Command::CreateData(data) => self.create_data(data),
            Command::ReadData(number) => self.read_data(number),
            Command::UpdateData(number, data) => self.update_data(number, data),
            Command::Initialise(initialising) => self.initialise(initialising.puk, initialising.label),
            Command::GetChallenge(length) => return self.challenge(length),
        };
        done.unwrap_or_else(|refusal| word(refusal).into())
    }

    fn go_on(&mut self, waiting: Waiting, event: Event) -> Result<Answer, Refusal> {
        match (waiting, event) {
            (Waiting::Pin, Event::Finished(outcome)) => {
                self.application.finish_pin(outcome)?;
                Ok(Answer::status(StatusWord::OK))
            }
            (Waiting::Key(key), Event::Finished(outcome)) => {
                self.application.finish_generate(outcome)?;
                self.public_key(key)
            }
            (Waiting::Created(container), Event::Finished(outcome)) => {
                self.application.finish_generate(outcome)?;
                self.created(container)
            }
            (Waiting::Initialise { label }, Event::Finished(outcome)) => {
                self.application.finish_pin(outcome)?;
                self.application.initialise(&label)?;
                Ok(Answer::status(StatusWord::OK))
            }
            (Waiting::Consent { key, proof }, Event::Confirmed(seen)) => {
                self.application.operate(key, Op::Sign, proof, seen).map(Answer::data)
            }
            (Waiting::Install { data }, Event::Confirmed(seen)) => self.go_on_installing(&data, &seen),
            (Waiting::Pin | Waiting::Initialise { .. }, Event::Declined(how)) => {
                // The PIN or PUK that was being stretched is forgotten as well.
                self.application.forget_verification();
                Err(Refusal::NotConfirmed(how))
            }
            (_, Event::Declined(how)) => Err(Refusal::NotConfirmed(how)),
            _ => Err(Refusal::Fault),
        }
    }

    /// GET INFORMATION.
    fn information(&self) -> Step {
        let (application, profile) = (&self.application, self.application.profile());
        let (least, most) = profile.brand.pin_length;
        let information = Information {
            version: VERSION,
            brand: profile.brand.name.clone(),
            serial: application.serial().into(),
            generation: profile.brand.generation.number(),
            tries: application.tries(),
            pin_length: [least, most],
            state_version: application.state_version(),
            // A failing token still says that it fails.
            flags: application.flags().unwrap_or(Information::TEST_TOKEN),
            label: application.label().unwrap_or_default(),
            algorithm: profile.brand.algorithm,
        };
        Step::Done(Answer::data(information.bytes()))
    }
}
