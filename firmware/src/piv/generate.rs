//! GENERATE ASYMMETRIC KEY PAIR (SP 800-73-4 part 2, 3.3.2).

use wire::{
    apdu::{Command, StatusWord},
    piv::{Algorithm, Slot, tag},
    shield::Container,
    tlv,
};

use super::{Piv, State, data, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    crypto::KeyAlgorithm,
    seams::{CryptoRng, Storage},
    vault::{KeyId, PinPolicy, Policy},
};

/// The RSA exponent 65537, which the parameter may spell out (SP 800-78-4, table 3-1 allows no smaller one).
const EXPONENT: &[u8] = &[1, 0, 1];
/// The parameter of RSA.
const PARAMETER: u32 = 0x81;
/// What stock tools add on request: when the key wants the PIN, and a touch.
const PIN_POLICY: u32 = 0xAA;
const TOUCH_POLICY: u32 = 0xAB;

impl Piv {
    pub(super) fn generate<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        let (0, Some(slot)) = (command.p1, Slot::parse(command.p2)) else {
            return Err(StatusWord::WRONG_P1P2.into());
        };
        self.need_management()?;
        let algorithm = algorithm(tlv::only(command.data, tag::CONTROL_REFERENCE_TEMPLATE)?, slot)?;
        match application.generate(key(slot), algorithm)? {
            Some(job) => {
                self.state = State::Generating(slot);
                Ok(Step::Work(job))
            }
            None => answer(application, slot),
        }
    }
}

/// The public key just made.
pub(super) fn answer<S: Storage, R: CryptoRng>(
    application: &Application<S, R>,
    slot: Slot,
) -> Result<Step, Refused> {
    Ok(data(application.public_key(key(slot))?.ok_or(StatusWord::FAULT)?))
}

/// The slot's key. PIV's are in use at once: it has no certificate to wait for.
pub(super) const fn key(slot: Slot) -> KeyId {
    KeyId::Current(Container::Piv(slot))
}

/// Reads the control reference template. What it asks for beyond an algorithm is refused unless it is so anyhow.
fn algorithm(template: &[u8], slot: Slot) -> Result<KeyAlgorithm, Refused> {
    let wrong = Refused::from(StatusWord::WRONG_DATA);
    let mut found = None;
    for object in tlv::Reader::new(template) {
        let object = object?;
        match (object.tag, object.value) {
            (tag::ALGORITHM, &[byte]) if found.is_none() => {
                let algorithm = Algorithm::parse(byte).ok_or(wrong)?;
                found = Some(KeyAlgorithm::try_from(algorithm).map_err(|_| wrong)?);
            }
            (PARAMETER, [] | EXPONENT) => {}
            (PIN_POLICY, &[0]) | (TOUCH_POLICY, &[0 | 1]) => {}
            (PIN_POLICY, &[policy]) if policy == pin_policy(slot) => {}
            _ => return Err(wrong),
        }
    }
    found.ok_or(wrong)
}

/// The slot's PIN policy, as stock tools number them.
const fn pin_policy(slot: Slot) -> u8 {
    match Policy::of(key(slot)).pin {
        PinPolicy::Never => 1,
        PinPolicy::Once => 2,
        PinPolicy::Always => 3,
    }
}
