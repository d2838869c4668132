//! The shield applet: the personal ID and payments. Source: docs/shield-applet.md.

mod attest;

use wire::{
    apdu::{Command, StatusWord},
    piv::Algorithm,
    shield::{AID, CLASS, Container, Information, VERSION, get, instruction, parse_install, status, tag},
    tlv,
};

use crate::{
    applet::{Answer, Applet, Event, Step},
    application::Application,
    consent::Prompt,
    crypto::KeyAlgorithm,
    pin::{Progress, Reference, Verified},
    profile::Generation,
    refusal::{Declined, Refusal},
    seams::{CryptoRng, Storage},
    vault::{KeyId, Op},
};

/// P2 of the PIN commands.
const PIN: u8 = 0x80;
const PUK: u8 = 0x81;

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
    /// A key pair is being made.
    Key(KeyId),
    /// The holder looks at the screen; the proof of the PIN is held and spent whatever the answer.
    Consent { key: KeyId, proof: Option<Verified> },
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
            (CLASS, instruction::GET_OBJECT) => object(application, command),
            (CLASS, instruction::ATTEST) => attest::attest(application, command),
            (CLASS, instruction::GENERATE) => self.generate(application, command),
            (CLASS, instruction::SIGN_REQUEST) => self.sign_request(application, command),
            (CLASS, instruction::SIGN_PAYMENT) => self.sign_payment(application, command),
            (CLASS, instruction::INSTALL_CERTIFICATES) => install(application, command),
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
                public_key(application, key)
            }
            (Waiting::Consent { key, proof }, Event::Confirmed(seen)) => {
                application.operate(key, Op::Sign, proof, seen).map(Answer::data)
            }
            (Waiting::Pin, Event::Declined(how)) => {
                application.forget_verification(); // and the PIN that was being stretched
                Err(Refusal::NotConfirmed(how))
            }
            (_, Event::Declined(how)) => Err(Refusal::NotConfirmed(how)),
            _ => Err(Refusal::Fault),
        }
    }

    fn verify<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, PIN) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        if command.data.is_empty() {
            let [left, ..] = application.tries();
            let answer = match left {
                _ if application.verified() => StatusWord::OK,
                0 => StatusWord::BLOCKED,
                _ => StatusWord::tries_left(left),
            };
            return Ok(answer.into());
        }
        let progress = application.verify(command.data)?;
        Ok(self.pin_step(progress))
    }

    fn change<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        let which = match (command.p1, command.p2) {
            (0, PIN) => Reference::Pin,
            (0, PUK) => Reference::Puk,
            _ => return Ok(StatusWord::WRONG_P1P2.into()),
        };
        let (old, new) = old_and_new(command)?;
        let progress = application.replace_pin((which, old), (which, new))?;
        Ok(self.pin_step(progress))
    }

    fn unblock<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        if (command.p1, command.p2) != (0, PIN) {
            return Ok(StatusWord::WRONG_P1P2.into());
        }
        let (puk, new) = old_and_new(command)?;
        let progress = application.replace_pin((Reference::Puk, puk), (Reference::Pin, new))?;
        Ok(self.pin_step(progress))
    }

    fn pin_step(&mut self, progress: Progress) -> Step {
        match progress {
            Progress::Done => StatusWord::OK.into(),
            Progress::Work(job) => {
                self.waiting = Waiting::Pin;
                Step::Work(job)
            }
        }
    }

    /// GENERATE: a pending key, which changes nothing until its certificate is installed.
    fn generate<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refusal> {
        let container = container(command)?;
        let algorithm = match tlv::find(command.data, tag::ALGORITHM) {
            Some(&[byte]) => Algorithm::parse(byte).and_then(|found| KeyAlgorithm::try_from(found).ok()),
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

    fn sign_request<S: Storage, R: CryptoRng>(
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

    fn sign_payment<S: Storage, R: CryptoRng>(
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
    };
    Ok(Step::Done(Answer::data(information.bytes())))
}

fn object<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    let container = Container::parse(command.p2).ok_or(Refusal::NoSuchKey)?;
    let found = match command.p1 {
        get::CERTIFICATE => application.certificate(container)?,
        get::PUBLIC_KEY => application.public_key(KeyId::Current(container))?,
        get::PENDING_PUBLIC_KEY => application.public_key(KeyId::Pending(container))?,
        _ => return Ok(StatusWord::WRONG_P1P2.into()),
    };
    Ok(found.map_or(StatusWord::NOT_FOUND.into(), |data| Step::Done(Answer::data(data))))
}

fn install<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    command: &Command<'_>,
) -> Result<Step, Refusal> {
    if (command.p1, command.p2) != (0, 0) {
        return Ok(StatusWord::WRONG_P1P2.into());
    }
    let items = parse_install(command.data).map_err(|_| Refusal::WrongData)?;
    application.install(&items)?;
    Ok(StatusWord::OK.into())
}

fn public_key<S: Storage, R: CryptoRng>(
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

fn old_and_new<'a>(command: &Command<'a>) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    match (tlv::find(command.data, tag::OLD), tlv::find(command.data, tag::NEW)) {
        (Some(old), Some(new)) if !old.is_empty() => Ok((old, new)),
        _ => Err(Refusal::WrongData),
    }
}

/// A refusal in the shield's status words.
const fn word(refusal: Refusal) -> StatusWord {
    match refusal {
        Refusal::PinWrong { left } => tries_left(left),
        Refusal::PinBlocked => StatusWord::BLOCKED,
        Refusal::NotVerified => StatusWord::SECURITY_NOT_SATISFIED,
        Refusal::PinForm | Refusal::PinWeak => status::WEAK_PIN,
        Refusal::PinFactory => status::FACTORY_PIN,
        Refusal::PukKnown => status::KNOWN_PUK,
        Refusal::NotConfirmed(Declined::Cancelled) => status::CANCELLED,
        Refusal::NotConfirmed(Declined::TimedOut) => status::TIMED_OUT,
        Refusal::NotConfirmed(Declined::Aborted) => StatusWord::NOT_ALLOWED,
        Refusal::CannotShow => status::CANNOT_SHOW,
        Refusal::WrongUse => StatusWord::CONDITIONS_NOT_SATISFIED,
        Refusal::NoSuchKey => StatusWord::NO_SUCH_KEY,
        Refusal::NotPending => status::NOT_PENDING,
        Refusal::WrongData => StatusWord::WRONG_DATA,
        Refusal::Full => StatusWord::NO_MEMORY,
        Refusal::Memory => StatusWord::MEMORY_FAILURE,
        Refusal::OtherMake | Refusal::Fault => StatusWord::FAULT,
    }
}

/// '63Cx'.
const fn tries_left(left: u8) -> StatusWord {
    StatusWord(0x63C0 | (left & 0x0F) as u16)
}
