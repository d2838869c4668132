//! The money of an order that was authorised: balances, the one posting, the outgoing queue.

use super::rules;
use crate::{
    bank::Bank,
    books::{
        account::CLEARING,
        order::{self, Order, OrderKind},
        posting::{self, Posting},
        remittance,
    },
    database::Work,
    error::{Refusal, Result},
    merchant,
};

/// Moves the money of an authorised order, in the transaction that has authorised it.
///
/// # Errors
/// [`Refusal::NoMoney`], or another request has ended the order or the merchant's order.
pub(super) async fn settle(bank: &Bank, work: &mut Work, order: &Order, now: i64) -> Result<()> {
    rules::posting(&bank.settings, order.amount())?;
    if let Some(purchase) = &order.purchase {
        merchant::paid(work, purchase, order, now).await?;
    }
    let must = |happened: bool, refusal: Refusal| if happened { Ok(()) } else { Err(refusal) };
    let credit = if order.kind() == OrderKind::Remittance { CLEARING } else { &order.payee };
    let posting = Posting {
        order: Some(&order.id),
        reverses: None,
        debit: &order.payer,
        credit,
        amount: order.amount(),
        memo: &order.memo,
        actor: &format!("customer:{}", order.customer),
    };
    must(posting::add(work, &posting, now).await?.is_some(), Refusal::NoMoney)?;
    must(order::post(work, &order.id, now).await?, Refusal::OrderEnded)?;
    if order.kind() == OrderKind::Remittance {
        remittance::add(work, &order.id, now).await?;
    }
    Ok(())
}
