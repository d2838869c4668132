//! SELECT by name (ISO 7816-4, 7.1.1), as a value.

use wire::apdu::{Command, StatusWord};

/// A SELECT by name.
pub(super) struct Select<'a> {
    /// The name, or its beginning.
    pub(super) name: &'a [u8],
    /// The next or the previous application of this name is meant, not the first or the last. A card with one application of
    /// a name has no next one.
    pub(super) another: bool,
    /// The host wants no data in the answer.
    pub(super) silent: bool,
}

impl<'a> Select<'a> {
    /// Reads P1 and P2: P1 says that it is by name; bits 2 and 1 of P2 say which occurrence (first, last, next, previous),
    /// bits 4 and 3 what the answer holds (the file control information, or nothing).
    ///
    /// # Errors
    /// '6A86': any other way to select.
    pub(super) const fn parse(command: &Command<'a>) -> Result<Self, StatusWord> {
        let (another, silent) = match (command.p1, command.p2) {
            (0x04, 0x00 | 0x01) => (false, false),
            (0x04, 0x02 | 0x03) => (true, false),
            (0x04, 0x0C | 0x0D) => (false, true),
            (0x04, 0x0E | 0x0F) => (true, true),
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        Ok(Self { name: command.data, another, silent })
    }
}
