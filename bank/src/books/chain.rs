//! The chains of the audit, followed from their first rows to their heads.

use super::{
    audit,
    audit::{CHAINS, genesis},
    seal,
    seal::{Known, Sealed},
};
use crate::{clock::Moment, database::Connection, error::Result, secrets::Secrets};

/// Looks at all chains and at all seals: how many rows there are, or what is wrong with the first bad row. Rows older than
/// `unsealed_since` must be sealed.
pub(crate) async fn verify(
    db: &mut Connection,
    secrets: &Secrets,
    known: &[Known],
    unsealed_since: Moment,
) -> Result<std::result::Result<i64, String>> {
    let sealed = match seal::verify(&mut *db, secrets, known).await? {
        Ok(sealed) => sealed,
        Err(why) => return Ok(Err(why)),
    };
    let heads = audit::heads(&mut *db).await?;
    let mut count = 0;
    for chain in 0..CHAINS {
        let end = match walk(&mut *db, chain, &sealed, unsealed_since).await? {
            Ok(end) => end,
            Err(why) => return Ok(Err(why)),
        };
        let head = heads.iter().find(|(of, ..)| *of == i64::from(chain));
        if head.is_none_or(|(_, seq, hash)| (*seq, hash) != (end.0, &end.1)) {
            return Ok(Err(format!("the head of chain {chain} is not its last row, which is {}", end.0)));
        }
        count += end.0;
    }
    // The ledger is held against all rows, so a row outside the chains would let anybody write a posting.
    let strangers = audit::count(&mut *db).await? - count;
    if strangers != 0 {
        return Ok(Err(format!("{strangers} rows of the audit are in no chain")));
    }
    Ok(Ok(count))
}

/// Follows one chain to its last row: its number and its hash.
async fn walk(
    db: &mut Connection,
    chain: u8,
    sealed: &Sealed,
    unsealed_since: Moment,
) -> Result<std::result::Result<(i64, String), String>> {
    let (mut seq, mut previous) = (0, genesis(chain));
    let last_sealed = sealed.last(chain);
    loop {
        let rows = audit::after(&mut *db, chain, seq).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let place = row.place();
            if row.seq != seq + 1 {
                return Ok(Err(format!("row {chain}-{} is missing", seq + 1)));
            }
            if !row.follows(&previous) {
                return Ok(Err(format!("row {place} was changed, or a row before it")));
            }
            if sealed.contradicts(chain, row.seq, &row.hash) {
                return Ok(Err(format!("row {place} is not the one that was sealed")));
            }
            if row.seq > last_sealed && row.at < unsealed_since {
                return Ok(Err(format!(
                    "row {place} is older than two hours and no seal is on it or after it: the bank did not stop in order, or \
                     seals were removed"
                )));
            }
            (seq, previous) = (row.seq, row.hash);
        }
    }
    if last_sealed > seq {
        return Ok(Err(format!("row {chain}-{last_sealed} was sealed, and is gone")));
    }
    Ok(Ok((seq, previous)))
}
