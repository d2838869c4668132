//! What our own reader and our own clients say to each other beyond pcsc-lite's protocol
//! (docs/decisions/0046-turns.md). Neither libpcsclite nor pcscd ever sees any of it.
//!
//! A client offers the extension in the `rv` of its VERSION, which pcscd overwrites with the outcome. A reader that takes
//! the offer writes [`TAKEN`] there in place of success. [`Request::Open`](super::Request::Open) and
//! [`Request::Turn`](super::Request::Turn) are sent only after that.

/// `rv` of VERSION in the question: "USHD".
pub const OFFER: u32 = 0x5553_4844;
/// `rv` of VERSION in the answer. A service that sends a question back unchanged takes no offer.
pub const TAKEN: u32 = !OFFER;
/// Outcome of a TURN: another program had the card since the last command of this handle, or nobody can tell. Nothing
/// was sent to the card.
pub const DISTURBED: u32 = 0x5553_0001;

/// Bits of [`Turn::bits`](super::Turn).
pub mod turn {
    /// A transaction begins before the command.
    pub const BEGIN: u32 = 1;
    /// The command is carried out only if nobody else had the card since the last command of this handle.
    pub const UNDISTURBED: u32 = 2;
    /// The transaction ends after the command. It ends after every outcome but success, too.
    pub const END: u32 = 4;
    /// All of them.
    pub const ALL: u32 = BEGIN | UNDISTURBED | END;
}
