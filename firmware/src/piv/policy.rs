//! When a slot's key wants the PIN and a touch, as stock tools ask for it: tags AA and AB, which Yubico added to
//! GENERATE ASYMMETRIC KEY PAIR and has in IMPORT ASYMMETRIC KEY.

use wire::{
    apdu::StatusWord,
    piv::{PinPolicy, Slot},
    shield::{Container, KeyPolicy},
};

use super::status::Refused;
use crate::vault::KeyId;

const PIN_POLICY: u32 = 0xAA;
const TOUCH_POLICY: u32 = 0xAB;
/// The slot's own policy.
const DEFAULT: u8 = 0;
/// No touch.
pub(super) const NO_TOUCH: u8 = 1;

/// Takes one of the tags over into the policy of the key that is made. A policy that the key will not have is refused,
/// because an answer of 9000 would promise it.
pub(super) fn read(policy: &mut KeyPolicy, tag: u32, value: &[u8]) -> Result<(), Refused> {
    match (tag, value) {
        (PIN_POLICY, &[DEFAULT]) | (TOUCH_POLICY, &[DEFAULT | NO_TOUCH]) => {}
        (PIN_POLICY, &[byte]) => policy.pin = PinPolicy::parse(byte).ok_or(StatusWord::WRONG_DATA)?,
        _ => return Err(StatusWord::WRONG_DATA.into()),
    }
    Ok(())
}

/// The slot's key. A key that the PIV applet makes is in use at once: it waits for no certificate.
pub(super) const fn key(slot: Slot) -> KeyId {
    KeyId::Current(Container::Piv(slot))
}
