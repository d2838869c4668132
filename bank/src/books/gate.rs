//! The gate before a secret: five wrong answers in a row close it until midnight, and the second time for good, until the
//! counter opens it.
//!
//! A try is paid before anything is compared, so twenty who guess at once have five tries between them.

use std::time::{Duration, Instant};

use super::statements;
use crate::{
    clock::{MINUTE, Moment, next_midnight},
    database::{Connection, Database},
    error::Result,
    random,
};

statements! {
    MAKE = "INSERT INTO gate (subject) VALUES ($1) ON CONFLICT (subject) DO NOTHING";
    PAY = "UPDATE gate SET failures = CASE WHEN blocked_until > 0 THEN 1 ELSE failures + 1 END, blocked_until = 0
           WHERE subject = $1 AND closed = 0
           AND ((blocked_until = 0 AND failures < 5) OR (blocked_until > 0 AND blocked_until NOT BETWEEN $2 AND $3))";
    RECORD = "INSERT INTO attempt (id, subject, order_id, at) VALUES ($1, $2, $3, $4)";
    SETTLE = "INSERT INTO attempt (id, subject, order_id, at) SELECT $1, subject, order_id, at FROM attempt WHERE id = $2
              ON CONFLICT (id) DO NOTHING";
    BLOCK = "UPDATE gate SET blocked_until = $1, blocks = blocks + 1,
             closed = CASE WHEN blocks >= 1 THEN 1 ELSE 0 END
             WHERE subject = $2 AND failures >= 5 AND blocked_until = 0";
    LAST = "SELECT COALESCE(MAX(at), 0) FROM attempt WHERE subject = $1";
    FULL = "SELECT COUNT(*) FROM gate WHERE subject = $1 AND failures >= 5 AND blocked_until = 0 AND closed = 0";
    GIVE_BACK = "UPDATE gate SET failures = failures - 1
                 WHERE subject = $1 AND failures > 0 AND closed = 0 AND blocked_until = 0";
    PASS = "UPDATE gate SET failures = 0, blocks = 0 WHERE subject = $1 AND closed = 0 AND blocked_until = 0";
    OPEN = "UPDATE gate SET failures = 0, blocks = 0, blocked_until = 0, closed = 0 WHERE subject = $1";
    FIND = "SELECT blocked_until, closed FROM gate WHERE subject = $1";
}

/// What stands behind a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    Card(&'a str),
    Static(&'a str),
}

impl Subject<'_> {
    fn key(&self) -> String {
        match self {
            Self::Card(card) => format!("card:{card}"),
            Self::Static(customer) => format!("static:{customer}"),
        }
    }
}

/// How a gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Closed until this moment.
    Blocked(Moment),
    /// Closed until the counter opens it.
    Closed,
}

/// The gate, as it stands.
pub(crate) async fn look(db: &mut Connection, subject: &Subject<'_>, now: Moment) -> Result<Gate> {
    let found: Option<(i64, i64)> = sqlx::query_as(FIND).bind(subject.key()).fetch_optional(db).await?;
    Ok(match found {
        Some((_, 1)) => Gate::Closed,
        Some((until, _)) if (now + 1..=next_midnight(now)).contains(&until) => Gate::Blocked(until),
        _ => Gate::Open,
    })
}

/// A try: what it is paid at, and by which name it is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    id: String,
    subject: String,
    order: String,
    at: Moment,
    since: Instant,
}

impl Try {
    pub(crate) fn new(subject: &Subject<'_>, order: &str, at: Moment) -> Result<Self> {
        let (id, subject, order) = (random::id()?, subject.key(), order.to_owned());
        Ok(Self { id, subject, order, at, since: Instant::now() })
    }

    /// Whether the try counts as a guess by now, as every try does of which nobody says for a minute how it went: see [`is_stale`]. Given back
    /// later, it could be one of the tries that somebody else has guessed with meanwhile.
    pub(crate) fn is_over(&self) -> bool {
        self.since.elapsed() >= Duration::from_millis(MINUTE.unsigned_abs())
    }
}

/// Pays one try and keeps a record of it, in a transaction of its own: the try is paid whatever happens next. Whether the
/// gate was open.
pub(crate) async fn pay_try(database: &Database, wanted: &Try) -> Result<bool> {
    let (Try { id, subject, order, at, .. }, mut work) = (wanted, database.begin().await?);
    sqlx::query(MAKE).bind(subject).execute(&mut *work).await?;
    // No gate is closed for longer than until midnight: one that is was closed while the clock was ahead.
    let pay = sqlx::query(PAY).bind(subject).bind(at + 1).bind(next_midnight(*at));
    if pay.execute(&mut *work).await?.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query(RECORD).bind(id).bind(subject).bind(order).bind(at).execute(&mut *work).await?;
    work.commit().await?;
    Ok(true)
}

/// After a wrong answer: closes the gate if that was the fifth. Whether it was.
pub(crate) async fn block_if_due(db: &mut Connection, subject: &Subject<'_>, now: Moment) -> Result<bool> {
    let block = sqlx::query(BLOCK).bind(next_midnight(now)).bind(subject.key());
    Ok(block.execute(db).await?.rows_affected() == 1)
}

/// Whether five tries are paid and nobody has said yet how they went: whoever comes now waits, and pays no try.
pub(crate) async fn is_full(db: &mut Connection, subject: &Subject<'_>) -> Result<bool> {
    let (count,): (i64,) = sqlx::query_as(FULL).bind(subject.key()).fetch_one(db).await?;
    Ok(count > 0)
}

/// Whether the tries of a full gate are so old that the process which compared them was killed.
pub(crate) async fn is_stale(db: &mut Connection, subject: &Subject<'_>, now: Moment) -> Result<bool> {
    let (last,): (i64,) = sqlx::query_as(LAST).bind(subject.key()).fetch_one(&mut *db).await?;
    Ok(now - last >= MINUTE)
}

/// Says, in the transaction that decides it, that it is known how a try went: from then on it is not given back any more. A connection that breaks
/// at the end of a transaction leaves nobody knowing whether the transaction was carried out, and whoever asks again must not give back a try
/// that somebody else has paid. Whether the try was paid, and nobody knew.
pub(crate) async fn settle(db: &mut Connection, paid: &Try) -> Result<bool> {
    let settle = sqlx::query(SETTLE).bind(format!("{}:settled", paid.id)).bind(&paid.id);
    Ok(settle.execute(db).await?.rows_affected() == 1)
}

/// Gives one try back, in a transaction of the caller's: nothing was compared, or the answer was right and the order could not be paid. The tries of
/// others stay paid: a right answer to a question that is no longer asked must not buy five guesses at the next one. Twice is once.
pub(crate) async fn give_back(db: &mut Connection, paid: &Try) -> Result<()> {
    if settle(&mut *db, paid).await? {
        sqlx::query(GIVE_BACK).bind(&paid.subject).execute(db).await?;
    }
    Ok(())
}

/// After a right answer, in the posting's transaction. Whether the gate is still open.
pub(crate) async fn pass(db: &mut Connection, subject: &Subject<'_>) -> Result<bool> {
    Ok(sqlx::query(PASS).bind(subject.key()).execute(db).await?.rows_affected() == 1)
}

/// The counter opens the gate.
pub(crate) async fn open(db: &mut Connection, subject: &Subject<'_>) -> Result<()> {
    sqlx::query(OPEN).bind(subject.key()).execute(db).await?;
    Ok(())
}
