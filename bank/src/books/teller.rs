//! Tellers. `bank teller add` makes them; no page does.

use super::statements;
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO teller (name, hash, active, made_at) VALUES ($1, $2, 1, $3) ON CONFLICT (name) DO NOTHING";
    HASH = "SELECT hash FROM teller WHERE name = $1 AND active = 1";
    SET_HASH = "UPDATE teller SET hash = $1 WHERE name = $2 AND active = 1";
    STOP = "UPDATE teller SET active = 0 WHERE name = $1 AND active = 1";
}

/// Whether the name was free.
pub(crate) async fn add(db: &mut Connection, name: &str, hash: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(ADD).bind(name).bind(hash).bind(now).execute(db).await?.rows_affected() == 1)
}

/// The hash of the password of a teller who works here.
pub(crate) async fn hash(db: &mut Connection, name: &str) -> Result<Option<String>> {
    let found: Option<(String,)> = sqlx::query_as(HASH).bind(name).fetch_optional(db).await?;
    Ok(found.map(|(hash,)| hash))
}

/// Another password. Whether such a teller works here.
pub(crate) async fn set_hash(db: &mut Connection, name: &str, hash: &str) -> Result<bool> {
    Ok(sqlx::query(SET_HASH).bind(hash).bind(name).execute(db).await?.rows_affected() == 1)
}

/// The teller no longer works here. Whether there was one.
pub(crate) async fn stop(db: &mut Connection, name: &str) -> Result<bool> {
    Ok(sqlx::query(STOP).bind(name).execute(db).await?.rows_affected() == 1)
}
