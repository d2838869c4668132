//! The lists of revoked certificates, as they were signed.

use authority::certificate_kind::Kind;

use super::{from_row, statements};
use crate::{
    clock::{Moment, SECOND},
    database::Connection,
    error::Result,
};

statements! {
    LATEST = "SELECT number, revocations, this_update, next_update, der FROM crl WHERE kind = $1
              ORDER BY number DESC LIMIT 1";
    REVOCATIONS = "SELECT revocations FROM crl_head WHERE id = 1";
    NEXT = "UPDATE crl_head SET number = number + 1 WHERE id = 1 RETURNING number, revocations";
    LEAP = "UPDATE crl_head SET number = CASE WHEN number < $1 THEN $1 ELSE number + 1 END WHERE id = 1";
    ADD = "INSERT INTO crl (number, kind, revocations, this_update, next_update, der) VALUES ($1, $2, $3, $4, $5, $6)";
    SWEEP = "DELETE FROM crl WHERE number < $1";
}

/// A list.
#[derive(Clone, Debug)]
pub(crate) struct Crl {
    pub(crate) number: i64,
    /// How many revocations there were when it was made.
    pub(crate) revocations: i64,
    pub(crate) this_update: Moment,
    pub(crate) next_update: Moment,
    pub(crate) der: Vec<u8>,
}
from_row!(Crl { number, revocations, this_update, next_update, der });

pub(crate) async fn latest(db: &mut Connection, kind: Kind) -> Result<Option<Crl>> {
    Ok(sqlx::query_as(LATEST).bind(kind.name()).fetch_optional(db).await?)
}

/// How many revocations there were until now.
pub(crate) async fn revocations(db: &mut Connection) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(REVOCATIONS).fetch_one(db).await?;
    Ok(count)
}

/// Spends the next number, and holds it until the end of the transaction: the number, and how many revocations there are.
pub(crate) async fn next(db: &mut Connection) -> Result<(i64, i64)> {
    Ok(sqlx::query_as(NEXT).fetch_one(db).await?)
}

/// Goes on from the number of this second: above what was given before, where the books are older than the lists that were handed out
/// (RFC 5280, 5.2.3: numbers only grow).
pub(crate) async fn leap(db: &mut Connection, now: Moment) -> Result<()> {
    sqlx::query(LEAP).bind(now.div_euclid(SECOND)).execute(db).await?;
    Ok(())
}

pub(crate) async fn add(db: &mut Connection, kind: Kind, new: &Crl) -> Result<()> {
    let add = sqlx::query(ADD).bind(new.number).bind(kind.name()).bind(new.revocations);
    add.bind(new.this_update).bind(new.next_update).bind(new.der.clone()).execute(db).await?;
    Ok(())
}

/// Removes all lists before this number: the newest one has all that they have.
pub(crate) async fn sweep(db: &mut Connection, before: i64) -> Result<()> {
    sqlx::query(SWEEP).bind(before).execute(db).await?;
    Ok(())
}
