//! Requests that carry an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): each is carried out once, and its answer is
//! kept for a day.

use super::{from_row, statements};
use crate::{
    clock::{DAY, MINUTE, Moment},
    database::Connection,
    error::Result,
};

statements! {
    CLAIM = "INSERT INTO idempotency (merchant, name, request, state, until, made_at) VALUES ($1, $2, $3, 'running', $4, $5)
             ON CONFLICT (merchant, name) DO NOTHING";
    FIND = "SELECT request, state, until, status, body, made_at FROM idempotency WHERE merchant = $1 AND name = $2";
    TAKE = "UPDATE idempotency SET request = $1, state = 'running', until = $2, made_at = $3
            WHERE merchant = $4 AND name = $5 AND until = $6 AND (state = 'running' OR made_at <= $7)";
    FINISH = "UPDATE idempotency SET state = 'done', status = $1, body = $2
              WHERE merchant = $3 AND name = $4 AND state = 'running' AND until = $5";
    FORGET = "DELETE FROM idempotency WHERE merchant = $1 AND name = $2 AND state = 'running' AND until = $3";
    SWEEP = "DELETE FROM idempotency WHERE made_at <= $1";
}

/// A request that was killed runs no longer than this.
const LEASE: Moment = MINUTE;

/// What is known of a key.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The digest of what was asked.
    pub(crate) request: String,
    state: String,
    until: Moment,
    pub(crate) status: i64,
    pub(crate) body: String,
    made_at: Moment,
}
from_row!(Known { request, state, until, status, body, made_at });

/// A key as its merchant sends it, with the digest of what is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) merchant: &'a str,
    pub(crate) name: &'a str,
    pub(crate) request: &'a str,
}

/// Whose turn it is.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// The caller carries the request out, and names this moment when it is done.
    Own(Moment),
    /// It was carried out.
    Done(Known),
    /// It is being carried out.
    Running(Known),
}

/// Claims a key. A key that is older than a day is a new one, and a request that was killed is carried out by whoever asks next.
pub(crate) async fn claim(db: &mut Connection, asked: &Asked<'_>, now: Moment) -> Result<Turn> {
    let until = now + LEASE;
    let known = loop {
        let claim = sqlx::query(CLAIM).bind(asked.merchant).bind(asked.name).bind(asked.request);
        if claim.bind(until).bind(now).execute(&mut *db).await?.rows_affected() == 1 {
            return Ok(Turn::Own(until));
        }
        let find = sqlx::query_as::<_, Known>(FIND).bind(asked.merchant).bind(asked.name);
        // Whoever carried it out may have failed between the two statements, and then the key is free.
        if let Some(known) = find.fetch_optional(&mut *db).await? {
            break known;
        }
    };
    let is_old = known.made_at <= now - DAY;
    let is_left = known.state == "running"
        && !(now + 1..=until).contains(&known.until)
        && known.request == asked.request;
    if !is_old && !is_left {
        return Ok(if known.state == "done" { Turn::Done(known) } else { Turn::Running(known) });
    }
    let take = sqlx::query(TAKE).bind(asked.request).bind(until).bind(now).bind(asked.merchant);
    let taken = take.bind(asked.name).bind(known.until).bind(now - DAY).execute(db).await?;
    Ok(if taken.rows_affected() == 1 { Turn::Own(until) } else { Turn::Running(known) })
}

/// Keeps the answer, in the transaction of what was done. Whether the claim still stands.
pub(crate) async fn finish(
    db: &mut Connection,
    asked: &Asked<'_>,
    claim: Moment,
    (status, body): (u16, &str),
) -> Result<bool> {
    let finish = sqlx::query(FINISH).bind(i64::from(status)).bind(body).bind(asked.merchant).bind(asked.name);
    Ok(finish.bind(claim).execute(db).await?.rows_affected() == 1)
}

/// Nothing was done: the key is free again.
pub(crate) async fn forget(db: &mut Connection, asked: &Asked<'_>, claim: Moment) -> Result<()> {
    sqlx::query(FORGET).bind(asked.merchant).bind(asked.name).bind(claim).execute(db).await?;
    Ok(())
}

/// Forgets what is older than a day.
pub(crate) async fn sweep(db: &mut Connection, now: Moment) -> Result<()> {
    sqlx::query(SWEEP).bind(now - DAY).execute(db).await?;
    Ok(())
}
