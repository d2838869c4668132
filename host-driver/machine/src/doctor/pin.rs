//! The token's health and its PIN, as GET INFORMATION tells them.

use card::Account;
use wire::{apdu::StatusWord, shield::status};

use super::{Examined, Finding, Reached};

const PIN: &str = "pin";

pub(super) fn check(_: &Examined<'_>, reached: &Reached) -> Vec<Finding> {
    let information = match reached {
        Ok(holding) => &holding.information,
        Err(error) => {
            return vec![Finding::unknown(
                PIN,
                "token_unread",
                format!("the token was not reached: {error}"),
            )];
        }
    };
    let (serial, [left, _, most, _]) = (&information.serial, information.tries);
    vec![match information.refusal() {
        Some(word) => unfit(word, serial),
        None if left < most => {
            let message = format!(
                "{left} of {most} tries of the PIN of token {serial} are left; the right PIN brings them back"
            );
            Finding::note(PIN, "pin_tries", message)
        }
        None => Finding::good(PIN, format!("token {serial} is healthy, and has all {left} tries of its PIN")),
    }]
}

/// What the token is going to refuse, in the words with which programs tell its refusal.
fn unfit(word: StatusWord, serial: &str) -> Finding {
    let Account { what, next, .. } = card::Error::Refused(word).account();
    let message = format!("token {serial}: {what}");
    let finding = match word {
        status::FACTORY_PIN => Finding::warning(PIN, "pin_factory", message),
        status::KNOWN_PUK => Finding::warning(PIN, "puk_known", message),
        StatusWord::BLOCKED => Finding::error(PIN, "pin_blocked", message),
        _ => Finding::error(PIN, "token_fault", message),
    };
    finding.mended_by(next.unwrap_or_default())
}
