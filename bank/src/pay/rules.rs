//! Test rules: the last two digits of an amount decide how its payment ends, so that whoever tests a shop or a program against this bank
//! can have each outcome at will. They hold only where `bank serve --test-rules` or `bank demo --test-rules` says so, and then each page
//! says that they hold. `docs/bank.md` has the table.

use std::time::Duration;

use tokio::time::sleep;

use super::standing::Method;
use crate::{error::Refusal, money::Fen, settings::Settings};

/// What an amount asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The posting is refused, whatever the account has.
    Refuses(Refusal),
    /// This method pays, and no other.
    Only(Method),
    /// The answer takes some seconds.
    Slow,
    /// The first try of a webhook fails, without being sent.
    FailsOnce,
    /// A webhook is sent twice.
    Twice,
}

/// The last two digits, and what they ask for.
const RULES: [(i64, Rule); 9] = [
    (91, Rule::Refuses(Refusal::NoMoney)),
    (92, Rule::Refuses(Refusal::BadPayee)),
    (93, Rule::Refuses(Refusal::TestRefused)),
    (94, Rule::Only(Method::Static)),
    (95, Rule::Only(Method::Card)),
    (96, Rule::Only(Method::Shield)),
    (97, Rule::Slow),
    (98, Rule::FailsOnce),
    (99, Rule::Twice),
];

/// How long a slow answer takes.
const PAUSE: Duration = Duration::from_secs(5);

/// What this amount asks for, where test rules hold.
pub(crate) fn rule(settings: &Settings, amount: Fen) -> Option<Rule> {
    let found = RULES.iter().find(|(digits, _)| *digits == amount.0 % 100).map(|(_, rule)| *rule);
    found.filter(|_| settings.test_rules)
}

/// Whether this method may pay.
pub(super) fn method(settings: &Settings, method: Method, amount: Option<Fen>) -> Result<(), Refusal> {
    match amount.and_then(|amount| rule(settings, amount)) {
        Some(Rule::Only(only)) if only != method => Err(Refusal::TestRule),
        _ => Ok(()),
    }
}

/// Whether the posting may happen.
pub(super) fn posting(settings: &Settings, amount: Fen) -> Result<(), Refusal> {
    match rule(settings, amount) {
        Some(Rule::Refuses(refusal)) => Err(refusal),
        _ => Ok(()),
    }
}

/// Takes its time, where that is asked for. Nobody is kept waiting meanwhile: no transaction has begun.
pub(super) async fn pause(settings: &Settings, amount: Fen) {
    if rule(settings, amount) == Some(Rule::Slow) {
        sleep(PAUSE).await;
    }
}
