//! People whom the bank knows: whoever has an account is a customer, with or without online banking.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO customer (id, name, document, phone, opened_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (document) DO NOTHING";
    BY_ID = "SELECT id, name, document, phone FROM customer WHERE id = $1";
    BY_DOCUMENT = "SELECT id, name, document, phone FROM customer WHERE document = $1";
    BY_ACCOUNT = "SELECT c.id, c.name, c.document, c.phone FROM customer c
                  JOIN account a ON a.customer = c.id WHERE a.number = $1 AND a.kind = 'customer'";
    SET_LOGIN = "INSERT INTO login_password (customer, hash, one_time, expires_at, chosen_at)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (customer) DO UPDATE SET hash = excluded.hash,
                 one_time = excluded.one_time, expires_at = excluded.expires_at, chosen_at = excluded.chosen_at";
    LOGIN = "SELECT hash, one_time, expires_at FROM login_password WHERE customer = $1";
    SET_PAYMENT = "INSERT INTO payment_password (customer, hash, chosen_at) VALUES ($1, $2, $3)
                   ON CONFLICT (customer) DO UPDATE SET hash = excluded.hash, chosen_at = excluded.chosen_at";
    PAYMENT = "SELECT hash FROM payment_password WHERE customer = $1";
}

/// A person.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) document: String,
    pub(crate) phone: String,
}
from_row!(Customer { id, name, document, phone });

/// Whether the customer is new: a document names one person.
pub(crate) async fn add(db: &mut Connection, new: &Customer, now: Moment) -> Result<bool> {
    let add = sqlx::query(ADD).bind(&new.id).bind(&new.name).bind(&new.document).bind(&new.phone).bind(now);
    Ok(add.execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn by_id(db: &mut Connection, id: &str) -> Result<Option<Customer>> {
    Ok(sqlx::query_as(BY_ID).bind(id).fetch_optional(db).await?)
}

pub(crate) async fn by_document(db: &mut Connection, document: &str) -> Result<Option<Customer>> {
    Ok(sqlx::query_as(BY_DOCUMENT).bind(document).fetch_optional(db).await?)
}

pub(crate) async fn by_account(db: &mut Connection, number: &str) -> Result<Option<Customer>> {
    Ok(sqlx::query_as(BY_ACCOUNT).bind(number).fetch_optional(db).await?)
}

/// The hash of a log-in password, and how long it is good when the bank made it.
#[derive(Clone, Debug)]
pub(crate) struct LoginPassword {
    pub(crate) hash: String,
    /// The end of a password that the bank made; [`None`] of one that the customer chose.
    pub(crate) one_time_until: Option<Moment>,
}

pub(crate) async fn login(db: &mut Connection, customer: &str) -> Result<Option<LoginPassword>> {
    let found: Option<(String, i64, Option<i64>)> =
        sqlx::query_as(LOGIN).bind(customer).fetch_optional(db).await?;
    Ok(found.map(|(hash, one_time, expires)| LoginPassword {
        hash,
        one_time_until: (one_time == 1).then(|| expires.unwrap_or_default()),
    }))
}

/// Keeps a log-in password that the customer chose.
pub(crate) async fn set_chosen_login(
    db: &mut Connection,
    customer: &str,
    hash: &str,
    now: Moment,
) -> Result<()> {
    let set = sqlx::query(SET_LOGIN).bind(customer).bind(hash).bind(0_i64).bind(None::<i64>).bind(Some(now));
    set.execute(db).await?;
    Ok(())
}

/// Keeps a log-in password that the bank made, which is good until `expires` and must be changed.
pub(crate) async fn set_one_time_login(
    db: &mut Connection,
    customer: &str,
    hash: &str,
    expires: Moment,
) -> Result<()> {
    let set =
        sqlx::query(SET_LOGIN).bind(customer).bind(hash).bind(1_i64).bind(Some(expires)).bind(None::<i64>);
    set.execute(db).await?;
    Ok(())
}

pub(crate) async fn set_payment_password(
    db: &mut Connection,
    customer: &str,
    hash: &str,
    now: Moment,
) -> Result<()> {
    sqlx::query(SET_PAYMENT).bind(customer).bind(hash).bind(now).execute(db).await?;
    Ok(())
}

pub(crate) async fn payment_password(db: &mut Connection, customer: &str) -> Result<Option<String>> {
    let found: Option<(String,)> = sqlx::query_as(PAYMENT).bind(customer).fetch_optional(db).await?;
    Ok(found.map(|(hash,)| hash))
}
