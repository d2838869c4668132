//! The token's health and its PIN, as GET INFORMATION tells them.

use wire::shield::Information;

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
    let (serial, left) = (&information.serial, information.tries[0]);
    vec![if !information.has(Information::HEALTHY) {
        Finding::error(PIN, "token_fault", format!("token {serial} failed its self-test, and works no more"))
            .mended_by("unplug it and plug it in; if it stays so, the bank replaces it")
    } else if left == 0 {
        Finding::error(PIN, "pin_blocked", format!("the PIN of token {serial} is locked"))
            .mended_by("at the bank's counter, with the PUK: ushield pin unblock")
    } else if information.has(Information::FACTORY_PIN) {
        Finding::warning(
            PIN,
            "pin_factory",
            format!("token {serial} still has the factory PIN, and signs nothing with it"),
        )
        .mended_by("ushield pin change")
    } else if left < information.tries[2] {
        let message = format!(
            "{left} of {} tries of the PIN of token {serial} are left; the right PIN brings them back",
            information.tries[2]
        );
        Finding::note(PIN, "pin_tries", message)
    } else {
        Finding::good(PIN, format!("token {serial} is healthy, and has all {left} tries of its PIN"))
    }]
}
