//! What a method may spend in a period, and what it has spent: the first statement of every posting.

use super::statements;
use crate::{database::Connection, error::Result, money::Fen};

statements! {
    MAKE = "INSERT INTO allowance (customer, method, period, spent, ceiling) VALUES ($1, $2, $3, 0, $4)
            ON CONFLICT (customer, method, period) DO NOTHING";
    SPEND = "UPDATE allowance SET spent = spent + $1
             WHERE customer = $2 AND method = $3 AND period = $4 AND spent + $1 <= ceiling";
    SPENT = "SELECT spent FROM allowance WHERE customer = $1 AND method = $2 AND period = $3";
    SET_CEILING = "UPDATE allowance SET ceiling = CASE WHEN spent > $1 THEN spent ELSE $1 END
                   WHERE customer = $2 AND method = $3 AND period = $4";
    AGREE = "INSERT INTO agreed_limit (customer, method, per_payment, per_day) VALUES ($1, $2, $3, $4)
             ON CONFLICT (customer, method) DO UPDATE
             SET per_payment = excluded.per_payment, per_day = excluded.per_day";
    AGREED = "SELECT per_payment, per_day FROM agreed_limit WHERE customer = $1 AND method = $2";
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period<'a> {
    pub(crate) customer: &'a str,
    pub(crate) method: &'a str,
    /// A day, or `ever`.
    pub(crate) period: &'a str,
}

/// Makes the row if it is not there, before the posting's transaction.
pub(crate) async fn make(db: &mut Connection, row: &Period<'_>, ceiling: Fen) -> Result<()> {
    let make = sqlx::query(MAKE).bind(row.customer).bind(row.method).bind(row.period).bind(ceiling.0);
    make.execute(db).await?;
    Ok(())
}

/// Spends, if that much is left. Whether it was.
pub(crate) async fn spend(db: &mut Connection, row: &Period<'_>, amount: Fen) -> Result<bool> {
    let spend = sqlx::query(SPEND).bind(amount.0).bind(row.customer).bind(row.method).bind(row.period);
    Ok(spend.execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn spent(db: &mut Connection, row: &Period<'_>) -> Result<Fen> {
    let find = sqlx::query_as(SPENT).bind(row.customer).bind(row.method).bind(row.period);
    let found: Option<(i64,)> = find.fetch_optional(db).await?;
    Ok(Fen(found.map_or(0, |(spent,)| spent)))
}

/// The limits that the counter agreed with this customer: for a payment, and for a day.
pub(crate) async fn agreed(db: &mut Connection, customer: &str, method: &str) -> Result<Option<(Fen, Fen)>> {
    let found: Option<(i64, i64)> =
        sqlx::query_as(AGREED).bind(customer).bind(method).fetch_optional(db).await?;
    Ok(found.map(|(payment, day)| (Fen(payment), Fen(day))))
}

/// Agrees other limits. Today's ceiling changes at once, but never below what was spent.
pub(crate) async fn agree(
    db: &mut Connection,
    today: &Period<'_>,
    per_payment: Fen,
    per_day: Fen,
) -> Result<()> {
    let (customer, method) = (today.customer, today.method);
    let agree = sqlx::query(AGREE).bind(customer).bind(method).bind(per_payment.0).bind(per_day.0);
    agree.execute(&mut *db).await?;
    let set = sqlx::query(SET_CEILING).bind(per_day.0).bind(customer).bind(method).bind(today.period);
    set.execute(&mut *db).await?;
    Ok(())
}
