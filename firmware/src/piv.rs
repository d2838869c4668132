//! The PIV applet (NIST SP 800-73-4 part 2): a view of the application that stock hosts know. The payment key is no
//! PIV slot, and no command here reaches it.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
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
    apdu::{self, StatusWord},
    piv::{AID, Command, Slot, tag},
    tlv,
};
use zeroize::Zeroizing;

use self::status::Refused;
use crate::{
    applet::{Answer, Applet, Event, Step, Turn},
    application::{Application, Renewing},
    attestation,
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

    fn command(&mut self, application: &mut Application<S, R>, apdu: &apdu::Command<'_>) -> Step {
        // A command ends what the last one left open, unless it goes on with it. A malformed command ends it, too.
        let former = mem::take(&mut self.state);
        let mut turn = Turn { applet: self, application };
        let done = Command::parse(apdu).map_err(Refused::from);
        done.and_then(|command| turn.carry_out(command, former)).unwrap_or_else(Step::from)
    }

    fn resume(&mut self, application: &mut Application<S, R>, event: Event) -> Step {
        let state = mem::take(&mut self.state);
        Turn { applet: self, application }.go_on(state, event).unwrap_or_else(Step::from)
    }

    fn deselect(&mut self) {
        *self = Self::default();
    }
}

impl Piv {
    /// What needs the card management key (part 1, 3.5 and table 4b).
    fn need_management(&self) -> Result<(), Refused> {
        if self.managed { Ok(()) } else { Err(StatusWord::SECURITY_NOT_SATISFIED.into()) }
    }
}

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    fn carry_out(&mut self, command: Command<'_>, former: State) -> Result<Step, Refused> {
        match command {
            Command::AskVerified => Ok(self.ask_verified()),
            Command::Verify(pin) => self.verify(pin),
            Command::ForgetVerified => {
                self.application.forget_verification();
                Ok(StatusWord::OK.into())
            }
            Command::ChangeReferenceData(reference, codes) => self.change_reference_data(reference, codes),
            Command::ResetRetryCounter(codes) => self.reset_retry_counter(codes),
            Command::GeneralAuthenticate { algorithm, key, template } => {
                self.general_authenticate(algorithm, key, template, former)
            }
            Command::GenerateKeyPair { slot, template } => self.generate(slot, template),
            Command::GetData(list) => self.data(list.object),
            Command::PutData(data) => self.put_data(data),
            Command::GetMetadata(of) => self.metadata(of),
            Command::GetSerial => self.serial(),
            Command::GetVersion => Ok(data(attestation::VERSION.to_vec())),
            Command::Attest(slot) => self.attest(slot),
            Command::SetPinRetries { pin, puk } => self.set_pin_retries(pin, puk),
            Command::Reset => self.renew(Renewing::Everything),
            Command::ImportKey { algorithm, slot, parts } => self.import(algorithm, slot, parts),
            Command::SetManagementKey { touch, key } => self.set_management_key(touch, key),
        }
    }

    fn go_on(&mut self, state: State, event: Event) -> Result<Step, Refused> {
        match (state, event) {
            (State::Pin, Event::Finished(outcome)) => {
                self.application.finish_pin(outcome)?;
                Ok(StatusWord::OK.into())
            }
            (State::Generating(slot), Event::Finished(outcome)) => {
                self.application.finish_generate(outcome)?;
                self.generated(slot)
            }
            (State::Renewing, Event::Finished(outcome)) => {
                self.application.finish_renewal(outcome)?;
                Ok(StatusWord::OK.into())
            }
            (State::Pin, Event::Declined(how)) => {
                // The PIN that was being stretched is forgotten as well.
                self.application.forget_verification();
                Err(Refusal::NotConfirmed(how).into())
            }
            (_, Event::Declined(how)) => Err(Refusal::NotConfirmed(how).into()),
            (_, Event::Finished(_) | Event::Confirmed(_)) => Err(Refusal::Fault.into()),
        }
    }
}

/// An answer with data.
fn data(data: Vec<u8>) -> Step {
    Step::Done(Answer::data(data))
}
