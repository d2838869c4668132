//! What a PIN or PUK looks like.

use super::Reference;
use crate::refusal::Refusal;

/// The PUK's length, shortest and longest: what PIV's field carries; the counter's machine sends no more.
const PUK_LENGTH: (u8, u8) = (6, 8);

/// Whether this could be a PIN, whose length is given, or a PUK at all: length, and printable ASCII.
pub(super) fn fits(reference: Reference, candidate: &[u8], pin_length: (u8, u8)) -> bool {
    let (least, most) = match reference {
        Reference::Pin => pin_length,
        Reference::Puk => PUK_LENGTH,
    };
    let long_enough = (usize::from(least)..=usize::from(most)).contains(&candidate.len());
    long_enough && candidate.iter().all(u8::is_ascii_graphic)
}

/// Whether it may be set: of the right form, and not a trivial one.
pub(super) fn check_new(target: Reference, new: &[u8], pin_length: (u8, u8)) -> Result<(), Refusal> {
    if !fits(target, new, pin_length) {
        return Err(Refusal::PinForm);
    }
    if is_trivial(new) { Err(Refusal::PinWeak) } else { Ok(()) }
}

/// All characters the same, or each the next of the one before ("345678", "abcdef"), or the previous.
fn is_trivial(pin: &[u8]) -> bool {
    let steps =
        |step: u8| pin.iter().zip(pin.iter().skip(1)).all(|(one, next)| one.wrapping_add(step) == *next);
    steps(0) || steps(1) || steps(u8::MAX)
}
