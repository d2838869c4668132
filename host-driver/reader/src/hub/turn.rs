//! A command with its transaction in one message, for our own clients (docs/decisions/0046-turns.md).

use wire::pcsclite::{
    extension::{DISTURBED, turn},
    rv,
};

use super::{Hub, Outcome, Running};

impl Hub {
    /// Begins a command, and before it a transaction if the bits say so. `sends` tells whether the card gets a command.
    /// The caller says when the transaction ends with the command.
    ///
    /// # Errors
    /// [`DISTURBED`]: the bits forbid the command after another's. No transaction has begun after any error.
    pub(crate) fn turn(
        &self,
        card: i32,
        bits: u32,
        sends: bool,
        gone: &dyn Fn() -> bool,
    ) -> Outcome<Running<'_>> {
        let (begins, undisturbed) = (bits & turn::BEGIN != 0, bits & turn::UNDISTURBED != 0);
        // Without a transaction another handle could come between the look and the command.
        if bits & !turn::ALL != 0 || (undisturbed && !begins) {
            return Err(rv::INVALID_VALUE);
        }
        if begins {
            self.begin(card, gone)?;
        }
        let running = self.admitted(card).and_then(|mut state| {
            let slot = state.of_handle(card)?;
            slot.event(card)?;
            if undisturbed && slot.last != Some(card) {
                return Err(DISTURBED);
            }
            Ok(self.running(slot, card, sends))
        });
        if begins && running.is_err() {
            self.end_turn(card);
        }
        running
    }
}
