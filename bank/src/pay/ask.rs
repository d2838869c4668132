//! An order is challenged: the customer chooses a method, and is asked for what that method wants.

use super::{
    condition::{Question, judge},
    shield::issue,
    standing::{Method, standing},
};
use crate::{
    bank::Bank,
    books::{
        card,
        challenge::{self, Challenge},
        order::{self, Order},
        signed,
    },
    error::{Refusal, Result},
    random,
    rights::{OwnerOf, Settled},
    settings::CHALLENGE,
};

/// Asks for the secrets of a method. The order's former challenge ends.
///
/// # Errors
/// The order has ended, or the method cannot pay it.
pub(crate) async fn ask(
    bank: &Bank,
    customer: &Settled,
    order: &OwnerOf<Order>,
    method: Method,
) -> Result<Challenge> {
    let (order, now) = (order.order(), bank.clock.now());
    let mut db = bank.database.connection().await?;
    let standing = standing(bank, &mut db, &customer.customer().id).await?;
    let question = Question { kind: order.kind(), amount: Some(order.amount()) };
    judge(method, &standing, question, &bank.settings)?;
    drop(db);
    let pair = match (&standing.card, method) {
        (Some(card), Method::Card) => {
            let mut db = bank.database.writer().await?;
            Some(card::ask(&mut db, &card.id).await?.ok_or(Refusal::CardNotActive)?)
        }
        _ => None,
    };
    let challenge = Challenge { id: random::id()?, method: method.name().to_owned(), pair };
    let mut work = bank.database.begin().await?;
    // The order's row first: two that ask at once wait for each other here, and the later one's challenge lives.
    if !order::challenge(&mut work, &order.id, method.name(), now).await? {
        return Err(if now >= order.expires_at { Refusal::OrderExpired } else { Refusal::OrderEnded }.into());
    }
    let expires = order.expires_at.min(now + CHALLENGE);
    challenge::replace(&mut work, &challenge, &order.id, &customer.session().id, now, expires).await?;
    if method == Method::Shield {
        signed::ask(&mut work, &challenge.id, &issue(order, now, expires)?).await?;
    }
    work.commit().await?;
    Ok(challenge)
}
