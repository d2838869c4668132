//! The table of methods and conditions: what a method wants, in the order in which a customer is told.

use super::{
    rules,
    standing::{Method, STATIC_TOTAL, Standing},
};
use crate::{
    books::{card::MOST_USES, gate::Gate, order::OrderKind, shield::Shield},
    error::Refusal,
    money::Fen,
    settings::Settings,
};

/// What is to be paid; without an amount, whether the method can pay at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) kind: OrderKind,
    pub(crate) amount: Option<Fen>,
}

/// A row: what holds, or else the refusal.
pub(crate) struct Condition {
    pub(crate) method: Method,
    pub(crate) refusal: Refusal,
    holds: fn(&Standing, Question, &Settings) -> bool,
}

/// A contract that the counter made on this day or later pays by no static password.
const STATIC_ENDS: &str = "2006-09-01";

const fn row(
    method: Method,
    refusal: Refusal,
    holds: fn(&Standing, Question, &Settings) -> bool,
) -> Condition {
    Condition { method, refusal, holds }
}

fn is_enabled(standing: &Standing) -> bool {
    standing.contract.as_ref().is_some_and(|contract| contract.enabled_on.is_some())
}

fn may_shop(standing: &Standing, kind: OrderKind) -> bool {
    kind != OrderKind::Payment || standing.contract.as_ref().is_some_and(|contract| contract.has_ecommerce())
}

fn fits(amount: Option<Fen>, most: Fen) -> bool {
    amount.is_none_or(|amount| amount <= most)
}

fn is_small(amount: Option<Fen>, large: Fen) -> bool {
    amount.is_none_or(|amount| amount < large)
}

fn left(of: Fen, spent: Fen) -> Fen {
    Fen(of.0.saturating_sub(spent.0).max(0))
}

/// `docs/bank.md` has the same table in words.
pub(crate) const CONDITIONS: &[Condition] = &[
    row(Method::Static, Refusal::NotEnabled, |standing, _, _| is_enabled(standing)),
    row(Method::Static, Refusal::StaticOnlyCounter, |standing, _, _| {
        standing.contract.as_ref().is_some_and(|contract| contract.is_of_counter())
    }),
    row(Method::Static, Refusal::StaticTooLate, |standing, _, _| {
        standing.contract.as_ref().is_some_and(|contract| contract.made_on.as_str() < STATIC_ENDS)
    }),
    row(Method::Static, Refusal::StaticEnded, |standing, _, _| {
        standing.card.is_none() && standing.shield.is_none()
    }),
    row(Method::Static, Refusal::NoEcommerce, |standing, question, _| may_shop(standing, question.kind)),
    row(Method::Static, Refusal::NoPaymentPassword, |standing, _, _| standing.payment_password.is_some()),
    row(Method::Static, Refusal::StaticBlocked, |standing, _, _| standing.static_gate == Gate::Open),
    row(Method::Static, Refusal::LargeByShield, |_, question, settings| {
        is_small(question.amount, settings.large())
    }),
    row(Method::Static, Refusal::StaticUsedUp, |standing, question, _| {
        let left = left(STATIC_TOTAL, standing.static_spent);
        left > Fen(0) && fits(question.amount, left)
    }),
    row(Method::Card, Refusal::NotEnabled, |standing, _, _| is_enabled(standing)),
    row(Method::Card, Refusal::NoCard, |standing, _, _| {
        standing.card.as_ref().is_some_and(|card| card.state != "replaced")
    }),
    row(Method::Card, Refusal::CardClosed, |standing, _, _| {
        standing.card.as_ref().is_some_and(|card| card.state != "blocked")
            && standing.card_gate != Gate::Closed
    }),
    row(Method::Card, Refusal::ChangePasswordFirst, |standing, _, _| standing.has_chosen_login),
    row(Method::Card, Refusal::NoPaymentPassword, |standing, _, _| standing.payment_password.is_some()),
    row(Method::Card, Refusal::CardNotActive, |standing, _, _| {
        standing.card.as_ref().is_some_and(|card| card.state == "active")
    }),
    row(Method::Card, Refusal::CardBlocked, |standing, _, _| standing.card_gate == Gate::Open),
    row(Method::Card, Refusal::CardUsedUp, |standing, _, _| {
        standing.card.as_ref().is_some_and(|card| card.uses < MOST_USES)
    }),
    row(Method::Card, Refusal::NoEcommerce, |standing, question, _| may_shop(standing, question.kind)),
    row(Method::Card, Refusal::LargeByShield, |_, question, settings| {
        is_small(question.amount, settings.large())
    }),
    row(Method::Card, Refusal::OverPayment, |standing, question, _| {
        fits(question.amount, standing.card_per_payment)
    }),
    row(Method::Card, Refusal::OverDay, |standing, question, _| {
        fits(question.amount, left(standing.card_per_day, standing.card_spent))
    }),
    row(Method::Shield, Refusal::NotEnabled, |standing, _, _| is_enabled(standing)),
    row(Method::Shield, Refusal::NoShield, |standing, _, _| {
        standing.shield.as_ref().is_some_and(Shield::is_held)
    }),
    row(Method::Shield, Refusal::ShieldSuspended, |standing, _, _| {
        standing.shield.as_ref().is_none_or(|shield| !shield.is_suspended())
    }),
    row(Method::Shield, Refusal::ShieldNotDelivered, |standing, _, _| {
        standing.shield.as_ref().is_some_and(Shield::is_delivered)
    }),
    row(Method::Shield, Refusal::NoEcommerce, |standing, question, _| may_shop(standing, question.kind)),
];

/// The first condition that does not hold.
pub(crate) fn judge(
    method: Method,
    standing: &Standing,
    question: Question,
    settings: &Settings,
) -> Result<(), Refusal> {
    rules::method(settings, method, question.amount)?;
    let mut rows = CONDITIONS.iter().filter(|row| row.method == method);
    rows.find(|row| !(row.holds)(standing, question, settings)).map_or(Ok(()), |row| Err(row.refusal))
}
