//! Why a library that holds tokens could not do what its program asked.

/// What a library turns into numbers of its own standard.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is at the end of the road, or a card without the shield applet.
    #[error("no U-shield token is there: plug one in and try again")]
    NoToken,
    /// There is no place of this number.
    #[error("there is no reader of this number: list the readers anew")]
    NoPlace,
    /// No PIN or PUK of this token can be so: it is not the right one, and no try was spent.
    #[error("no PIN of this token looks like this one: nothing was sent, no try is spent")]
    ImpossiblePin,
    /// A new PIN that is shorter or longer than the brand allows; nothing was sent.
    #[error("the new PIN is shorter or longer than this token allows: choose another")]
    PinLength,
    /// It wants somebody to be logged in, who is not.
    #[error("this wants the PIN first: log in and try again")]
    LoggedOut,
    /// The payment key signs payment orders that its holder saw, and nothing that comes by a library.
    #[error("the payment key signs payment orders only: choose another key")]
    PaymentKey,
    /// A thread of this process panicked while it worked on the place, and nobody knows what it left.
    #[error("an earlier call failed in the middle: end the program and start it again")]
    Poisoned,
    /// The token said no, or the line failed.
    #[error(transparent)]
    Card(#[from] crate::Error),
}
