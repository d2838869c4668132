//! Seals: the heads of all chains of the audit at one moment, with a MAC whose key is not in the database.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{audit, from_row, statements};
use crate::{
    clock::{HOUR, Moment},
    database::Connection,
    error::Result,
    random::hex,
    secrets::{Kind, Purpose, Secrets, alike},
};

statements! {
    ADD = "INSERT INTO audit_seal (number, at, heads, mac, key_version) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (number) DO NOTHING";
    ALL = "SELECT number, at, heads, mac, key_version FROM audit_seal ORDER BY number";
    SINCE = "SELECT number, at, heads, mac, key_version FROM audit_seal WHERE number >= $1 ORDER BY number";
    OF_KEY = "SELECT COUNT(*) FROM audit_seal WHERE key_version = $1";
    LAST = "SELECT number, at, heads, mac, key_version FROM audit_seal ORDER BY number DESC LIMIT 1";
}

/// The bank seals each hour and when it stops, so a row of this age is sealed.
pub(crate) const SEALED_WITHIN: Moment = 2 * HOUR;

/// A seal: the heads of all chains at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    number: i64,
    at: Moment,
    /// `CHAIN:SEQ:HASH`, with a blank between two.
    heads: String,
    mac: String,
    /// The version of the key that has made the MAC.
    key_version: i64,
}
from_row!(Seal { number, at, heads, mac, key_version });

impl Seal {
    /// What is written down elsewhere, so that the seal and all before it are missed when they are gone.
    pub(crate) fn known(&self) -> Known {
        (self.number, hex(&Sha256::digest(self.heads.as_bytes())))
    }

    fn heads(&self) -> Option<BTreeMap<u8, (i64, String)>> {
        let head = |text: &str| {
            let mut parts = text.splitn(3, ':');
            let (chain, seq) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Some((chain, (seq, parts.next()?.to_owned())))
        };
        self.heads.split_ascii_whitespace().map(head).collect()
    }

    fn right_mac(&self, secrets: &Secrets) -> Result<String> {
        let (number, at) = (self.number.to_string(), self.at.to_string());
        let mac =
            secrets.mac(Purpose::Audit(self.key_version), &["audit-seal", &number, &at, &self.heads])?;
        Ok(hex(mac.as_slice()))
    }
}

/// A seal as it is written down elsewhere: its number, and the SHA-256 of its heads.
pub(crate) type Known = (i64, String);

/// Seals the heads as they are now. Where nothing was written since the last seal, that one stands; [`None`] where nothing was written
/// ever, or another node was faster.
///
/// # Errors
/// The last seal was made by a key that this node lacks: what a former key seals from now on would accuse the bank.
pub(crate) async fn add(db: &mut Connection, secrets: &Secrets, now: Moment) -> Result<Option<Seal>> {
    let last: Option<Seal> = sqlx::query_as(LAST).fetch_optional(&mut *db).await?;
    let heads = audit::heads(&mut *db).await?;
    let written = heads.iter().filter(|(_, seq, _)| *seq > 0);
    let heads: Vec<_> = written.map(|(chain, seq, hash)| format!("{chain}:{seq}:{hash}")).collect();
    let heads = heads.join(" ");
    let number = last.as_ref().map_or(1, |last| last.number + 1);
    if heads.is_empty() || last.as_ref().is_some_and(|last| last.heads == heads) {
        return Ok(last);
    }
    // The clocks of two nodes differ by moments, and of two seals the later one names no older key.
    let newest = last.as_ref().map_or(i64::MIN, |last| last.key_version);
    let key_version = secrets.current(Kind::Audit, now).max(newest);
    let mut seal = Seal { number, at: now, heads, mac: String::new(), key_version };
    seal.mac = seal.right_mac(secrets)?;
    let add = sqlx::query(ADD).bind(number).bind(now).bind(&seal.heads).bind(&seal.mac).bind(key_version);
    let is_ours = add.execute(&mut *db).await?.rows_affected() == 1;
    Ok(is_ours.then_some(seal))
}

/// The seals from this number on.
pub(crate) async fn since(db: &mut Connection, number: i64) -> Result<Vec<Known>> {
    let seals: Vec<Seal> = sqlx::query_as(SINCE).bind(number).fetch_all(db).await?;
    Ok(seals.iter().map(Seal::known).collect())
}

/// When the audit was sealed last, and which version of the key has made the seal.
pub(crate) async fn last(db: &mut Connection) -> Result<Option<(Moment, i64)>> {
    let last: Option<Seal> = sqlx::query_as(LAST).fetch_optional(db).await?;
    Ok(last.map(|last| (last.at, last.key_version)))
}

/// How many seals name this version of the key.
pub(crate) async fn of_key_version(db: &mut Connection, version: i64) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(OF_KEY).bind(version).fetch_one(db).await?;
    Ok(count)
}

/// What the seals say of the chains: the hash of each row that was sealed.
#[derive(Debug, Default)]
pub(super) struct Sealed(BTreeMap<(u8, i64), String>);

impl Sealed {
    /// The last sealed row of a chain.
    pub(super) fn last(&self, chain: u8) -> i64 {
        self.0.range((chain, i64::MIN)..=(chain, i64::MAX)).next_back().map_or(0, |((_, seq), _)| *seq)
    }

    /// Whether a seal says that this row has another hash.
    pub(super) fn contradicts(&self, chain: u8, seq: i64, hash: &str) -> bool {
        self.0.get(&(chain, seq)).is_some_and(|sealed| sealed != hash)
    }
}

/// Looks at all seals. `known` are seals that were written down before: they must still be there, as they were.
pub(super) async fn verify(
    db: &mut Connection,
    secrets: &Secrets,
    known: &[Known],
) -> Result<std::result::Result<Sealed, String>> {
    let seals: Vec<Seal> = sqlx::query_as(ALL).fetch_all(db).await?;
    let mut sealed = Sealed::default();
    for (seal, number) in seals.iter().zip(1..) {
        if seal.number != number {
            return Ok(Err(format!("seal {number} is gone")));
        }
        if !secrets.could_make(Kind::Audit, seal.key_version, seal.at) {
            return Ok(Err(format!(
                "seal {number} names version {} of the key for seals, which had been given up: a node with a former secrets.json has made the \
                 seal, or somebody with a key that was seen",
                seal.key_version
            )));
        }
        let heads = seal.heads();
        let (true, Some(heads)) = (alike(seal.right_mac(secrets)?.as_bytes(), seal.mac.as_bytes()), heads)
        else {
            return Ok(Err(format!("seal {number} is not of this bank")));
        };
        for (chain, (seq, hash)) in heads {
            if sealed.0.insert((chain, seq), hash.clone()).is_some_and(|before| before != hash) {
                return Ok(Err(format!("seal {number} contradicts a seal before it")));
            }
        }
    }
    for (number, hash) in known {
        let found = usize::try_from(*number - 1).ok().and_then(|at| seals.get(at));
        match found.map(Seal::known) {
            Some((_, now)) if now == *hash => {}
            Some(_) => return Ok(Err(format!("seal {number} is not the one that you know"))),
            None => {
                let last = seals.len();
                return Ok(Err(format!("seal {number}, which you know, is gone: the last seal is {last}")));
            }
        }
    }
    Ok(Ok(sealed))
}
