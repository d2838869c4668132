//! The audit: who did what, in chains. Each row's hash covers the row and the hash before it, and the heads of all chains are sealed
//! together with a key that is not in the database.
//!
//! There are several chains, because the row of a chain's head is a lock until the end of the transaction: with one chain all payments
//! of all nodes would wait for each other. Who acts decides which chain a row is in. A transaction has one actor, and so it holds one head,
//! and two transactions never wait for each other's heads.

use sha2::{Digest, Sha256};

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result, frame, random::hex};

/// So many chains, as the table of the heads has rows.
pub(super) const CHAINS: u8 = 16;

statements! {
    HOLD = "UPDATE audit_head SET seq = seq + 1 WHERE chain = $1 RETURNING seq, hash";
    ADD = "INSERT INTO audit (chain, seq, at, actor, action, subject, detail, previous, hash)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    SET_HEAD = "UPDATE audit_head SET hash = $1 WHERE chain = $2";
    COUNT = "SELECT COUNT(*) FROM audit";
    HEADS = "SELECT chain, seq, hash FROM audit_head ORDER BY chain";
    AFTER = "SELECT chain, seq, at, actor, action, subject, detail, previous, hash FROM audit
             WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT 1000";
    LAST = "SELECT chain, seq, at, actor, action, subject, detail, previous, hash FROM audit
            ORDER BY at DESC, chain, seq DESC LIMIT 100";
}

/// The action of the rows that repeat a posting.
pub(crate) const POSTED: &str = "posted";

/// A row of the audit.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    chain: i64,
    pub(super) seq: i64,
    pub(crate) at: Moment,
    /// `customer:ID`, `teller:NAME`, `merchant:ID`, `bank` or `owner`.
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) detail: String,
    previous: String,
    pub(super) hash: String,
}
from_row!(Row { chain, seq, at, actor, action, subject, detail, previous, hash });

impl Row {
    /// The row's place: its chain, and its number there.
    pub(crate) fn place(&self) -> String {
        format!("{}-{}", self.chain, self.seq)
    }

    /// Whether the row follows a row with this hash, and is as it was written.
    pub(super) fn follows(&self, previous: &str) -> bool {
        self.previous == previous && self.hash == self.digest()
    }

    /// The hash that the row must have. The chain is in the hash before the chain's first row ([`genesis`]).
    fn digest(&self) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let fields: [&str; 7] =
            [&self.previous, &seq, &at, &self.actor, &self.action, &self.subject, &self.detail];
        hex(&Sha256::digest(&*frame::whole(&fields)))
    }
}

/// What stands before the first row of a chain. The first chain is as old as the bank's first version, which had one chain and
/// wrote nothing there.
pub(super) fn genesis(chain: u8) -> String {
    if chain == 0 { String::new() } else { format!("chain {chain}") }
}

/// The chain of whoever acts.
fn chain_of(actor: &str) -> u8 {
    Sha256::digest(actor.as_bytes())[0] % CHAINS
}

/// Whether the actor's rows are in the chain that a bank's first version had.
#[cfg(test)]
pub(crate) fn is_of_the_first_chain(actor: &str) -> bool {
    chain_of(actor) == 0
}

/// Writes a row, near the end of the transaction that does what the row tells: the row of the head is the lock of the chain, and
/// nobody should hold it for long. After it the transaction takes no lock that another one may hold, and writes rows of the same actor
/// only.
pub(crate) async fn add(
    db: &mut Connection,
    now: Moment,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<()> {
    let chain = i64::from(chain_of(actor));
    let (seq, previous): (i64, String) = sqlx::query_as(HOLD).bind(chain).fetch_one(&mut *db).await?;
    let own = str::to_owned;
    let mut row = Row {
        chain,
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
    let add = sqlx::query(ADD).bind(chain).bind(row.seq).bind(row.at).bind(&row.actor).bind(&row.action);
    let add = add.bind(&row.subject).bind(&row.detail).bind(&row.previous).bind(&row.hash);
    add.execute(&mut *db).await?;
    sqlx::query(SET_HEAD).bind(&row.hash).bind(chain).execute(&mut *db).await?;
    Ok(())
}

/// Writes many rows that repeat postings, each with its time, its subject and its detail: books of a size that nobody waits for.
#[cfg(test)]
pub(crate) async fn add_many(
    db: &mut Connection,
    actor: &str,
    told: &[(Moment, String, String)],
) -> Result<()> {
    let chain = i64::from(chain_of(actor));
    let (mut seq, mut previous): (i64, String) = sqlx::query_as(HOLD).bind(chain).fetch_one(&mut *db).await?;
    let mut rows = Vec::new();
    for (at, subject, detail) in told {
        let (actor, action) = (actor.to_owned(), POSTED.to_owned());
        let (subject, detail, hash) = (subject.clone(), detail.clone(), String::new());
        let mut row = Row { chain, seq, at: *at, actor, action, subject, detail, previous, hash };
        row.hash = row.digest();
        let Row { actor, action, subject, detail, previous: before, hash, .. } = &row;
        rows.push(format!(
            "({chain}, {seq}, {at}, '{actor}', '{action}', '{subject}', '{detail}', '{before}', '{hash}')"
        ));
        (seq, previous) = (seq + 1, row.hash);
    }
    let sql = format!(
        "INSERT INTO audit (chain, seq, at, actor, action, subject, detail, previous, hash) VALUES {}",
        rows.join(", ")
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *db).await?;
    let set = sqlx::query("UPDATE audit_head SET seq = $1, hash = $2 WHERE chain = $3");
    set.bind(seq - 1).bind(&previous).bind(chain).execute(&mut *db).await?;
    Ok(())
}

/// The last hundred rows.
pub(crate) async fn last(db: &mut Connection) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(LAST).fetch_all(db).await?)
}

/// The head of each chain: its last row, and that row's hash.
pub(super) async fn heads(db: &mut Connection) -> Result<Vec<(i64, i64, String)>> {
    Ok(sqlx::query_as(HEADS).fetch_all(db).await?)
}

/// All rows, in whatever chain.
pub(super) async fn count(db: &mut Connection) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(COUNT).fetch_one(db).await?;
    Ok(count)
}

/// A thousand rows of a chain, from behind this one.
pub(super) async fn after(db: &mut Connection, chain: u8, seq: i64) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(AFTER).bind(i64::from(chain)).bind(seq).fetch_all(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_spread_over_all_chains() {
        let mut found: Vec<u8> = (0..400).map(|n| chain_of(&format!("customer:{n}"))).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, (0..CHAINS).collect::<Vec<_>>());
    }
}
