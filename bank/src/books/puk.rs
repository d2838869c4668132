//! The PUKs of shields, sealed. A PUK is written down as pending before a shield is told of it, so that whatever is cut between the two
//! loses nothing: the shield has the current one or the pending one, and the books have both.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO puk (id, serial, state, key_version, sealed, approval, made_by, made_at)
           VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7)";
    OF = "SELECT id, serial, state, key_version, sealed FROM puk WHERE serial = $1 AND state IN ('current', 'pending')
          ORDER BY state";
    FIND = "SELECT serial, state, approval FROM puk WHERE id = $1";
    RETIRE = "UPDATE puk SET state = 'former' WHERE serial = $1 AND state = 'current'";
    SET = "UPDATE puk SET state = 'current', set_at = $1 WHERE id = $2 AND state = 'pending'";
    RELEASE = "UPDATE puk SET approval = NULL WHERE id = $1 AND state = 'pending'";
    HAS_UNBLOCKED = "SELECT id FROM puk WHERE approval = $1 AND state <> 'pending' LIMIT 1";
    OF_KEY = "SELECT COUNT(*) FROM puk WHERE key_version = $1 AND state IN ('pending', 'current')";
}

/// A sealed PUK.
#[derive(Clone, Debug)]
pub(crate) struct Puk {
    pub(crate) id: String,
    pub(crate) serial: String,
    /// `pending`, `current` or `former`.
    pub(crate) state: String,
    pub(crate) key_version: i64,
    pub(crate) sealed: Vec<u8>,
}
from_row!(Puk { id, serial, state, key_version, sealed });

/// The PUKs of which a shield has one.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) current: Option<Puk>,
    pub(crate) pending: Option<Puk>,
}

/// Writes a pending PUK down; `approval` is the request that it is made for.
pub(crate) async fn add(
    db: &mut Connection,
    new: &Puk,
    approval: Option<&str>,
    teller: &str,
    now: Moment,
) -> Result<()> {
    let add = sqlx::query(ADD).bind(&new.id).bind(&new.serial).bind(new.key_version).bind(new.sealed.clone());
    add.bind(approval).bind(teller).bind(now).execute(db).await?;
    Ok(())
}

pub(crate) async fn of(db: &mut Connection, serial: &str) -> Result<Kept> {
    let mut kept = Kept::default();
    let rows: Vec<Puk> = sqlx::query_as(OF).bind(serial).fetch_all(db).await?;
    for row in rows {
        let place = if row.state == "current" { &mut kept.current } else { &mut kept.pending };
        *place = Some(row);
    }
    Ok(kept)
}

/// Whether the shield of this serial number has a PUK that the bank has set.
pub(crate) async fn has_current(db: &mut Connection, serial: &str) -> Result<bool> {
    Ok(of(db, serial).await?.current.is_some())
}

/// Serial number, state and approval of a PUK.
pub(crate) async fn find(db: &mut Connection, id: &str) -> Result<Option<(String, String, Option<String>)>> {
    Ok(sqlx::query_as(FIND).bind(id).fetch_optional(db).await?)
}

/// pending → current, in place of the former one. Whether it was pending.
pub(crate) async fn set(db: &mut Connection, id: &str, serial: &str, now: Moment) -> Result<bool> {
    sqlx::query(RETIRE).bind(serial).execute(&mut *db).await?;
    Ok(sqlx::query(SET).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// A pending PUK that a shield may have seen already unblocks nothing for its approval any more.
pub(crate) async fn release(db: &mut Connection, id: &str) -> Result<()> {
    sqlx::query(RELEASE).bind(id).execute(db).await?;
    Ok(())
}

/// Whether a shield was unblocked for this approval.
pub(crate) async fn has_unblocked(db: &mut Connection, approval: &str) -> Result<bool> {
    Ok(sqlx::query(HAS_UNBLOCKED).bind(approval).fetch_optional(db).await?.is_some())
}

/// How many PUKs of which a shield may have one name this version of the key.
pub(crate) async fn of_key_version(db: &mut Connection, version: i64) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(OF_KEY).bind(version).fetch_one(db).await?;
    Ok(count)
}
