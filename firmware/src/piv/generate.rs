//! GENERATE ASYMMETRIC KEY PAIR (SP 800-73-4 part 2, 3.3.2).

use wire::{
    apdu::StatusWord,
    piv::{Algorithm, Slot, tag},
    shield::{Container, KeyPolicy},
    tlv,
};

use super::{
    Piv, State, data,
    policy::{self, key},
    status::Refused,
};
use crate::{
    applet::{Step, Turn},
    application::Making,
    crypto::KeyAlgorithm,
    seams::{CryptoRng, Storage},
};

/// The RSA exponent 65537, which the parameter may spell out (SP 800-78-4, table 3-1 allows no smaller one).
const EXPONENT: &[u8] = &[1, 0, 1];
/// The parameter of RSA.
const PARAMETER: u32 = 0x81;

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    pub(super) fn generate(&mut self, slot: Slot, template: &[u8]) -> Result<Step, Refused> {
        self.applet.need_management()?;
        let (algorithm, policy) = wish(tlv::only(template, tag::CONTROL_REFERENCE_TEMPLATE)?, slot)?;
        match self.application.generate(Making { policy, ..key(slot).into() }, algorithm)? {
            Some(job) => {
                self.applet.state = State::Generating(slot);
                Ok(Step::Work(job))
            }
            None => self.generated(slot),
        }
    }

    /// The public key just made.
    pub(super) fn generated(&self, slot: Slot) -> Result<Step, Refused> {
        Ok(data(self.application.public_key(key(slot))?.ok_or(StatusWord::FAULT)?))
    }
}

/// Reads the control reference template: the algorithm, and when the key wants the PIN if not as its slot does.
fn wish(template: &[u8], slot: Slot) -> Result<(KeyAlgorithm, KeyPolicy), Refused> {
    let wrong = Refused::from(StatusWord::WRONG_DATA);
    let mut found = None;
    let mut policy = KeyPolicy::of(Container::Piv(slot));
    for object in tlv::Reader::new(template) {
        let object = object?;
        match (object.tag, object.value) {
            (tag::ALGORITHM, &[byte]) if found.is_none() => {
                found = Some(Algorithm::parse(byte).and_then(Algorithm::of_key_pair).ok_or(wrong)?);
            }
            (PARAMETER, [] | EXPONENT) => {}
            (tag::ALGORITHM | PARAMETER, _) => return Err(wrong),
            (tag, value) => policy::read(&mut policy, tag, value)?,
        }
    }
    Ok((found.ok_or(wrong)?, policy))
}
