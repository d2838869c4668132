//! Orders: what a customer wants paid. An order never changes what it pays: another amount is another order.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result, money::Fen};

statements! {
    ADD = "INSERT INTO payment_order (id, customer, kind, payer, payee, payee_name, payee_bank, amount, memo, state,
           form_key, created_at, expires_at, purchase)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'created', $10, $11, $12, $13)
           ON CONFLICT (customer, form_key) DO NOTHING";
    FIND = "SELECT id, customer, kind, payer, payee, payee_name, payee_bank, amount, memo, state, method, refusal,
            created_at, expires_at, purchase FROM payment_order WHERE id = $1";
    BY_FORM = "SELECT id, customer, kind, payer, payee, payee_name, payee_bank, amount, memo, state, method, refusal,
               created_at, expires_at, purchase FROM payment_order WHERE customer = $1 AND form_key = $2";
    OF_CUSTOMER = "SELECT id, customer, kind, payer, payee, payee_name, payee_bank, amount, memo, state, method,
                   refusal, created_at, expires_at, purchase FROM payment_order WHERE customer = $1
                   ORDER BY created_at DESC, id LIMIT 50";
    CHALLENGE = "UPDATE payment_order SET state = 'challenged', method = $1
                 WHERE id = $2 AND state IN ('created', 'challenged') AND expires_at > $3";
    AUTHORISE = "UPDATE payment_order SET state = 'authorised'
                 WHERE id = $1 AND state = 'challenged' AND expires_at > $2";
    POST = "UPDATE payment_order SET state = 'posted', ended_at = $1 WHERE id = $2 AND state = 'authorised'";
    CANCEL = "UPDATE payment_order SET state = 'cancelled', ended_at = $1
              WHERE id = $2 AND state IN ('created', 'challenged')";
    REFUSE = "UPDATE payment_order SET state = 'refused', refusal = $1, ended_at = $2
              WHERE id = $3 AND state IN ('created', 'challenged')";
    EXPIRE_OF = "UPDATE payment_order SET state = 'expired', ended_at = $1
                 WHERE customer = $2 AND state IN ('created', 'challenged') AND expires_at <= $1";
    LATE_OF = "SELECT COUNT(*) FROM payment_order WHERE customer = $1 AND state IN ('created', 'challenged') AND expires_at <= $2";
    EXPIRE = "UPDATE payment_order SET state = 'expired', ended_at = $1
              WHERE state IN ('created', 'challenged') AND expires_at <= $1";
}

/// What an order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderKind {
    /// Pays a payee of this bank, as merchants' payments do: wants e-commerce to be enabled.
    Payment,
    /// To an account of this bank.
    Transfer,
    /// To another bank, by the outgoing queue.
    Remittance,
}

impl OrderKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Transfer => "transfer",
            Self::Remittance => "remittance",
        }
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: String,
    kind: String,
    pub(crate) payer: String,
    pub(crate) payee: String,
    pub(crate) payee_name: String,
    pub(crate) payee_bank: String,
    amount: i64,
    pub(crate) memo: String,
    /// As the database last had it; see [`Order::is_open`].
    pub(crate) state: String,
    pub(crate) method: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) created_at: Moment,
    pub(crate) expires_at: Moment,
    /// The merchant's order that it pays.
    pub(crate) purchase: Option<String>,
}
from_row!(Order {
    id,
    customer,
    kind,
    payer,
    payee,
    payee_name,
    payee_bank,
    amount,
    memo,
    state,
    method,
    refusal,
    created_at,
    expires_at,
    purchase
});

/// An order that is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewOrder {
    pub(crate) kind: OrderKind,
    pub(crate) payer: String,
    pub(crate) payee: String,
    pub(crate) payee_name: String,
    pub(crate) payee_bank: String,
    pub(crate) amount: Fen,
    pub(crate) memo: String,
    /// The hidden key of the page that it was written on.
    pub(crate) form_key: String,
    /// The merchant's order that it pays.
    pub(crate) purchase: Option<String>,
}

