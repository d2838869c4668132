//! Purchases: what merchants want paid. The API and the pages call a purchase the merchant's order.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result, money::Fen};

statements! {
    ADD = "INSERT INTO purchase (id, merchant, reference, amount, memo, return_url, state, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8)";
    FIND = "SELECT id, merchant, reference, amount, memo, return_url, state, payment, created_at, expires_at, ended_at
            FROM purchase WHERE id = $1";
    OF_MERCHANT = "SELECT id, merchant, reference, amount, memo, return_url, state, payment, created_at, expires_at, ended_at
                   FROM purchase WHERE merchant = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3))
                   ORDER BY created_at DESC, id DESC LIMIT 50";
    PAY = "UPDATE purchase SET state = 'paid', payment = $1, ended_at = $2
           WHERE id = $3 AND state = 'open' AND expires_at > $2
           AND EXISTS (SELECT 1 FROM merchant m WHERE m.id = purchase.merchant AND m.active = 1)";
    CANCEL = "UPDATE purchase SET state = 'cancelled', ended_at = $1 WHERE id = $2 AND state = 'open' AND expires_at > $1";
    CANCEL_ALL = "UPDATE purchase SET state = 'cancelled', ended_at = $1 WHERE merchant = $2 AND state = 'open' RETURNING id";
    EXPIRE = "UPDATE purchase SET state = 'expired', ended_at = $1 WHERE id = $2 AND state = 'open' AND expires_at <= $1";
    LATE = "SELECT id FROM purchase WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at, id LIMIT 1";
}

/// A merchant's order.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub(crate) id: String,
    pub(crate) merchant: String,
    /// The merchant's own name of it.
    pub(crate) reference: String,
    amount: i64,
    pub(crate) memo: String,
    pub(crate) return_url: String,
    state: String,
    /// The customer's order that has paid it.
    pub(crate) payment: Option<String>,
    pub(crate) created_at: Moment,
    pub(crate) expires_at: Moment,
    pub(crate) ended_at: Option<Moment>,
}
from_row!(Purchase {
    id,
    merchant,
    reference,
    amount,
    memo,
    return_url,
    state,
    payment,
    created_at,
    expires_at,
    ended_at
});

impl Purchase {
    pub(crate) const fn amount(&self) -> Fen {
        Fen(self.amount)
    }

    /// How it stands: one that is too old has expired, though nobody has written it down yet.
    pub(crate) fn state(&self, now: Moment) -> &str {
        if self.state == "open" && now >= self.expires_at { "expired" } else { &self.state }
    }

    pub(crate) fn is_open(&self, now: Moment) -> bool {
        self.state(now) == "open"
    }
}

/// A purchase that is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewPurchase {
    pub(crate) reference: String,
    pub(crate) amount: Fen,
    pub(crate) memo: String,
    pub(crate) return_url: String,
}

pub(crate) async fn add(
    db: &mut Connection,
    id: &str,
    merchant: &str,
    new: &NewPurchase,
    now: Moment,
    expires: Moment,
) -> Result<()> {
    let add = sqlx::query(ADD).bind(id).bind(merchant).bind(&new.reference).bind(new.amount.0);
    add.bind(&new.memo).bind(&new.return_url).bind(now).bind(expires).execute(db).await?;
    Ok(())
}

pub(crate) async fn find(db: &mut Connection, id: &str) -> Result<Option<Purchase>> {
    Ok(sqlx::query_as(FIND).bind(id).fetch_optional(db).await?)
}

/// The last 50 of a merchant, or the 50 before this one.
pub(crate) async fn of_merchant(
    db: &mut Connection,
    merchant: &str,
    before: Option<&Purchase>,
) -> Result<Vec<Purchase>> {
    let (at, id) = before.map_or((Moment::MAX, ""), |last| (last.created_at, last.id.as_str()));
    Ok(sqlx::query_as(OF_MERCHANT).bind(merchant).bind(at).bind(id).fetch_all(db).await?)
}

/// open → paid by this customer's order. Whether it was open.
pub(crate) async fn pay(db: &mut Connection, id: &str, payment: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(PAY).bind(payment).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// open → cancelled. Whether it was open.
pub(crate) async fn cancel(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(CANCEL).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// All of a merchant: open → cancelled. How many.
pub(crate) async fn cancel_all(db: &mut Connection, merchant: &str, now: Moment) -> Result<Vec<String>> {
    let cancelled: Vec<(String,)> = sqlx::query_as(CANCEL_ALL).bind(now).bind(merchant).fetch_all(db).await?;
    Ok(cancelled.into_iter().map(|(id,)| id).collect())
}

/// open and too old → expired. Whether it was: of two nodes that look, one writes.
pub(crate) async fn expire(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(EXPIRE).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// The one that should have expired longest ago.
pub(crate) async fn late(db: &mut Connection, now: Moment) -> Result<Option<String>> {
    let found: Option<(String,)> = sqlx::query_as(LATE).bind(now).fetch_optional(db).await?;
    Ok(found.map(|(id,)| id))
}
