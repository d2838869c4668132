//! The lists of revoked certificates, as they were signed.

use authority::certificate_kind::Kind;

use super::{from_row, statements};
use crate::{
    clock::{Moment, SECOND},
    database::Connection,
    error::Result,
};

statements! {
    LATEST = "SELECT number, revocations, this_update, next_update, der FROM crl WHERE kind = $1 AND generation = $2
              ORDER BY number DESC LIMIT 1";
    REVOCATIONS = "SELECT revocations FROM crl_head WHERE id = 1";
    NEXT = "UPDATE crl_head SET number = number + 1 WHERE id = 1 RETURNING number, revocations";
    LEAP = "UPDATE crl_head SET number = CASE WHEN number < $1 THEN $1 ELSE number + 1 END WHERE id = 1";
    ADD = "INSERT INTO crl (number, kind, generation, revocations, this_update, next_update, der) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SWEEP = "DELETE FROM crl WHERE generation = $1 AND number NOT IN (SELECT number FROM crl WHERE generation = $1 ORDER BY number DESC LIMIT 20)";
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

/// The newest list of a kind and of a generation of the CA's keys.
pub(crate) async fn latest(db: &mut Connection, kind: Kind, generation: i64) -> Result<Option<Crl>> {
    Ok(sqlx::query_as(LATEST).bind(kind.name()).bind(generation).fetch_optional(db).await?)
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

pub(crate) async fn add(db: &mut Connection, kind: Kind, generation: i64, new: &Crl) -> Result<()> {
    let add = sqlx::query(ADD).bind(new.number).bind(kind.name()).bind(generation).bind(new.revocations);
    add.bind(new.this_update).bind(new.next_update).bind(new.der.clone()).execute(db).await?;
    Ok(())
}

/// Removes the lists of a generation that others have followed long ago: the newest one has all that they have.
pub(crate) async fn sweep(db: &mut Connection, generation: i64) -> Result<()> {
    sqlx::query(SWEEP).bind(generation).execute(db).await?;
    Ok(())
}
