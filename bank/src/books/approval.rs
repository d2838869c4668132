//! What wants a second teller: one asks, another one answers.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO approval (id, action, customer, detail, state, asked_by, asked_at)
           VALUES ($1, $2, $3, $4, 'waiting', $5, $6)";
    FIND = "SELECT a.id, a.action, a.customer, c.name AS customer_name, a.detail, a.state, a.asked_by
            FROM approval a JOIN customer c ON c.id = a.customer WHERE a.id = $1";
    WAITING = "SELECT a.id, a.action, a.customer, c.name AS customer_name, a.detail, a.state, a.asked_by
               FROM approval a JOIN customer c ON c.id = a.customer
               WHERE a.state = 'waiting' ORDER BY a.asked_at, a.id LIMIT 200";
    APPROVED = "SELECT customer, detail, answered_at FROM approval
                WHERE id = $1 AND action = $2 AND asked_by = $3 AND state = 'approved' AND answered_at IS NOT NULL";
    ANSWER = "UPDATE approval SET state = $1, answered_by = $2, answered_at = $3
              WHERE id = $4 AND state = 'waiting' AND ($1 = 'refused' OR asked_by <> $2)
              AND EXISTS (SELECT 1 FROM teller WHERE name = $2 AND active = 1)";
    WITHDRAW = "UPDATE approval SET state = 'refused', answered_by = $1, answered_at = $2
                WHERE asked_by = $1 AND state = 'waiting'";
}

/// A request of one teller that waits for another.
#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) customer: String,
    pub(crate) customer_name: String,
    pub(crate) detail: String,
    pub(crate) state: String,
    pub(crate) asked_by: String,
}
from_row!(Approval { id, action, customer, customer_name, detail, state, asked_by });

pub(crate) async fn add(db: &mut Connection, new: &Approval, now: Moment) -> Result<()> {
    let add = sqlx::query(ADD).bind(&new.id).bind(&new.action).bind(&new.customer).bind(&new.detail);
    add.bind(&new.asked_by).bind(now).execute(db).await?;
    Ok(())
}

pub(crate) async fn find(db: &mut Connection, id: &str) -> Result<Option<Approval>> {
    Ok(sqlx::query_as(FIND).bind(id).fetch_optional(db).await?)
}

/// The customer, the detail and the moment of what this teller has asked and another one has approved.
pub(crate) async fn approved(
    db: &mut Connection,
    id: &str,
    action: &str,
    asked_by: &str,
) -> Result<Option<(String, String, Moment)>> {
    Ok(sqlx::query_as(APPROVED).bind(id).bind(action).bind(asked_by).fetch_optional(db).await?)
}

/// All that wait.
pub(crate) async fn waiting(db: &mut Connection) -> Result<Vec<Approval>> {
    Ok(sqlx::query_as(WAITING).fetch_all(db).await?)
}

/// waiting → approved or refused. Whether it waited, and for this teller: who asked cannot approve, but can take back.
pub(crate) async fn answer(
    db: &mut Connection,
    id: &str,
    is_approved: bool,
    teller: &str,
    now: Moment,
) -> Result<bool> {
    let state = if is_approved { "approved" } else { "refused" };
    let answer = sqlx::query(ANSWER).bind(state).bind(teller).bind(now).bind(id);
    Ok(answer.execute(db).await?.rows_affected() == 1)
}

/// What a teller who no longer works here has asked is not to be approved any more. How many there were.
pub(crate) async fn withdraw(db: &mut Connection, teller: &str, now: Moment) -> Result<u64> {
    Ok(sqlx::query(WITHDRAW).bind(teller).bind(now).execute(db).await?.rows_affected())
}
