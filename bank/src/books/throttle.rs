//! Failed log-ins, by account and address: whoever guesses waits, and a stranger elsewhere cannot lock a customer out
//! (ASVS 6.1.1). In the database, so that all nodes count alike.

use super::statements;
use crate::{
    clock::{DAY, MINUTE, Moment, SECOND},
    database::Connection,
    error::Result,
};

statements! {
    MAKE = "INSERT INTO throttle (subject, failures, open_at, at) VALUES ($1, 0, 0, $2)
            ON CONFLICT (subject) DO NOTHING";
    PAY = "UPDATE throttle SET failures = CASE WHEN at < $2 THEN 1 ELSE failures + 1 END, at = $3
           WHERE subject = $1 AND open_at <= $3 RETURNING failures";
    WAIT = "UPDATE throttle SET open_at = $2 WHERE subject = $1 AND open_at < $2";
    GIVE_BACK = "UPDATE throttle SET failures = failures - 1, open_at = 0 WHERE subject = $1 AND failures > 0";
    FORGET = "DELETE FROM throttle WHERE subject = $1";
    SWEEP = "DELETE FROM throttle WHERE at NOT BETWEEN $1 AND $2";
}

/// Pays one try of this subject, before anything is compared, in one transaction: two that try at once do not both come before
/// the wait. `free` tries cost nothing; after them the next one waits a second,
/// and twice as long each time, up to a quarter of an hour. Whether the subject may try.
pub(crate) async fn pay(db: &mut Connection, subject: &str, free: i64, now: Moment) -> Result<bool> {
    sqlx::query(MAKE).bind(subject).bind(now).execute(&mut *db).await?;
    let pay = sqlx::query_as(PAY).bind(subject).bind(now - DAY).bind(now);
    let Some((failures,)): Option<(i64,)> = pay.fetch_optional(&mut *db).await? else { return Ok(false) };
    if failures >= free {
        let doublings = u32::try_from(failures - free).unwrap_or(20).min(20);
        let wait = (SECOND << doublings).min(15 * MINUTE);
        sqlx::query(WAIT).bind(subject).bind(now + wait).execute(&mut *db).await?;
    }
    Ok(true)
}

/// Gives a try back that was no guess. It was allowed, so nobody had to wait when it was paid, and nobody has to wait now.
pub(crate) async fn give_back(db: &mut Connection, subject: &str) -> Result<()> {
    sqlx::query(GIVE_BACK).bind(subject).execute(db).await?;
    Ok(())
}

/// Gives both tries of a log-in back. Where the first one is gone, the log-in has succeeded all the same, and has given back both.
pub(crate) async fn give_both_back(db: &mut Connection, own: &str, all: &str) -> Result<()> {
    if sqlx::query(GIVE_BACK).bind(own).execute(&mut *db).await?.rows_affected() == 1 {
        give_back(db, all).await?;
    }
    Ok(())
}

/// A success forgets the failures of its own account and address.
pub(crate) async fn forget(db: &mut Connection, subject: &str) -> Result<()> {
    sqlx::query(FORGET).bind(subject).execute(db).await?;
    Ok(())
}

/// Removes what is older than a day, and what was written while the clock was ahead: nobody waits for a time that is far away.
pub(crate) async fn sweep(db: &mut Connection, now: Moment) -> Result<()> {
    sqlx::query(SWEEP).bind(now - DAY).bind(now + MINUTE).execute(db).await?;
    Ok(())
}
