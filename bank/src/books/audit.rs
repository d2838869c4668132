//! The audit: who did what, as a chain. Each row's hash covers the row and the hash before it, and the head of the chain is
//! sealed with a key that is not in the database.

use sha2::{Digest, Sha256};

use super::{from_row, statements};
use crate::{
    clock::Moment,
    database::Connection,
    error::Result,
    random::hex,
    secrets::{Purpose, Secrets, alike},
};

statements! {
    HOLD = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash";
    ADD = "INSERT INTO audit (seq, at, actor, action, subject, detail, previous, hash)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SET_HEAD = "UPDATE audit_head SET hash = $1 WHERE id = 1";
    HEAD = "SELECT seq, hash FROM audit_head WHERE id = 1";
    FROM = "SELECT seq, at, actor, action, subject, detail, previous, hash FROM audit
            WHERE seq > $1 ORDER BY seq LIMIT 1000";
    LAST = "SELECT seq, at, actor, action, subject, detail, previous, hash FROM audit ORDER BY seq DESC LIMIT 100";
    SEAL = "INSERT INTO audit_seal (seq, hash, at, mac) VALUES ($1, $2, $3, $4) ON CONFLICT (seq) DO NOTHING";
    SEALS = "SELECT seq, hash, at, mac FROM audit_seal ORDER BY seq";
}

/// The action of the rows that repeat a posting.
pub(crate) const POSTED: &str = "posted";

/// A row of the audit.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) at: Moment,
    /// `customer:ID`, `teller:NAME`, `bank` or `owner`.
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) detail: String,
    previous: String,
    hash: String,
}
from_row!(Row { seq, at, actor, action, subject, detail, previous, hash });

impl Row {
    /// The hash that the row must have. Each field has its length before it, so that no two rows are written alike.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        for field in [&self.previous, &seq, &at, &self.actor, &self.action, &self.subject, &self.detail] {
            hash.update((field.len() as u64).to_be_bytes());
            hash.update(field.as_bytes());
        }
        hex(&hash.finalize())
    }
}

/// Writes a row, near the end of the transaction that does what the row tells: the row of the head is the lock of the chain, and
/// nobody should hold it for long. After it the transaction takes no lock that another one may hold.
pub(crate) async fn add(
    db: &mut Connection,
    now: Moment,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<()> {
    let (seq, previous): (i64, String) = sqlx::query_as(HOLD).fetch_one(&mut *db).await?;
    let own = str::to_owned;
    let mut row = Row {
        seq,
        at: now,
        actor: own(actor),
        action: own(action),
        subject: own(subject),
        detail: own(detail),
        previous,
        hash: String::new(),
    };
    row.hash = row.digest();
    let add =
        sqlx::query(ADD).bind(row.seq).bind(row.at).bind(&row.actor).bind(&row.action).bind(&row.subject);
    add.bind(&row.detail).bind(&row.previous).bind(&row.hash).execute(&mut *db).await?;
    sqlx::query(SET_HEAD).bind(&row.hash).execute(&mut *db).await?;
    Ok(())
}

/// The last hundred rows.
pub(crate) async fn last(db: &mut Connection) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(LAST).fetch_all(db).await?)
}

/// Seals the head as it is now.
pub(crate) async fn seal(db: &mut Connection, secrets: &Secrets, now: Moment) -> Result<()> {
    let (seq, hash): (i64, String) = sqlx::query_as(HEAD).fetch_one(&mut *db).await?;
    if seq > 0 {
        let mac = seal_of(secrets, seq, &hash, now)?;
        sqlx::query(SEAL).bind(seq).bind(&hash).bind(now).bind(mac).execute(&mut *db).await?;
    }
    Ok(())
}

fn seal_of(secrets: &Secrets, seq: i64, hash: &str, at: Moment) -> Result<String> {
    let mac = secrets.mac(Purpose::Audit, &["audit-seal", &seq.to_string(), hash, &at.to_string()])?;
    Ok(hex(mac.as_slice()))
}

/// Looks at the whole chain and at all seals: how many rows there are and the hash of the last one, or what is wrong with the first
/// bad row. `known` is a head that was written down before: its row must still be there, as it was.
pub(crate) async fn verify(
    db: &mut Connection,
    secrets: &Secrets,
    known: Option<&(i64, String)>,
) -> Result<std::result::Result<(i64, String), String>> {
    let seals: Vec<(i64, String, i64, String)> = sqlx::query_as(SEALS).fetch_all(&mut *db).await?;
    let mut seals = seals.into_iter().peekable();
    let (mut seq, mut previous) = (0, String::new());
    loop {
        let rows: Vec<Row> = sqlx::query_as(FROM).bind(seq).fetch_all(&mut *db).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.seq != seq + 1 {
                return Ok(Err(format!("row {} is missing", seq + 1)));
            }
            if row.previous != previous || row.hash != row.digest() {
                return Ok(Err(format!("row {} was changed, or a row before it", row.seq)));
            }
            if known.is_some_and(|(at, hash)| *at == row.seq && *hash != row.hash) {
                return Ok(Err(format!("row {} is not the one whose hash you know", row.seq)));
            }
            while let Some((_, hash, at, mac)) = seals.next_if(|seal| seal.0 == row.seq) {
                let right = seal_of(secrets, row.seq, &hash, at)?;
                if hash != row.hash || !alike(right.as_bytes(), mac.as_bytes()) {
                    return Ok(Err(format!("the seal on row {} is not of this chain", row.seq)));
                }
            }
            (seq, previous) = (row.seq, row.hash);
        }
    }
    if let Some((sealed, ..)) = seals.next() {
        return Ok(Err(format!("row {sealed} was sealed, and is gone")));
    }
    if let Some((known, _)) = known.filter(|(known, _)| *known > seq) {
        return Ok(Err(format!("row {known}, whose hash you know, is gone: the last row is {seq}")));
    }
    let (head, hash): (i64, String) = sqlx::query_as(HEAD).fetch_one(&mut *db).await?;
    if head != seq || hash != previous {
        return Ok(Err(format!("the head names row {head}, and the last row is {seq}")));
    }
    Ok(Ok((seq, hash)))
}
