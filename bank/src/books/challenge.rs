//! Challenges: what a customer is asked before an order is paid. A challenge belongs to one session, one order and one method;
//! an order has one live challenge at most, and a new one ends the former.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    KILL = "UPDATE challenge SET state = 'dead' WHERE order_id = $1 AND state = 'live'";
    KILL_ALL = "UPDATE challenge SET state = 'dead' WHERE state = 'live'";
    ADD = "INSERT INTO challenge (id, order_id, session, method, pair, state, made_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, 'live', $6, $7)";
    FIND = "SELECT id, method, pair FROM challenge
            WHERE id = $1 AND order_id = $2 AND session = $3 AND state = 'live' AND expires_at > $4";
    LIVE = "SELECT id, method, pair FROM challenge
            WHERE order_id = $1 AND session = $2 AND state = 'live' AND expires_at > $3";
    USE = "UPDATE challenge SET state = 'used' WHERE id = $1 AND state = 'live' AND expires_at > $2";
}

/// A challenge that can be answered.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub(crate) id: String,
    pub(crate) method: String,
    /// The coordinates that a password card is asked.
    pub(crate) pair: Option<String>,
}
from_row!(Challenge { id, method, pair });

/// Ends the order's live challenge and makes this one, in one transaction.
pub(crate) async fn replace(
    db: &mut Connection,
    new: &Challenge,
    order: &str,
    session: &str,
    now: Moment,
    expires: Moment,
) -> Result<()> {
    sqlx::query(KILL).bind(order).execute(&mut *db).await?;
    let add = sqlx::query(ADD).bind(&new.id).bind(order).bind(session).bind(&new.method).bind(&new.pair);
    add.bind(now).bind(expires).execute(&mut *db).await?;
    Ok(())
}

/// The live challenge of this number, for this order and this session.
pub(crate) async fn find(
    db: &mut Connection,
    id: &str,
    order: &str,
    session: &str,
    now: Moment,
) -> Result<Option<Challenge>> {
    let find = sqlx::query_as(FIND).bind(id).bind(order).bind(session).bind(now);
    Ok(find.fetch_optional(db).await?)
}

/// The live challenge of this order for this session.
pub(crate) async fn live(
    db: &mut Connection,
    order: &str,
    session: &str,
    now: Moment,
) -> Result<Option<Challenge>> {
    Ok(sqlx::query_as(LIVE).bind(order).bind(session).bind(now).fetch_optional(db).await?)
}

/// Consumes a challenge, in the posting's transaction. Whether it was live.
pub(crate) async fn consume(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(USE).bind(id).bind(now).execute(db).await?.rows_affected() == 1)
}

/// Ends the order's live challenge.
pub(crate) async fn kill(db: &mut Connection, order: &str) -> Result<()> {
    sqlx::query(KILL).bind(order).execute(db).await?;
    Ok(())
}

/// Ends every live challenge: the books were restored.
pub(crate) async fn kill_all(db: &mut Connection) -> Result<()> {
    sqlx::query(KILL_ALL).execute(db).await?;
    Ok(())
}
