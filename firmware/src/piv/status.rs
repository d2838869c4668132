//! The one place where a refusal becomes a status word of PIV (SP 800-73-4 part 2, the tables under each command).

use wire::{Malformed, apdu::StatusWord};

use crate::{applet::Step, refusal::Refusal};

/// The status word of a command that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(StatusWord);

impl From<StatusWord> for Refused {
    fn from(status: StatusWord) -> Self {
        Self(status)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(match refusal {
            Refusal::PinWrong { left } => StatusWord::tries_left(left),
            Refusal::PinBlocked => StatusWord::BLOCKED,
            Refusal::NotVerified => StatusWord::SECURITY_NOT_SATISFIED,
            Refusal::PinForm
            | Refusal::PinWeak
            | Refusal::WrongData
            | Refusal::CannotShow
            | Refusal::NoRoom => StatusWord::WRONG_DATA,
            Refusal::PinFactory
            | Refusal::PukKnown
            | Refusal::NotConfirmed(_)
            | Refusal::WrongUse
            | Refusal::NotPending => StatusWord::CONDITIONS_NOT_SATISFIED,
            // Part 2, 3.2.4 has no 6A88: a reference without a key is a wrong P2.
            Refusal::NoSuchKey => StatusWord::WRONG_P1P2,
            Refusal::NotFound => StatusWord::NOT_FOUND,
            Refusal::Exists => StatusWord::EXISTS,
            Refusal::Full => StatusWord::NO_MEMORY,
            Refusal::Memory => StatusWord::MEMORY_FAILURE,
            Refusal::OtherMake | Refusal::Missing(_) | Refusal::Fault => StatusWord::FAULT,
        })
    }
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self(StatusWord::WRONG_DATA)
    }
}

impl From<Refused> for Step {
    fn from(refused: Refused) -> Self {
        refused.0.into()
    }
}
