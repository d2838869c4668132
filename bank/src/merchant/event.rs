//! What a merchant is told: the order as it stands, in the transaction that has changed it.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    bank::Bank,
    books::{
        merchant::{Merchant, WebhookSecret},
        order::Order,
        purchase::{self, Purchase},
        webhook,
    },
    clock::{Moment, for_programs},
    database::Connection,
    error::{Error, Refusal, Result},
    random,
    secrets::Purpose,
};

/// A merchant's order, as programs read it.
pub(super) fn shown(purchase: &Purchase, now: Moment) -> Value {
    json!({
        "id": purchase.id,
        "reference": purchase.reference,
        "amount": purchase.amount().plain(),
        "currency": "CNY",
        "memo": purchase.memo,
        "return_url": purchase.return_url,
        "state": purchase.state(now),
        "payment": purchase.payment,
        "created_at": for_programs(purchase.created_at),
        "expires_at": for_programs(purchase.expires_at),
        "ended_at": purchase.ended_at.map(for_programs),
    })
}

/// A customer's order pays the merchant's order, in the transaction of the posting. One order pays it, ever.
///
/// # Errors
/// The merchant's order has ended: it is paid, cancelled or too old.
pub(crate) async fn paid(db: &mut Connection, id: &str, order: &Order, now: Moment) -> Result<()> {
    if !purchase::pay(db, id, &order.id, now).await? {
        return Err(Refusal::PurchaseEnded.into());
    }
    tell(db, id, "order.paid", now).await
}

/// Writes into the outbox how the order stands now. The body has the form of Standard Webhooks 1.0.
pub(super) async fn tell(db: &mut Connection, id: &str, event: &str, now: Moment) -> Result<()> {
    let missing = || Error::Broken("a merchant's order that was changed is not there".into());
    let purchase = purchase::find(db, id).await?.ok_or_else(missing)?;
    let body = json!({ "type": event, "timestamp": for_programs(now), "data": shown(&purchase, now) });
    let message = format!("msg_{}", random::id()?);
    webhook::add(db, &message, &purchase.merchant, id, &body.to_string(), now).await
}

/// A secret of webhooks: 256 bits, which the file of secrets, the merchant and the number of the secret make.
type Key = Zeroizing<[u8; 32]>;

fn derived(bank: &Bank, merchant: &Merchant, secret: WebhookSecret) -> Result<Key> {
    let number = secret.number.to_string();
    bank.secrets.mac(Purpose::Form(secret.key_version), &["webhook", &merchant.id, &number])
}

/// The secret that signs a merchant's webhooks.
pub(super) fn secret(bank: &Bank, merchant: &Merchant) -> Result<Key> {
    derived(bank, merchant, merchant.secret())
}

/// All secrets that sign now, the newest first: after a change the former one signs beside it for a day, so that the merchant's server
/// is changed in between (Standard Webhooks 1.0, "Signature scheme").
pub(crate) fn secrets(bank: &Bank, merchant: &Merchant) -> Result<Vec<Key>> {
    let all = [Some(merchant.secret()), merchant.former_secret(bank.clock.now())];
    all.into_iter().flatten().map(|secret| derived(bank, merchant, secret)).collect()
}
