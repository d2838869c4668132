//! Contracts of online banking: made on the web or at the counter, and what the counter has enabled.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO contract (customer, made_by, made_on, enabled_on, agreement, agreed_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (customer) DO NOTHING";
    FIND = "SELECT made_by, made_on, enabled_on, ecommerce, agreement, agreed_at FROM contract
            WHERE customer = $1";
    ENABLE = "UPDATE contract SET enabled_on = COALESCE(enabled_on, $1) WHERE customer = $2";
    ECOMMERCE = "UPDATE contract SET ecommerce = 1 WHERE customer = $1 AND enabled_on IS NOT NULL";
}

/// Where a contract was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Counter,
    Web,
}

impl Maker {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Web => "web",
        }
    }
}

/// A contract.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    made_by: String,
    /// The business day, as YYYY-MM-DD: such days compare as texts do.
    pub(crate) made_on: String,
    /// The business day on which the counter enabled payments.
    pub(crate) enabled_on: Option<String>,
    ecommerce: i64,
    /// The version of the agreement that the customer accepted, and when.
    pub(crate) agreement: String,
    pub(crate) agreed_at: Moment,
}
from_row!(Contract { made_by, made_on, enabled_on, ecommerce, agreement, agreed_at });

impl Contract {
    pub(crate) fn is_of_counter(&self) -> bool {
        self.made_by == Maker::Counter.name()
    }

    pub(crate) const fn has_ecommerce(&self) -> bool {
        self.ecommerce == 1
    }
}

/// Whether the customer had none. A contract that the counter makes is enabled from its first day.
pub(crate) async fn add(
    db: &mut Connection,
    customer: &str,
    maker: Maker,
    today: &str,
    agreement: &str,
    now: Moment,
) -> Result<bool> {
    let enabled = (maker == Maker::Counter).then_some(today);
    let add = sqlx::query(ADD).bind(customer).bind(maker.name()).bind(today).bind(enabled);
    Ok(add.bind(agreement).bind(now).execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn find(db: &mut Connection, customer: &str) -> Result<Option<Contract>> {
    Ok(sqlx::query_as(FIND).bind(customer).fetch_optional(db).await?)
}

/// The counter lets a contract of the web pay. Whether there is a contract.
pub(crate) async fn enable(db: &mut Connection, customer: &str, today: &str) -> Result<bool> {
    Ok(sqlx::query(ENABLE).bind(today).bind(customer).execute(db).await?.rows_affected() == 1)
}

/// The counter lets a contract pay merchants. Whether there is an enabled contract.
pub(crate) async fn enable_ecommerce(db: &mut Connection, customer: &str) -> Result<bool> {
    Ok(sqlx::query(ECOMMERCE).bind(customer).execute(db).await?.rows_affected() == 1)
}
