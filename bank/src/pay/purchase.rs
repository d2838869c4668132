//! A merchant's order becomes an order of the customer who pays it. From there on it is an order as any other: the same methods, the
//! same conditions, the same postings.

use super::wish::{form_key, write};
use crate::{
    bank::Bank,
    books::{
        account::Account,
        merchant::Merchant,
        order::{NewOrder, Order, OrderKind},
        purchase::Purchase,
    },
    error::{Refusal, Result},
    rights::PayerOf,
};

/// Writes the customer's order, or finds the one that the same page has made. It ends with the merchant's order at the latest.
///
/// # Errors
/// The merchant's order has ended, or the page was sent before with another account.
pub(crate) async fn purchase(
    bank: &Bank,
    payer: &PayerOf<Account>,
    (purchase, merchant): (&Purchase, &Merchant),
    key: &str,
) -> Result<Order> {
    let form_key = form_key(key)?;
    if !purchase.is_open(bank.clock.now()) {
        return Err(Refusal::PurchaseEnded.into());
    }
    let new = NewOrder {
        kind: OrderKind::Payment,
        payer: payer.account().number.clone(),
        payee: merchant.account.clone(),
        payee_name: merchant.name.clone(),
        payee_bank: String::new(),
        amount: purchase.amount(),
        memo: purchase.memo.clone(),
        form_key,
        purchase: Some(purchase.id.clone()),
    };
    write(bank, payer.customer(), &new, purchase.expires_at).await
}
