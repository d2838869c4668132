//! Shields at the counter: a first one, a lost one, another one, and a new authorisation code.

use crate::{
    bank::Bank,
    books::{
        audit,
        certificate::Why,
        shield::{self, Shield},
    },
    database::{Connection, Work},
    error::{Refusal, Result},
    personal_id::{self, Code, bind, hand_out, take_back},
    rights::{AtCounter, Teller},
};

/// The customer's shield, where it is still the customer's.
async fn held(db: &mut Connection, customer: &str) -> Result<Shield> {
    let found = shield::of_customer(db, customer).await?;
    Ok(found.filter(Shield::is_held).ok_or(Refusal::NoShield)?)
}

/// Hands out the first shield of a customer, with reference and authorisation code. It ends the static password.
///
/// # Errors
/// The customer has a shield or had one, or the contract is not enabled.
pub(crate) async fn issue_shield(bank: &Bank, teller: &Teller, at: &AtCounter, serial: &str) -> Result<Code> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let customer = &at.customer().id;
    if shield::of_customer(&mut work, customer).await?.is_some() {
        return Err(Refusal::ShieldExists.into());
    }
    let code = bind(bank, &mut work, (customer, at.account()), serial, teller.name(), now).await?;
    audit::add(&mut work, now, &teller.actor(), "shield-issued", &code.serial, at.account()).await?;
    work.commit().await?;
    Ok(code)
}

/// Revokes the certificates of a lost shield at once: a lost shield waits for no second teller.
///
/// # Errors
/// The customer has no shield.
pub(crate) async fn lose_shield(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let shield = held(&mut work, &at.customer().id).await?;
    let revoked = take_back(&mut work, &shield, Why::Lost, now).await?;
    let detail = format!("{revoked} certificates revoked");
    audit::add(&mut work, now, &teller.actor(), "shield-lost", &shield.serial, &detail).await?;
    work.commit().await?;
    Ok(())
}

/// Refuses a number that is none before a second teller is asked.
///
/// # Errors
/// It is no serial number.
pub(crate) fn check_serial(serial: &str) -> Result<String> {
    personal_id::serial_number(serial)
}

/// Another shield in place of the one that the customer has or had: the second teller has approved.
pub(super) async fn replace_shield(
    bank: &Bank,
    work: &mut Work,
    customer: &str,
    (serial, asked_by): (&str, &str),
    now: i64,
) -> Result<Code> {
    let former = shield::of_customer(work, customer).await?.ok_or(Refusal::NoShield)?;
    if former.is_held() {
        take_back(work, &former, Why::Replaced, now).await?;
    }
    bind(bank, work, (customer, &former.user_id), serial, asked_by, now).await
}

/// Another code for the shield that the customer has: the second teller has approved.
pub(super) async fn renew_code(bank: &Bank, work: &mut Work, customer: &str, now: i64) -> Result<Code> {
    let shield = held(work, customer).await?;
    hand_out(bank, work, &shield, now).await
}
