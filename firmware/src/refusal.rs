//! Why the token says no. The lower floors return these; each applet turns them into its status words once.

use crate::seams::{Declined, RecordName, StorageFault};

/// A refusal by `pin`, `consent`, `vault` or `crypto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The PIN or PUK was wrong.
    #[error("wrong PIN: {left} tries left")]
    PinWrong {
        /// Tries left.
        left: u8,
    },
    /// No tries are left.
    #[error("the PIN is locked: no try is left")]
    PinBlocked,
    /// The PIN (or the management key) was not verified, or its proof is spent.
    #[error("PIN not verified")]
    NotVerified,
    /// The new PIN has the wrong length or characters.
    #[error("PIN of a wrong form")]
    PinForm,
    /// The new PIN is too easy: repeated or ascending.
    #[error("PIN too easy")]
    PinWeak,
    /// The factory PIN must be changed first.
    #[error("factory PIN not changed yet")]
    PinFactory,
    /// A reset set the PUK that everybody knows: it must be changed first.
    #[error("known PUK not changed yet")]
    PukKnown,
    /// The holder did not confirm.
    #[error("not confirmed: {0}")]
    NotConfirmed(Declined),
    /// The text cannot be shown honestly.
    #[error("text cannot be shown")]
    CannotShow,
    /// This token's screen has no room for it: an amount is never broken over two lines.
    #[error("no room on the screen")]
    NoRoom,
    /// The key does not do this.
    #[error("wrong use of the key")]
    WrongUse,
    /// There is no such key.
    #[error("no such key")]
    NoSuchKey,
    /// No key waits for a certificate, or the certificate is for another key.
    #[error("certificate without its pending key")]
    NotPending,
    /// The data is not what the command takes.
    #[error("wrong data")]
    WrongData,
    /// The token was made as another brand or generation than it is plugged in as, or for another algorithm of payments.
    #[error("made as another brand or generation, or for another algorithm of payments")]
    OtherMake,
    /// There is no such object.
    #[error("no such object")]
    NotFound,
    /// The place that the command names is taken already.
    #[error("the place is taken")]
    Exists,
    /// No room left.
    #[error("no room left")]
    Full,
    /// The state was not written.
    #[error("memory failure")]
    Memory,
    /// A record that should be there is not: the state is damaged, and nothing of it is touched.
    #[error("the record {0} is missing")]
    Missing(RecordName),
    /// The token failed its self-test or a check of its own; it works no more.
    #[error("token fault")]
    Fault,
}

impl From<StorageFault> for Refusal {
    fn from(fault: StorageFault) -> Self {
        match fault {
            StorageFault::Full => Self::Full,
            StorageFault::Broken => Self::Memory,
            StorageFault::Damaged => Self::Fault,
        }
    }
}
