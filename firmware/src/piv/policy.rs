//! When a slot's key wants the PIN and a touch, as stock tools ask for it: tags AA and AB, which Yubico added to
//! GENERATE ASYMMETRIC KEY PAIR and has in IMPORT ASYMMETRIC KEY.

use wire::{apdu::StatusWord, piv::Slot, shield::Container};

use super::status::Refused;
use crate::vault::{KeyId, PinPolicy, Policy};

const PIN_POLICY: u32 = 0xAA;
const TOUCH_POLICY: u32 = 0xAB;
/// The slot's own policy.
const DEFAULT: u8 = 0;
/// No touch.
pub(super) const NO_TOUCH: u8 = 1;

/// Refuses what the slot's key will not be: an answer of 9000 would be a promise.
pub(super) fn check(slot: Slot, tag: u32, value: &[u8]) -> Result<(), Refused> {
    match (tag, value) {
        (PIN_POLICY, &[DEFAULT]) | (TOUCH_POLICY, &[DEFAULT | NO_TOUCH]) => Ok(()),
        (PIN_POLICY, &[policy]) if policy == of(slot) => Ok(()),
        _ => Err(StatusWord::WRONG_DATA.into()),
    }
}

/// The slot's PIN policy, by its number: 1 never, 2 once, 3 always.
pub(super) const fn of(slot: Slot) -> u8 {
    match Policy::of(key(slot)).pin {
        PinPolicy::Never => 1,
        PinPolicy::Once => 2,
        PinPolicy::Always => 3,
    }
}

/// The slot's key. PIV's are in use at once: it has no certificate to wait for.
pub(super) const fn key(slot: Slot) -> KeyId {
    KeyId::Current(Container::Piv(slot))
}
