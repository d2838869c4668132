//! The shield applet: the personal ID and payments. Source: docs/shield-applet.md.

// The order is the law: a module uses only modules listed below it.
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
    apdu::{Command, StatusWord},
    shield::{AID, CLASS, Container, Information, VERSION, instruction},
    tlv,
};

use self::status::word;
use crate::{
    applet::{Answer, Applet, Event, Step},
    application::Application,
    pin::Verified,
    profile::Generation,
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

    fn command(&mut self, application: &mut Application<S, R>, command: &Command<'_>) -> Step {
        self.waiting = Waiting::Nothing;
        match self.carry_out(application, command) {
            Ok(step) => step,
            Err(refusal) => word(refusal).into(),
        }
    }

    fn resume(&mut self, application: &mut Application<S, R>, event: Event) -> Step {
        match self.go_on(application, event) {
            Ok(answer) => Step::Done(answer),
            Err(refusal) => word(refusal).into(),
        }
    }

    fn deselect(&mut self) {
        self.waiting = Waiting::Nothing;
    }
}

impl Shield {
    fn carry_out<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        match (command.class, command.instruction) {
            (0x00, instruction::VERIFY) => self.verify(application, command),
            (CLASS, instruction::CHANGE_REFERENCE_DATA) => self.change(application, command),
            (CLASS, instruction::RESET_RETRY_COUNTER) => self.unblock(application, command),
            (CLASS, instruction::GET_INFORMATION) => information(application, command),
            (CLASS, instruction::GET_OBJECT) => personal::object(application, command),
            (CLASS, instruction::ATTEST) => attest::attest(application, command),
            (CLASS, instruction::GENERATE) => self.generate(application, command),
            (CLASS, instruction::SIGN_REQUEST) => self.sign_request(application, command),
            (CLASS, instruction::SIGN_PAYMENT) => self.sign_payment(application, command),
            (CLASS, instruction::INSTALL_CERTIFICATES) => self.install(application, command),
            (CLASS, instruction::CREATE_KEY) => self.create_key(application, command),
            (CLASS, instruction::IMPORT_KEY) => object::import_key(application, command),
            (CLASS, instruction::USE_KEY) => object::use_key(application, command),
            (CLASS, instruction::PUT_CERTIFICATE) => object::put_certificate(application, command),
            (CLASS, instruction::SET_NAME) => object::set_name(application, command),
            (CLASS, instruction::DELETE) => object::delete(application, command),
            (CLASS, instruction::LIST) => object::list(application, command),
            (CLASS, instruction::CREATE_DATA) => data::create(application, command),
            (CLASS, instruction::READ_DATA) => data::read(application, command),
            (CLASS, instruction::UPDATE_DATA) => data::update(application, command),
            (CLASS, instruction::INITIALISE) => self.initialise(application, command),
            (0x00, instruction::GET_CHALLENGE) => data::challenge(application, command),
            (0x00 | CLASS, _) => Ok(StatusWord::WRONG_INSTRUCTION.into()),
            _ => Ok(StatusWord::WRONG_CLASS.into()),
        }
    }

    fn go_on<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        event: Event,
    ) -> Result<Answer, Refusal> {
        match (core::mem::take(&mut self.waiting), event) {
            (Waiting::Pin, Event::Finished(outcome)) => {
                application.finish_pin(outcome)?;
                Ok(Answer::status(StatusWord::OK))
            }
            (Waiting::Key(key), Event::Finished(outcome)) => {
                application.finish_generate(outcome)?;
                personal::public_key(application, key)
            }
            (Waiting::Created(container), Event::Finished(outcome)) => {
                application.finish_generate(outcome)?;
                object::answer(application, container)
            }
            (Waiting::Initialise { label }, Event::Finished(outcome)) => {
                application.finish_pin(outcome)?;
                application.initialise(&label)?;
                Ok(Answer::status(StatusWord::OK))
            }
            (Waiting::Consent { key, proof }, Event::Confirmed(seen)) => {
                application.operate(key, Op::Sign, proof, seen).map(Answer::data)
            }
            (Waiting::Install { data }, Event::Confirmed(seen)) => {
                personal::go_on_installing(application, &data, &seen)
            }
            (Waiting::Pin | Waiting::Initialise { .. }, Event::Declined(how)) => {
                application.forget_verification(); // and the PIN that was being stretched
                Err(Refusal::NotConfirmed(how))
            }
            (_, Event::Declined(how)) => Err(Refusal::NotConfirmed(how)),
            _ => Err(Refusal::Fault),
        }
    }
}

fn information<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if (command.p1, command.p2) != (0, 0) {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let profile = application.profile();
    let (least, most) = profile.pin_length;
    let information = Information {
        version: VERSION,
        brand: profile.brand.clone(),
        serial: application.serial().into(),
        generation: if profile.generation == Generation::One { 1 } else { 2 },
        tries: application.tries(),
        pin_length: [least, most],
        state_version: application.state_version(),
        // A failing token still says that it fails.
        flags: application.flags().unwrap_or(Information::TEST_TOKEN),
        label: application.label().unwrap_or_default(),
    };
    Ok(Step::Done(Answer::data(information.bytes())))
}
