//! The one place where a refusal becomes a status word of the shield applet (docs/shield-applet.md).

use wire::{apdu::StatusWord, shield::status};

use crate::{refusal::Refusal, seams::Declined};

/// A refusal in the shield's status words.
pub(super) const fn word(refusal: Refusal) -> StatusWord {
    match refusal {
        Refusal::PinWrong { left } => StatusWord::tries_left(left),
        Refusal::PinBlocked => StatusWord::BLOCKED,
        Refusal::NotVerified => StatusWord::SECURITY_NOT_SATISFIED,
        Refusal::PinForm | Refusal::PinWeak => status::WEAK_PIN,
        Refusal::PinFactory => status::FACTORY_PIN,
        Refusal::PukKnown => status::KNOWN_PUK,
        Refusal::NotConfirmed(Declined::Cancelled) => status::CANCELLED,
        Refusal::NotConfirmed(Declined::TimedOut) => status::TIMED_OUT,
        Refusal::NotConfirmed(Declined::Aborted) => StatusWord::NOT_ALLOWED,
        Refusal::CannotShow => status::CANNOT_SHOW,
        Refusal::NoRoom => status::NO_ROOM,
        Refusal::WrongUse => StatusWord::CONDITIONS_NOT_SATISFIED,
        Refusal::NoSuchKey => StatusWord::NO_SUCH_KEY,
        Refusal::NotPending => status::NOT_PENDING,
        Refusal::WrongData => StatusWord::WRONG_DATA,
        Refusal::NotFound => StatusWord::NOT_FOUND,
        Refusal::Exists => StatusWord::EXISTS,
        Refusal::Full => StatusWord::NO_MEMORY,
        Refusal::Memory => StatusWord::MEMORY_FAILURE,
        Refusal::OtherMake | Refusal::Missing(_) | Refusal::Fault => StatusWord::FAULT,
    }
}
