//! Which PINs and PUKs this token takes. What a PIN looks like at all is `wire::pin`'s rule.

use wire::pin::{PUK_LENGTH, has_form};

use super::Reference;
use crate::refusal::Refusal;

/// Whether this could be the token's PIN, whose length is the brand's, or its PUK.
pub(crate) fn fits(reference: Reference, candidate: &[u8], pin_length: (u8, u8)) -> bool {
    match reference {
        Reference::Pin => has_form(candidate, pin_length),
        Reference::Puk => has_form(candidate, PUK_LENGTH),
    }
}

/// Whether it may be set: of the right form, and not a trivial one.
pub(super) fn check_new(target: Reference, new: &[u8], pin_length: (u8, u8)) -> Result<(), Refusal> {
    if !fits(target, new, pin_length) {
        return Err(Refusal::PinForm);
    }
    if wire::pin::is_trivial(new) { Err(Refusal::PinWeak) } else { Ok(()) }
}
