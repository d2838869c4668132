//! The PIV applet (NIST SP 800-73-4 part 2): a view of the application that stock hosts know. The payment key is no
//! PIV slot, and no command here reaches it.

// The order is the law: a module uses only modules listed below it.
mod authenticate;
mod yubico;
mod generate;
mod policy;
mod object;
mod reference;
mod factory;
mod status;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::mem;

use wire::{
    apdu::{Command, StatusWord},
    piv::{AID, Slot, instruction, tag},
    tlv,
};
use zeroize::Zeroizing;

use self::status::Refused;
use crate::{
    applet::{Answer, Applet, Event, Step},
    application::Application,
    refusal::Refusal,
    seams::{CryptoRng, Storage},
};

/// The PIV applet: what it waits for, and whether the card management key was proved.
#[derive(Debug, Default)]
pub(crate) struct Piv {
    /// The security status of key reference 9B. It ends with the selection or the power.
    managed: bool,
    state: State,
}

/// What the last command left open. Each command but the one that goes on with it ends it.
#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// A PIN or PUK is being stretched.
    Pin,
    /// An RSA key pair is being made.
    Generating(Slot),
    /// PIN and PUK that everybody knows are being stretched.
    Renewing,
    /// The host must encrypt this with the management key (SP 800-73-4 part 2, appendix A.1, external).
    Challenged(Zeroizing<Vec<u8>>),
    /// The host must have decrypted this with the management key (appendix A.1, mutual).
    Witnessed(Zeroizing<Vec<u8>>),
}

/// The application identifier without the RID, which the application property template repeats.
const PIX: usize = 5;
/// The application label (part 2, table 4, tag 50).
const LABEL: &[u8] = b"PIV Card Application";

impl<S: Storage, R: CryptoRng> Applet<S, R> for Piv {
    /// The application property template (part 2, 3.1.1, table 4).
    fn select(&mut self) -> Answer {
        let (rid, pix) = AID.split_at_checked(PIX).unwrap_or_default();
        let mut inside = tlv::object(0x4F, pix);
        tlv::put(&mut inside, 0x79, &tlv::object(0x4F, rid));
        tlv::put(&mut inside, 0x50, LABEL);
        self.state = State::Idle;
        Answer::data(tlv::object(tag::APPLICATION_PROPERTY_TEMPLATE, &inside))
    }

    fn command(&mut self, application: &mut Application<S, R>, command: &Command<'_>) -> Step {
        let former = mem::take(&mut self.state);
        self.carry_out(application, command, former).unwrap_or_else(Step::from)
    }

    fn resume(&mut self, application: &mut Application<S, R>, event: Event) -> Step {
        let state = mem::take(&mut self.state);
        go_on(application, state, event).unwrap_or_else(Step::from)
    }

    fn deselect(&mut self) {
        *self = Self::default();
    }
}

impl Piv {
    fn carry_out<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
        former: State,
    ) -> Result<Step, Refused> {
        match command.instruction {
            instruction::VERIFY => self.verify(application, command),
            instruction::CHANGE_REFERENCE_DATA => self.change_reference_data(application, command),
            instruction::RESET_RETRY_COUNTER => self.reset_retry_counter(application, command),
            instruction::GENERAL_AUTHENTICATE => self.general_authenticate(application, command, former),
            instruction::GENERATE_ASYMMETRIC_KEY_PAIR => self.generate(application, command),
            instruction::GET_DATA => object::get_data(application, command),
            instruction::PUT_DATA => self.put_data(application, command),
            _ => self.yubico(application, command),
        }
    }

    /// What needs the card management key (part 1, 3.5 and table 4b).
    fn need_management(&self) -> Result<(), Refused> {
        if self.managed { Ok(()) } else { Err(StatusWord::SECURITY_NOT_SATISFIED.into()) }
    }
}

fn go_on<S: Storage, R: CryptoRng>(
    application: &mut Application<S, R>,
    state: State,
    event: Event,
) -> Result<Step, Refused> {
    match (state, event) {
        (State::Pin, Event::Finished(outcome)) => {
            application.finish_pin(outcome)?;
            Ok(StatusWord::OK.into())
        }
        (State::Generating(slot), Event::Finished(outcome)) => {
            application.finish_generate(outcome)?;
            generate::answer(application, slot)
        }
        (State::Renewing, Event::Finished(outcome)) => {
            application.finish_renewal(outcome)?;
            Ok(StatusWord::OK.into())
        }
        (State::Pin, Event::Declined(how)) => {
            application.forget_verification(); // and the PIN that was being stretched
            Err(Refusal::NotConfirmed(how).into())
        }
        (_, Event::Declined(how)) => Err(Refusal::NotConfirmed(how).into()),
        (_, Event::Finished(_) | Event::Confirmed(_)) => Err(Refusal::Fault.into()),
    }
}

/// An answer with data.
fn data(data: Vec<u8>) -> Step {
    Step::Done(Answer::data(data))
}
