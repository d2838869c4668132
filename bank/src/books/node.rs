//! The nodes that serve: a row each, which its node renews. Whoever takes something out of the tables looks here first.

use super::statements;
use crate::{
    clock::Moment,
    database::{Connection, SILENCE},
    error::Result,
};

statements! {
    SEEN = "INSERT INTO node (id, knows, started_at, seen_at) VALUES ($1, $2, $3, $3)
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at";
    GONE = "DELETE FROM node WHERE id = $1";
    SWEEP = "DELETE FROM node WHERE seen_at NOT BETWEEN $1 AND $2";
    COUNT = "SELECT COUNT(*) FROM node WHERE seen_at BETWEEN $1 AND $2";
    ALL = "SELECT id, seen_at FROM node";
    FORMER = "SELECT COUNT(*) FROM node WHERE seen_at BETWEEN $1 AND $2 AND (knows < $3 OR started_at < $4)";
}

/// This node serves, with a program whose newest migration this is.
pub(crate) async fn seen(db: &mut Connection, id: &str, knows: &str, now: Moment) -> Result<()> {
    sqlx::query(SEEN).bind(id).bind(knows).bind(now).execute(db).await?;
    Ok(())
}

/// This node has stopped in order.
pub(crate) async fn gone(db: &mut Connection, id: &str) -> Result<()> {
    sqlx::query(GONE).bind(id).execute(db).await?;
    Ok(())
}

/// Forgets those that were killed, and those that were killed while a clock was wrong.
pub(crate) async fn sweep(db: &mut Connection, now: Moment) -> Result<()> {
    sqlx::query(SWEEP).bind(now - SILENCE).bind(now + SILENCE).execute(db).await?;
    Ok(())
}

/// How many serve by a program that does not know a migration, or were started before a moment.
pub(crate) async fn former(db: &mut Connection, now: Moment, knows: &str, started: Moment) -> Result<i64> {
    let count = sqlx::query_as(FORMER).bind(now - SILENCE).bind(now + SILENCE).bind(knows).bind(started);
    let (count,): (i64,) = count.fetch_one(db).await?;
    Ok(count)
}

/// How many serve.
pub(crate) async fn count(db: &mut Connection, now: Moment) -> Result<i64> {
    let count = sqlx::query_as(COUNT).bind(now - SILENCE).bind(now + SILENCE);
    let (count,): (i64,) = count.fetch_one(db).await?;
    Ok(count)
}

/// Each node, and when it was seen last by its own clock.
pub(crate) async fn all(db: &mut Connection) -> Result<Vec<(String, Moment)>> {
    Ok(sqlx::query_as(ALL).fetch_all(db).await?)
}
