//! Postings: the ledger. A row takes from one account and gives to another, and stays for ever.

use super::{account, audit, from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result, money::Fen, random};

statements! {
    ADD = "INSERT INTO posting (id, order_id, reverses, debit, credit, amount, memo, posted_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    OF_ACCOUNT = "SELECT debit, credit, amount, memo, posted_at FROM posting
                  WHERE debit = $1 OR credit = $1 ORDER BY posted_at DESC, id LIMIT 50";
    OF_ORDER = "SELECT id FROM posting WHERE order_id = $1";
}

/// A posting that is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posting<'a> {
    /// The order that it pays: one posting for each order, ever.
    pub(crate) order: Option<&'a str>,
    /// The posting that it takes back.
    pub(crate) reverses: Option<&'a str>,
    pub(crate) debit: &'a str,
    pub(crate) credit: &'a str,
    pub(crate) amount: Fen,
    pub(crate) memo: &'a str,
    /// Who lets it happen, as the audit names it.
    pub(crate) actor: &'a str,
}

/// A line of an account's statement.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) debit: String,
    pub(crate) credit: String,
    amount: i64,
    pub(crate) memo: String,
    pub(crate) posted_at: Moment,
}
from_row!(Entry { debit, credit, amount, memo, posted_at });

impl Entry {
    /// As this account sees it: what it gave is below zero.
    pub(crate) fn amount_for(&self, account: &str) -> Fen {
        Fen(if self.debit == account { -self.amount } else { self.amount })
    }
}

impl Posting<'_> {
    /// As the audit keeps it. [`super::proof`] writes the same in SQL.
    fn line(&self) -> String {
        let (order, reverses) = (self.order.unwrap_or("-"), self.reverses.unwrap_or("-"));
        format!("{} {} {} {order} {reverses} {}", self.debit, self.credit, self.amount.0, self.memo)
    }
}

/// Moves the money, and writes the row into the ledger and into the chain of the audit: whoever changes the one betrays it by the
/// other. [`None`]: the account has not enough.
pub(crate) async fn add(db: &mut Connection, new: &Posting<'_>, now: Moment) -> Result<Option<String>> {
    if !account::move_money(db, new.debit, new.credit, new.amount).await? {
        return Ok(None);
    }
    let id = random::id()?;
    let add = sqlx::query(ADD).bind(&id).bind(new.order).bind(new.reverses).bind(new.debit).bind(new.credit);
    add.bind(new.amount.0).bind(new.memo).bind(now).execute(&mut *db).await?;
    audit::add(db, now, new.actor, audit::POSTED, &id, &new.line()).await?;
    Ok(Some(id))
}

/// The last 50 of an account.
pub(crate) async fn of_account(db: &mut Connection, account: &str) -> Result<Vec<Entry>> {
    Ok(sqlx::query_as(OF_ACCOUNT).bind(account).fetch_all(db).await?)
}

/// The posting that paid this order.
pub(crate) async fn of_order(db: &mut Connection, order: &str) -> Result<Option<String>> {
    let found: Option<(String,)> = sqlx::query_as(OF_ORDER).bind(order).fetch_optional(db).await?;
    Ok(found.map(|(id,)| id))
}
