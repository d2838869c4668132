//! A change of the PIN.

use card::Error;
use serde_json::{Value, json};
use terminal::Failure;
use wire::{apdu::StatusWord, shield::status};

use super::{Bench, Phase};
use crate::{prompter::Wanted, trouble::Trouble};

/// Asks for the PIN and twice for the new one, and changes it. The three questions count as one prompt.
pub(super) fn change(bench: &Bench<'_>) -> Result<Value, Trouble> {
    let mut opened = bench.open()?;
    let information = opened.information;
    if information.tries[0] == 0 {
        return Err(Error::Refused(StatusWord::BLOCKED).into());
    }
    bench.ear.count_prompt()?;
    bench.ear.phase(Phase::Prompt);
    let lines = || vec![bench.line("修改U盾密码", "Change the PIN of the shield")];
    let old = bench.secret(Wanted::OldPin, lines(), &information)?;
    let new = bench.secret(Wanted::NewPin, lines(), &information)?;
    let again = bench.secret(Wanted::NewPinAgain, lines(), &information)?;
    if new.bytes() != again.bytes() {
        return Err(Trouble::plain("pins_differ", "the two new PINs differ"));
    }
    bench.ear.phase(Phase::Working);
    bench.on(&mut opened.card, |shield| {
        shield.change_pin(old.bytes(), new.bytes()).map_err(|error| match error.status() {
            Some(status::WEAK_PIN) => Trouble::coded("pin_weak", Failure::from(error)),
            _ => error.into(),
        })
    })?;
    Ok(json!({ "serial": information.serial }))
}
