//! The outbox of webhooks: what merchants are to be told. A row is written in the transaction of what it tells, so that nothing that has
//! happened is forgotten, and nothing is told that has not happened.

use super::{from_row, statements};
use crate::{
    clock::{HOUR, Moment, SECOND},
    database::Connection,
    error::Result,
};

statements! {
    ADD = "INSERT INTO webhook (id, merchant, purchase, body, state, due_at, made_at)
           SELECT CAST($1 AS TEXT), m.id, CAST($2 AS TEXT), CAST($3 AS TEXT), 'waiting', CAST($4 AS BIGINT), CAST($4 AS BIGINT)
           FROM merchant m WHERE m.id = $5 AND m.webhook <> ''";
    NEXT = "SELECT w.id, w.merchant, w.purchase, w.body, w.state, w.tries, w.due_at, w.leased_until, w.answer, w.made_at
            FROM webhook w WHERE w.state = 'waiting' AND w.due_at NOT BETWEEN $1 AND $3 AND w.leased_until NOT BETWEEN $1 AND $4
            AND NOT EXISTS (SELECT 1 FROM webhook o WHERE o.merchant = w.merchant AND o.state = 'waiting'
                            AND o.leased_until BETWEEN $1 AND $4)
            AND (CAST($2 AS BIGINT) = 0 OR NOT EXISTS (SELECT 1 FROM webhook f WHERE f.merchant = w.merchant
                                                       AND f.state = 'waiting' AND f.tries > 0))
            ORDER BY w.due_at, w.id LIMIT 1";
    LEASE = "UPDATE webhook SET tries = tries + 1, leased_until = $1
             WHERE id = $2 AND state = 'waiting' AND tries = $3 AND leased_until = $4";
    SENT = "UPDATE webhook SET state = 'sent', answer = $1, ended_at = $2, leased_until = 0
            WHERE id = $3 AND state = 'waiting' AND tries = $4";
    LATER = "UPDATE webhook SET due_at = $1, answer = $2, leased_until = 0
             WHERE id = $3 AND state = 'waiting' AND tries = $4";
    FAILED = "UPDATE webhook SET state = 'failed', answer = $1, ended_at = $2, leased_until = 0
              WHERE id = $3 AND state = 'waiting' AND tries = $4";
    RESEND = "UPDATE webhook SET state = 'waiting', tries = 0, due_at = $1, leased_until = 0, ended_at = NULL WHERE id = $2";
    OF_MERCHANT = "SELECT id, merchant, purchase, body, state, tries, due_at, leased_until, answer, made_at FROM webhook
                   WHERE merchant = $1 ORDER BY made_at DESC, id LIMIT 100";
    COUNT = "SELECT COUNT(*) FROM webhook WHERE state = $1";
}

/// Something that a merchant is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// The header `webhook-id`: the same at each try, so that the receiver knows what it was told before.
    pub(crate) id: String,
    pub(crate) merchant: String,
    pub(crate) purchase: String,
    pub(crate) body: String,
    pub(crate) state: String,
    pub(crate) tries: i64,
    pub(crate) due_at: Moment,
    leased_until: Moment,
    /// What the receiver said last.
    pub(crate) answer: String,
    pub(crate) made_at: Moment,
}
from_row!(Webhook { id, merchant, purchase, body, state, tries, due_at, leased_until, answer, made_at });

/// Writes a row, where the merchant wants to be told.
pub(crate) async fn add(
    db: &mut Connection,
    id: &str,
    merchant: &str,
    purchase: &str,
    body: &str,
    now: Moment,
) -> Result<()> {
    sqlx::query(ADD).bind(id).bind(purchase).bind(body).bind(now).bind(merchant).execute(db).await?;
    Ok(())
}

/// A node that was killed while it sent gives the row back after so long.
pub(crate) const LEASE_LASTS: Moment = 30 * SECOND;
/// No pause between two tries is longer.
pub(crate) const LONGEST_PAUSE: Moment = 30 * HOUR;

/// The one that has waited longest, of merchants to whom nothing is being sent; `ready`: of those alone whose last webhook arrived. What is
/// due or held at a moment that no pause and no lease reaches was written while the clock was ahead, and is due now.
pub(crate) async fn next(db: &mut Connection, now: Moment, ready: bool) -> Result<Option<Webhook>> {
    let find = sqlx::query_as(NEXT).bind(now + 1).bind(i64::from(ready));
    Ok(find.bind(now + LONGEST_PAUSE).bind(now + LEASE_LASTS).fetch_optional(db).await?)
}

/// Takes it for this node, and counts a try before anything is sent. Whether no other node was faster.
pub(crate) async fn lease(db: &mut Connection, webhook: &mut Webhook, until: Moment) -> Result<bool> {
    let lease =
        sqlx::query(LEASE).bind(until).bind(&webhook.id).bind(webhook.tries).bind(webhook.leased_until);
    let is_ours = lease.execute(db).await?.rows_affected() == 1;
    webhook.tries += i64::from(is_ours);
    Ok(is_ours)
}

/// The receiver has taken it.
pub(crate) async fn sent(db: &mut Connection, webhook: &Webhook, answer: &str, now: Moment) -> Result<()> {
    sqlx::query(SENT).bind(answer).bind(now).bind(&webhook.id).bind(webhook.tries).execute(db).await?;
    Ok(())
}

/// It is tried again at this moment.
pub(crate) async fn later(db: &mut Connection, webhook: &Webhook, answer: &str, due: Moment) -> Result<()> {
    sqlx::query(LATER).bind(due).bind(answer).bind(&webhook.id).bind(webhook.tries).execute(db).await?;
    Ok(())
}

/// It is tried no more, until the operator says so.
pub(crate) async fn failed(db: &mut Connection, webhook: &Webhook, answer: &str, now: Moment) -> Result<()> {
    sqlx::query(FAILED).bind(answer).bind(now).bind(&webhook.id).bind(webhook.tries).execute(db).await?;
    Ok(())
}

/// The operator has it sent once more. Whether there is such a row.
pub(crate) async fn resend(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(RESEND).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// The last 100 of a merchant.
pub(crate) async fn of_merchant(db: &mut Connection, merchant: &str) -> Result<Vec<Webhook>> {
    Ok(sqlx::query_as(OF_MERCHANT).bind(merchant).fetch_all(db).await?)
}

/// How many are `waiting`, or `failed`.
pub(crate) async fn count(db: &mut Connection, state: &str) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(COUNT).bind(state).fetch_one(db).await?;
    Ok(count)
}