impl Order {
    pub(crate) const fn amount(&self) -> Fen {
        Fen(self.amount)
    }

    pub(crate) fn kind(&self) -> OrderKind {
        match self.kind.as_str() {
            "transfer" => OrderKind::Transfer,
            "remittance" => OrderKind::Remittance,
            _ => OrderKind::Payment,
        }
    }

    /// Whether it can still be paid.
    pub(crate) fn is_open(&self, now: Moment) -> bool {
        matches!(self.state.as_str(), "created" | "challenged") && now < self.expires_at
    }

    /// Whether it pays what the form wanted.
    pub(crate) fn is_as(&self, new: &NewOrder) -> bool {
        self.kind == new.kind.name()
            && self.payer == new.payer
            && self.payee == new.payee
            && self.payee_name == new.payee_name
            && self.payee_bank == new.payee_bank
            && self.amount == new.amount.0
            && self.memo == new.memo
            && self.purchase == new.purchase
    }
}

/// Writes an order. [`None`]: this page was sent before.
pub(crate) async fn add(
    db: &mut Connection,
    id: &str,
    customer: &str,
    new: &NewOrder,
    now: Moment,
    expires: Moment,
) -> Result<bool> {
    let add =
        sqlx::query(ADD).bind(id).bind(customer).bind(new.kind.name()).bind(&new.payer).bind(&new.payee);
    let add = add.bind(&new.payee_name).bind(&new.payee_bank).bind(new.amount.0).bind(&new.memo);
    let add = add.bind(&new.form_key).bind(now).bind(expires).bind(&new.purchase);
    Ok(add.execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn find(db: &mut Connection, id: &str) -> Result<Option<Order>> {
    Ok(sqlx::query_as(FIND).bind(id).fetch_optional(db).await?)
}

/// The order that this page has made.
pub(crate) async fn by_form(db: &mut Connection, customer: &str, form_key: &str) -> Result<Option<Order>> {
    Ok(sqlx::query_as(BY_FORM).bind(customer).bind(form_key).fetch_optional(db).await?)
}

/// The customer's last 50.
pub(crate) async fn of_customer(db: &mut Connection, customer: &str) -> Result<Vec<Order>> {
    Ok(sqlx::query_as(OF_CUSTOMER).bind(customer).fetch_all(db).await?)
}

/// created or challenged → challenged. Whether it was open.
pub(crate) async fn challenge(db: &mut Connection, id: &str, method: &str, now: Moment) -> Result<bool> {
    let change = sqlx::query(CHALLENGE).bind(method).bind(id).bind(now);
    Ok(change.execute(db).await?.rows_affected() == 1)
}

/// challenged → authorised. Whether it was challenged, and not expired.
pub(crate) async fn authorise(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(AUTHORISE).bind(id).bind(now).execute(db).await?.rows_affected() == 1)
}

/// authorised → posted. Whether it was authorised.
pub(crate) async fn post(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(POST).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// created or challenged → cancelled. Whether it was.
pub(crate) async fn cancel(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(CANCEL).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// created or challenged → refused, for this reason. Whether it was.
pub(crate) async fn refuse(db: &mut Connection, id: &str, why: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(REFUSE).bind(why).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// Whether orders of this customer are too old, and nobody has written that down yet.
pub(crate) async fn has_late(db: &mut Connection, customer: &str, now: Moment) -> Result<bool> {
    let (late,): (i64,) = sqlx::query_as(LATE_OF).bind(customer).bind(now).fetch_one(db).await?;
    Ok(late > 0)
}

/// Those of this customer that are too old → expired.
pub(crate) async fn expire_of(db: &mut Connection, customer: &str, now: Moment) -> Result<()> {
    sqlx::query(EXPIRE_OF).bind(now).bind(customer).execute(db).await?;
    Ok(())
}

/// All that are too old → expired. How many.
pub(crate) async fn expire(db: &mut Connection, now: Moment) -> Result<u64> {
    Ok(sqlx::query(EXPIRE).bind(now).execute(db).await?.rows_affected())
}
