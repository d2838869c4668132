//! The outgoing queue: each remittance that was posted is told to the other bank, which takes the money or sends it back.
//!
//! The other bank of this bank is a test bank in the same process. Its answer follows from the order alone, so that whoever
//! tries a page can have each of them.

use crate::{
    bank::Bank,
    books::{
        account::CLEARING,
        audit,
        order::{self, Order},
        posting::{self, Posting},
        remittance,
    },
    error::{Error, Result},
};

/// What the other bank says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Accepted,
    Returned(&'static str),
}

/// The test bank: an account that ends in 0000 does not exist there, and one that ends in 4444 is closed.
fn test_bank(order: &Order) -> Word {
    match order.payee.get(order.payee.len().saturating_sub(4)..) {
        Some("0000") => Word::Returned("no-such-account"),
        Some("4444") => Word::Returned("account-closed"),
        _ => Word::Accepted,
    }
}

/// Tells the other bank of the order that has waited longest. Whether one waited.
pub(crate) async fn step(bank: &Bank) -> Result<bool> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    let Some(id) = remittance::next(&mut db).await? else { return Ok(false) };
    let broken = || Error::Broken(format!("the queue names the order {id}, which is not posted"));
    let order = order::find(&mut db, &id).await?.ok_or_else(broken)?;
    let posting = posting::of_order(&mut db, &id).await?.ok_or_else(broken)?;
    drop(db);
    let word = test_bank(&order);
    let words = if let Word::Returned(why) = word { why } else { "" };
    let mut work = bank.database.begin().await?;
    // Another node may have asked meanwhile.
    if !remittance::answer(&mut work, &id, word == Word::Accepted, words, now).await? {
        return Ok(true);
    }
    if let Word::Returned(why) = word {
        let back = Posting {
            order: None,
            reverses: Some(&posting),
            debit: CLEARING,
            credit: &order.payer,
            amount: order.amount(),
            memo: why,
            actor: "bank",
        };
        posting::add(&mut work, &back, now).await?.ok_or_else(broken)?;
    }
    let action = if word == Word::Accepted { "remitted" } else { "returned" };
    audit::add(&mut work, now, "bank", action, &id, words).await?;
    work.commit().await?;
    Ok(true)
}
