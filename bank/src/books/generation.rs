//! Generations of the CA's keys: from when on each issues, and which one nobody trusts any more. The keys are in the folder `ca`.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ALL = "SELECT number, payment, authentication, from_at, made_at, distrusted_at, forgotten_at FROM ca_generation ORDER BY number";
    ADD = "INSERT INTO ca_generation (number, payment, authentication, from_at, made_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (number) DO NOTHING";
    WRITE_DOWN = "UPDATE ca_generation SET payment = $1, authentication = $2 WHERE number = $3 AND payment IS NULL";
    COUNT = "UPDATE ca_generation SET issued = issued + 1
             WHERE number = $1 AND distrusted_at IS NULL AND forgotten_at IS NULL";
    DISTRUST = "UPDATE ca_generation SET distrusted_at = $1
                WHERE number = $2 AND distrusted_at IS NULL AND forgotten_at IS NULL";
    FORGET = "UPDATE ca_generation SET forgotten_at = $1 WHERE number = $2 AND forgotten_at IS NULL";
}

/// A generation.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    /// From 1 on. No number is given twice.
    pub(crate) number: i64,
    /// The issuers' certificates, DER. Those of the first generation are written down when there is a second one.
    payment: Option<Vec<u8>>,
    authentication: Option<Vec<u8>>,
    /// From when on it issues.
    pub(crate) from_at: Moment,
    pub(crate) made_at: Moment,
    /// Since when nobody trusts it.
    pub(crate) distrusted_at: Option<Moment>,
    /// Since when the bank has it no more.
    pub(crate) forgotten_at: Option<Moment>,
}
from_row!(Generation { number, payment, authentication, from_at, made_at, distrusted_at, forgotten_at });

impl Generation {
    /// Whether the bank has it.
    pub(crate) const fn is_kept(&self) -> bool {
        self.forgotten_at.is_none()
    }

    /// Whether the bank has it and says that others should trust it.
    pub(crate) const fn is_trusted(&self) -> bool {
        self.is_kept() && self.distrusted_at.is_none()
    }

    /// The certificates of its issuers, DER: for payment, and for authentication. Nothing where the books have never seen them.
    pub(crate) fn certificates(&self) -> Option<[&[u8]; 2]> {
        Some([self.payment.as_deref()?, self.authentication.as_deref()?])
    }
}

/// All that there ever were, the first one first.
pub(crate) async fn all(db: &mut Connection) -> Result<Vec<Generation>> {
    Ok(sqlx::query_as(ALL).fetch_all(db).await?)
}

/// Adds one, with the certificates of its issuers (DER). Whether there was none of this number.
pub(crate) async fn add(
    db: &mut Connection,
    number: i64,
    [payment, authentication]: [&[u8]; 2],
    (from, now): (Moment, Moment),
) -> Result<bool> {
    let add = sqlx::query(ADD).bind(number).bind(payment.to_vec()).bind(authentication.to_vec());
    Ok(add.bind(from).bind(now).execute(db).await?.rows_affected() == 1)
}

/// Writes the certificates down of one that was there before the books knew of generations.
pub(crate) async fn write_down(
    db: &mut Connection,
    number: i64,
    [payment, authentication]: [&[u8]; 2],
) -> Result<()> {
    let write = sqlx::query(WRITE_DOWN).bind(payment.to_vec()).bind(authentication.to_vec());
    write.bind(number).execute(db).await?;
    Ok(())
}

/// Counts a certificate that is being written down, and holds the row: whoever stops trusting the generation comes before the certificate, or
/// finds it. Whether the generation may issue.
pub(crate) async fn count(db: &mut Connection, number: i64) -> Result<bool> {
    Ok(sqlx::query(COUNT).bind(number).execute(db).await?.rows_affected() == 1)
}

/// Nobody trusts it any more. Whether the bank had it and trusted it.
pub(crate) async fn distrust(db: &mut Connection, number: i64, now: Moment) -> Result<bool> {
    Ok(sqlx::query(DISTRUST).bind(now).bind(number).execute(db).await?.rows_affected() == 1)
}

/// The bank has it no more. Whether it had it.
pub(crate) async fn forget(db: &mut Connection, number: i64, now: Moment) -> Result<bool> {
    Ok(sqlx::query(FORGET).bind(now).bind(number).execute(db).await?.rows_affected() == 1)
}
