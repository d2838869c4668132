//! The slot: what it does, and what happens to it.

use alloc::vec::Vec;

use wire::ccid::ToReader;
use zeroize::Zeroizing;

use super::Numbered;
use crate::{
    consent::Prompt,
    crypto::{Job, Outcome},
    seams::Millis,
};

/// When something that waits is due. Both are set at the first tick, because only a tick tells the time.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) extension: Option<Millis>,
    pub(super) deadline: Option<Millis>,
}

/// What the slot does. It has no `Debug`: commands carry PINs.
#[derive(Default)]
pub(super) enum Slot {
    /// The card has no power.
    #[default]
    Inactive,
    /// The card waits for a command.
    Ready,
    /// A command APDU comes in parts (CCID 1.1, 6.1.4).
    Receiving { apdu: Zeroizing<Vec<u8>> },
    /// The holder is asked.
    Asking { sequence: u8, prompt: Prompt, clock: Clock },
    /// Somebody computes; `job` until it is fetched.
    Working { sequence: u8, number: u32, job: Option<Job>, clock: Clock },
    /// A response APDU goes in parts; `rest` is what the host has not seen.
    Sending { rest: Vec<u8> },
    /// One half of an abort has come. Every message fails until the other half comes (CCID 1.1, 5.3.1 and 6.1.13).
    Aborting { active: bool, sequence: u8, awaited: Awaited },
}

/// The half of an abort that is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// PC_to_RDR_Abort on bulk OUT.
    Message,
    /// ABORT on the control pipe.
    Request,
}

impl Slot {
    pub(super) const fn powered(active: bool) -> Self {
        if active { Self::Ready } else { Self::Inactive }
    }

    pub(super) const fn is_active(&self) -> bool {
        !matches!(self, Self::Inactive | Self::Aborting { active: false, .. })
    }
}

/// What happens to the slot.
pub(super) enum Event<'a> {
    /// A bulk OUT message for it.
    Message(ToReader<'a>),
    /// ABORT on the control pipe, with its bSeq.
    Abort(u8),
    Tick(Millis),
    /// A job is done.
    Finished(Numbered<Outcome>),
    /// The device was configured anew, or unplugged: no answer goes out any more.
    Reset,
}
