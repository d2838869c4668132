//! Accounts and their balances. A customer's balance never goes below zero: the statement that takes money says so, and the
//! table says it again.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result, money::Fen, random};

statements! {
    ADD = "INSERT INTO account (number, customer, title, kind, balance, opened_at) VALUES ($1, $2, $3, $4, 0, $5)
           ON CONFLICT (number) DO NOTHING";
    FIND = "SELECT number, customer, title, kind, balance FROM account WHERE number = $1";
    OF_CUSTOMER = "SELECT number, customer, title, kind, balance FROM account
                   WHERE customer = $1 ORDER BY number";
    PAYEES = "SELECT number, customer, title, kind, balance FROM account WHERE kind = 'payee' ORDER BY number";
    TAKE = "UPDATE account SET balance = balance - $1
            WHERE number = $2 AND (kind = 'own' OR balance >= $1)";
    GIVE = "UPDATE account SET balance = balance + $1 WHERE number = $2";
}

/// The bank's own account that cash goes in and out by.
pub(crate) const VAULT: &str = "1001";
/// The bank's own account for money on its way to other banks.
pub(crate) const CLEARING: &str = "1002";

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) number: String,
    pub(crate) customer: Option<String>,
    pub(crate) title: String,
    pub(crate) kind: String,
    balance: i64,
}
from_row!(Account { number, customer, title, kind, balance });

impl Account {
    pub(crate) const fn balance(&self) -> Fen {
        Fen(self.balance)
    }
}

/// The bank's own accounts, without which nothing can be posted.
pub(crate) async fn found(db: &mut Connection, now: Moment) -> Result<()> {
    add(db, VAULT, None, "现金 Vault", "own", now).await?;
    add(db, CLEARING, None, "清算 Clearing", "own", now).await?;
    Ok(())
}

/// The sixteen digits of a new card: the bank's prefix, random digits and the check digit of ISO/IEC 7812-1, annex B.
pub(crate) fn new_number() -> Result<String> {
    Ok(number_of(random::bytes()?))
}

/// The number whose own digits come from these bytes.
pub(crate) fn number_of(bytes: [u8; 9]) -> String {
    let mut number = String::from("622202");
    for byte in bytes {
        number.push(char::from(b'0' + byte % 10));
    }
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let digits = number.chars().rev().filter_map(|c| c.to_digit(10)).enumerate();
    let sum: u32 = digits.map(|(at, digit)| if at % 2 == 0 { doubled(digit) } else { digit }).sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}

/// Whether the number was free.
pub(crate) async fn add(
    db: &mut Connection,
    number: &str,
    customer: Option<&str>,
    title: &str,
    kind: &str,
    now: Moment,
) -> Result<bool> {
    let add = sqlx::query(ADD).bind(number).bind(customer).bind(title).bind(kind).bind(now);
    Ok(add.execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn find(db: &mut Connection, number: &str) -> Result<Option<Account>> {
    Ok(sqlx::query_as(FIND).bind(number).fetch_optional(db).await?)
}

pub(crate) async fn of_customer(db: &mut Connection, customer: &str) -> Result<Vec<Account>> {
    Ok(sqlx::query_as(OF_CUSTOMER).bind(customer).fetch_all(db).await?)
}

/// Whom a customer may pay a bill to.
pub(crate) async fn payees(db: &mut Connection) -> Result<Vec<Account>> {
    Ok(sqlx::query_as(PAYEES).fetch_all(db).await?)
}

/// Moves money between two balances, the lower number first, so that two that pay each other do not wait for each other for
/// ever. Whether there was enough.
pub(crate) async fn move_money(db: &mut Connection, from: &str, to: &str, amount: Fen) -> Result<bool> {
    let steps = if from < to { [(TAKE, from), (GIVE, to)] } else { [(GIVE, to), (TAKE, from)] };
    for (sql, number) in steps {
        if sqlx::query(sql).bind(amount.0).bind(number).execute(&mut *db).await?.rows_affected() != 1 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::new_number;

    #[test]
    fn a_new_number_has_the_check_digit_of_iso_7812() {
        for _ in 0..50 {
            let number = new_number().expect("random numbers");
            let digits = number.chars().rev().map(|c| c.to_digit(10).expect("a digit"));
            let luhn: u32 =
                digits.enumerate().map(|(at, d)| if at % 2 == 1 { d * 2 / 10 + d * 2 % 10 } else { d }).sum();
            assert_eq!((number.len(), luhn % 10), (16, 0), "{number}");
        }
    }
}
