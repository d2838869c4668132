//! The outgoing queue: what other banks are to be told. A row is written in the posting's transaction, so a payment that was
//! posted is never forgotten, and one that was not is never sent.

use super::statements;
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO remittance (order_id, state, queued_at) VALUES ($1, 'waiting', $2)";
    NEXT = "SELECT order_id FROM remittance WHERE state = 'waiting' ORDER BY queued_at, order_id LIMIT 1";
    ANSWER = "UPDATE remittance SET state = $1, answer = $2, answered_at = $3
              WHERE order_id = $4 AND state = 'waiting'";
    FIND = "SELECT state, answer FROM remittance WHERE order_id = $1";
    WAITING = "SELECT COUNT(*) FROM remittance WHERE state = 'waiting'";
}

pub(crate) async fn add(db: &mut Connection, order: &str, now: Moment) -> Result<()> {
    sqlx::query(ADD).bind(order).bind(now).execute(db).await?;
    Ok(())
}

/// The order that has waited longest.
pub(crate) async fn next(db: &mut Connection) -> Result<Option<String>> {
    let found: Option<(String,)> = sqlx::query_as(NEXT).fetch_optional(db).await?;
    Ok(found.map(|(order,)| order))
}

/// waiting → accepted or returned. Whether it waited: of two nodes that ask the other bank, one writes the answer.
pub(crate) async fn answer(
    db: &mut Connection,
    order: &str,
    is_accepted: bool,
    words: &str,
    now: Moment,
) -> Result<bool> {
    let state = if is_accepted { "accepted" } else { "returned" };
    let change = sqlx::query(ANSWER).bind(state).bind(words).bind(now).bind(order);
    Ok(change.execute(db).await?.rows_affected() == 1)
}

/// How it stands, and what the other bank said.
pub(crate) async fn find(db: &mut Connection, order: &str) -> Result<Option<(String, String)>> {
    Ok(sqlx::query_as(FIND).bind(order).fetch_optional(db).await?)
}

pub(crate) async fn waiting(db: &mut Connection) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(WAITING).fetch_one(db).await?;
    Ok(count)
}
