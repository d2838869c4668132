//! Sessions: a row each, so that a customer sees and ends them (ASVS 7.4). The cookie holds 256 random bits, and the table the
//! SHA-256 of them.

use sha2::{Digest, Sha256};

use super::{from_row, statements};
use crate::{
    clock::{HOUR, Moment},
    database::Connection,
    error::Result,
    random::{self, hex},
};

statements! {
    ADD = "INSERT INTO session (token, id, kind, subject, address, agent, made_at, seen_at, ends_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)";
    TOUCH = "UPDATE session SET seen_at = CASE WHEN seen_at > $1 THEN seen_at ELSE $1 END WHERE token = $2 AND kind = $3 AND ends_at > $1 AND seen_at > $4
             RETURNING id, subject, address, agent, made_at, seen_at";
    OF_SUBJECT = "SELECT id, subject, address, agent, made_at, seen_at FROM session
                  WHERE kind = $1 AND subject = $2 AND ends_at > $3 AND seen_at > $4 ORDER BY seen_at DESC";
    END = "DELETE FROM session WHERE id = $1 AND kind = $2 AND subject = $3";
    END_TOKEN = "DELETE FROM session WHERE token = $1 AND kind = $2";
    END_ALL = "DELETE FROM session WHERE kind = $1 AND subject = $2";
    END_EVERYBODY = "DELETE FROM session";
    SWEEP = "DELETE FROM session WHERE ends_at NOT BETWEEN $1 AND $2";
    COUNT = "SELECT COUNT(*) FROM session WHERE ends_at > $1";
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionKind {
    Customer,
    Teller,
}

impl SessionKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Teller => "teller",
        }
    }
}

/// A session that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// The customer's number, or the teller's name.
    pub(crate) subject: String,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) made_at: Moment,
    pub(crate) seen_at: Moment,
}
from_row!(Session { id, subject, address, agent, made_at, seen_at });

/// A session that begins: whose, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) kind: SessionKind,
    pub(crate) subject: &'a str,
    pub(crate) address: &'a str,
    pub(crate) agent: &'a str,
}

fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Begins a session: a new token each time (ASVS 7.2.4).
pub(crate) async fn begin(
    db: &mut Connection,
    new: &NewSession<'_>,
    now: Moment,
    ends: Moment,
) -> Result<String> {
    let token = hex(&random::bytes::<32>()?);
    let add = sqlx::query(ADD).bind(digest(&token)).bind(random::id()?).bind(new.kind.name());
    let add = add.bind(new.subject).bind(new.address).bind(new.agent).bind(now).bind(ends);
    add.execute(db).await?;
    Ok(token)
}

/// The session of this token, which is seen now; `idle` is the longest that one may go unseen.
pub(crate) async fn touch(
    db: &mut Connection,
    kind: SessionKind,
    token: &str,
    now: Moment,
    idle: Moment,
) -> Result<Option<Session>> {
    let touch = sqlx::query_as(TOUCH).bind(now).bind(digest(token)).bind(kind.name()).bind(now - idle);
    Ok(touch.fetch_optional(db).await?)
}

/// The sessions of a subject that go on.
pub(crate) async fn of_subject(
    db: &mut Connection,
    kind: SessionKind,
    subject: &str,
    now: Moment,
    idle: Moment,
) -> Result<Vec<Session>> {
    let find = sqlx::query_as(OF_SUBJECT).bind(kind.name()).bind(subject).bind(now).bind(now - idle);
    Ok(find.fetch_all(db).await?)
}

/// Ends one session of this subject. Whether there was one.
pub(crate) async fn end(db: &mut Connection, kind: SessionKind, subject: &str, id: &str) -> Result<bool> {
    let end = sqlx::query(END).bind(id).bind(kind.name()).bind(subject);
    Ok(end.execute(db).await?.rows_affected() == 1)
}

/// Ends the session of this token: whoever logs in again leaves none behind (ASVS 7.2.4).
pub(crate) async fn end_token(db: &mut Connection, kind: SessionKind, token: &str) -> Result<()> {
    sqlx::query(END_TOKEN).bind(digest(token)).bind(kind.name()).execute(db).await?;
    Ok(())
}

/// Ends all of this subject.
pub(crate) async fn end_all(db: &mut Connection, kind: SessionKind, subject: &str) -> Result<()> {
    sqlx::query(END_ALL).bind(kind.name()).bind(subject).execute(db).await?;
    Ok(())
}

/// Ends every session: the books were restored.
pub(crate) async fn end_everybody(db: &mut Connection) -> Result<()> {
    sqlx::query(END_EVERYBODY).execute(db).await?;
    Ok(())
}

/// Removes what has ended, and what would last longer than a session's `life`: it was begun while the clock was ahead.
pub(crate) async fn sweep(db: &mut Connection, now: Moment, life: Moment) -> Result<()> {
    sqlx::query(SWEEP).bind(now + 1).bind(now + life + HOUR).execute(db).await?;
    Ok(())
}

pub(crate) async fn count(db: &mut Connection, now: Moment) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(COUNT).bind(now).fetch_one(db).await?;
    Ok(count)
}
