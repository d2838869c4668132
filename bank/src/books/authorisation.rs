//! Authorisation codes: what the counter hands out, and what lets a program fetch the certificates of one shield.

use super::{from_row, statements};
use crate::{
    clock::{DAY, Moment},
    database::Connection,
    error::Result,
};

statements! {
    KILL = "UPDATE authorisation SET state = 'dead' WHERE shield = $1 AND state = 'live'";
    KILL_ALL = "UPDATE authorisation SET state = 'dead' WHERE state <> 'dead'";
    ADD = "INSERT INTO authorisation (reference, shield, mac, key_version, state, made_at, expires_at)
           VALUES ($1, $2, $3, $4, 'live', $5, $6)";
    PAY = "UPDATE authorisation SET tries = tries + 1
           WHERE reference = $1 AND state IN ('live', 'spent') AND tries < 5 AND expires_at > $2
           RETURNING reference, shield, mac, key_version, state";
    GIVE_BACK = "UPDATE authorisation SET tries = tries - 1 WHERE reference = $1 AND tries > 0";
    DIE = "UPDATE authorisation SET state = 'dead' WHERE reference = $1 AND tries >= 5 AND state = 'live'";
    COUNT = "UPDATE authorisation SET issued = issued + 1
             WHERE reference = $1 AND state = 'live' AND expires_at > $2 AND issued < 40";
    SPEND = "UPDATE authorisation SET state = 'spent', spent_at = $1 WHERE reference = $2 AND state = 'live'";
    OF_KEY = "SELECT COUNT(*) FROM authorisation WHERE key_version = $1 AND state IN ('live', 'spent') AND expires_at > $2";
    STATE = "SELECT state, expires_at FROM authorisation WHERE reference = $1";
}

/// A code is good for so long.
pub(crate) const LIFE: Moment = 10 * DAY;

/// A reference that was named.
#[derive(Clone, Debug)]
pub(crate) struct Authorisation {
    pub(crate) reference: String,
    pub(crate) shield: String,
    pub(crate) mac: String,
    /// The version of the key that has made the MAC.
    pub(crate) key_version: i64,
    state: String,
}
from_row!(Authorisation { reference, shield, mac, key_version, state });

impl Authorisation {
    /// Whether its certificates were delivered.
    pub(crate) fn is_spent(&self) -> bool {
        self.state == "spent"
    }
}

/// Writes a code in place of the former one of this shield.
pub(crate) async fn replace(
    db: &mut Connection,
    reference: &str,
    shield: &str,
    (mac, key_version): (&str, i64),
    now: Moment,
) -> Result<()> {
    kill(db, shield).await?;
    let add = sqlx::query(ADD).bind(reference).bind(shield).bind(mac).bind(key_version);
    add.bind(now).bind(now + LIFE).execute(db).await?;
    Ok(())
}

/// How many codes that are good name this version of the key.
pub(crate) async fn of_key_version(db: &mut Connection, version: i64, now: Moment) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(OF_KEY).bind(version).bind(now).fetch_one(db).await?;
    Ok(count)
}

/// No code is good any more.
pub(crate) async fn kill_all(db: &mut Connection) -> Result<()> {
    sqlx::query(KILL_ALL).execute(db).await?;
    Ok(())
}

/// Ends the live code of this shield.
pub(crate) async fn kill(db: &mut Connection, shield: &str) -> Result<()> {
    sqlx::query(KILL).bind(shield).execute(db).await?;
    Ok(())
}

/// Pays a try, and holds the row until the end of the transaction. [`None`]: the reference is unknown, dead, or too old.
pub(crate) async fn pay_try(
    db: &mut Connection,
    reference: &str,
    now: Moment,
) -> Result<Option<Authorisation>> {
    Ok(sqlx::query_as(PAY).bind(reference).bind(now).fetch_optional(db).await?)
}

/// The code was right, so the try costs nothing.
pub(crate) async fn give_back(db: &mut Connection, reference: &str) -> Result<()> {
    sqlx::query(GIVE_BACK).bind(reference).execute(db).await?;
    Ok(())
}

/// The code was wrong: the fifth time ends it. Whether this was the fifth.
pub(crate) async fn die_if_due(db: &mut Connection, reference: &str) -> Result<bool> {
    Ok(sqlx::query(DIE).bind(reference).execute(db).await?.rows_affected() == 1)
}

/// Counts a certificate that is issued for this code, and holds the row. Whether the code is live, and had fewer than forty.
pub(crate) async fn count(db: &mut Connection, reference: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(COUNT).bind(reference).bind(now).execute(db).await?.rows_affected() == 1)
}

/// live → spent. Whether it was live.
pub(crate) async fn spend(db: &mut Connection, reference: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(SPEND).bind(now).bind(reference).execute(db).await?.rows_affected() == 1)
}

/// Why a reference is none: its state and when it ends.
pub(crate) async fn state(db: &mut Connection, reference: &str) -> Result<Option<(String, Moment)>> {
    Ok(sqlx::query_as(STATE).bind(reference).fetch_optional(db).await?)
}
