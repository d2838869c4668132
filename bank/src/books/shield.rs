//! Shields: which one the counter has given to whom.

use super::{from_row, statements};
use crate::{clock::Moment, database::Connection, error::Result};

statements! {
    ADD = "INSERT INTO shield (id, serial, customer, user_id, state, bound_by, bound_at)
           VALUES ($1, $2, $3, $4, 'bound', $5, $6) ON CONFLICT DO NOTHING";
    FIND = "SELECT id, serial, customer, user_id, state, bound_at, delivered_at, suspended_at FROM shield WHERE id = $1";
    OF_CUSTOMER = "SELECT id, serial, customer, user_id, state, bound_at, delivered_at, suspended_at FROM shield WHERE customer = $1
                   ORDER BY CASE WHEN state IN ('bound', 'delivered') THEN 0 ELSE 1 END, bound_at DESC, id LIMIT 1";
    DELIVER = "UPDATE shield SET state = 'delivered', delivered_at = COALESCE(delivered_at, $1)
               WHERE id = $2 AND state IN ('bound', 'delivered')";
    HOLD = "UPDATE shield SET state = state WHERE id = $1 AND state IN ('bound', 'delivered') AND suspended_at IS NULL";
    SUSPEND_ALL = "UPDATE shield SET suspended_at = $1 WHERE state IN ('bound', 'delivered') AND suspended_at IS NULL";
    SUSPENDED = "SELECT id, serial, customer, user_id, state, bound_at, delivered_at, suspended_at FROM shield
                 WHERE suspended_at IS NOT NULL AND state IN ('bound', 'delivered') ORDER BY id";
    CONFIRM = "UPDATE shield SET suspended_at = NULL
               WHERE id = $1 AND state IN ('bound', 'delivered') AND suspended_at IS NOT NULL";
    HOLD_ALL = "UPDATE shield SET state = state WHERE state IN ('bound', 'delivered')";
    WAIT_FOR_AN_ID = "UPDATE shield SET state = 'bound' WHERE state = 'delivered' AND NOT EXISTS (SELECT 1 FROM certificate c
                      WHERE c.shield = shield.id AND c.kind = 'payment' AND c.delivered_at IS NOT NULL AND c.revoked_at IS NULL)";
    END = "UPDATE shield SET state = $1, ended_at = $2 WHERE id = $3 AND state IN ('bound', 'delivered')";
}

/// A shield and its holder.
#[derive(Clone, Debug)]
pub(crate) struct Shield {
    pub(crate) id: String,
    /// The serial number that the shield's factory attests.
    pub(crate) serial: String,
    pub(crate) customer: String,
    /// What its certificates name: the card number that the counter has seen.
    pub(crate) user_id: String,
    /// `bound`, `delivered`, `lost` or `replaced`.
    pub(crate) state: String,
    pub(crate) bound_at: Moment,
    /// When its ID was first confirmed to be on the shield.
    pub(crate) delivered_at: Option<Moment>,
    /// Since when a restored bank waits to be told that nothing has happened to the shield.
    pub(crate) suspended_at: Option<Moment>,
}
from_row!(Shield { id, serial, customer, user_id, state, bound_at, delivered_at, suspended_at });

impl Shield {
    /// Whether it is its holder's still.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.state.as_str(), "bound" | "delivered")
    }

    /// Whether the counter has to confirm it before it does anything.
    pub(crate) const fn is_suspended(&self) -> bool {
        self.suspended_at.is_some()
    }

    /// Whether its ID was delivered, so that it pays.
    pub(crate) fn is_delivered(&self) -> bool {
        self.state == "delivered"
    }
}

/// Gives a shield to a customer. Whether the customer had none, and nobody else has this one.
pub(crate) async fn add(db: &mut Connection, new: &Shield, teller: &str) -> Result<bool> {
    let add = sqlx::query(ADD).bind(&new.id).bind(&new.serial).bind(&new.customer).bind(&new.user_id);
    Ok(add.bind(teller).bind(new.bound_at).execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn find(db: &mut Connection, id: &str) -> Result<Option<Shield>> {
    Ok(sqlx::query_as(FIND).bind(id).fetch_optional(db).await?)
}

/// The shield that the customer has, or else the last one that the customer had.
pub(crate) async fn of_customer(db: &mut Connection, customer: &str) -> Result<Option<Shield>> {
    Ok(sqlx::query_as(OF_CUSTOMER).bind(customer).fetch_optional(db).await?)
}

/// Holds the row until the end of the transaction. Whoever changes what belongs to a shield (its codes, its certificates) holds the row
/// first, so that two who change at once wait for each other here, and nothing is given to a shield that is lost. Whether it is its
/// holder's still.
pub(crate) async fn hold(db: &mut Connection, id: &str) -> Result<bool> {
    Ok(sqlx::query(HOLD).bind(id).execute(db).await?.rows_affected() == 1)
}

/// As [`hold`], of all shields that are their holders'.
pub(crate) async fn hold_all(db: &mut Connection) -> Result<()> {
    sqlx::query(HOLD_ALL).execute(db).await?;
    Ok(())
}

/// Shields whose IDs are all revoked wait for another one. How many there are.
pub(crate) async fn wait_for_an_id(db: &mut Connection) -> Result<u64> {
    Ok(sqlx::query(WAIT_FOR_AN_ID).execute(db).await?.rows_affected())
}

/// All shields wait until the counter confirms them. How many there are.
pub(crate) async fn suspend_all(db: &mut Connection, now: Moment) -> Result<u64> {
    Ok(sqlx::query(SUSPEND_ALL).bind(now).execute(db).await?.rows_affected())
}

/// All that wait to be confirmed.
pub(crate) async fn suspended(db: &mut Connection) -> Result<Vec<Shield>> {
    Ok(sqlx::query_as(SUSPENDED).fetch_all(db).await?)
}

/// The counter confirms it. Whether it was suspended.
pub(crate) async fn confirm(db: &mut Connection, id: &str) -> Result<bool> {
    Ok(sqlx::query(CONFIRM).bind(id).execute(db).await?.rows_affected() == 1)
}

/// Its ID is on it. Whether it is its holder's still.
pub(crate) async fn deliver(db: &mut Connection, id: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(DELIVER).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}

/// It is `lost` or `replaced`. Whether it was its holder's.
pub(crate) async fn end(db: &mut Connection, id: &str, state: &str, now: Moment) -> Result<bool> {
    Ok(sqlx::query(END).bind(state).bind(now).bind(id).execute(db).await?.rows_affected() == 1)
}
