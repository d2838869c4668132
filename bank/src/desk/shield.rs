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
    identity::check_teller,
    personal_id::{self, Code, bind, hand_out, take_back},
    rights::{AtCounter, Teller},
};

/// The customer's shield, where it is still the customer's.
pub(super) async fn held(db: &mut Connection, customer: &str) -> Result<Shield> {
    let found = shield::of_customer(db, customer).await?;
    Ok(found.filter(Shield::is_held).ok_or(Refusal::NoShield)?)
}

/// The customer's shield, where it is still the customer's and nothing is held against it.
pub(super) async fn in_use(db: &mut Connection, customer: &str) -> Result<Shield> {
    let shield = held(db, customer).await?;
    if shield.is_suspended() { Err(Refusal::ShieldSuspended.into()) } else { Ok(shield) }
}

/// Refuses a first shield for somebody who has or had one, before a second teller is asked.
///
/// # Errors
/// The customer has a shield or had one, or the number is none.
pub(crate) async fn check_first(bank: &Bank, at: &AtCounter, serial: &str) -> Result<String> {
    let serial = check_serial(serial)?;
    let former = shield::of_customer(&mut *bank.database.connection().await?, &at.customer().id).await?;
    if former.is_some() { Err(Refusal::ShieldExists.into()) } else { Ok(serial) }
}

/// Hands out the first shield of a customer, with reference and authorisation code: the second teller has approved. It ends the static
/// password.
///
/// A shield pays any sum, and whoever gets its code needs no more than a log-in. One teller alone can make or reset a log-in, so that no
/// teller alone gives out a shield.
///
/// # Errors
/// The customer has a shield or had one, or the contract is not enabled.
pub(super) async fn issue_shield(
    bank: &Bank,
    work: &mut Work,
    (customer, account): (&str, &str),
    (serial, asked_by): (&str, &str),
    now: i64,
) -> Result<Code> {
    if shield::of_customer(work, customer).await?.is_some() {
        return Err(Refusal::ShieldExists.into());
    }
    bind(bank, work, (customer, account), serial, asked_by, now).await
}

/// Refuses where there is nothing to confirm, before a second teller is asked.
///
/// # Errors
/// The customer has no shield, or a restore has not suspended it.
pub(crate) async fn check_suspended(bank: &Bank, at: &AtCounter) -> Result<String> {
    let shield = held(&mut *bank.database.connection().await?, &at.customer().id).await?;
    if shield.is_suspended() { Ok(shield.serial) } else { Err(Refusal::NotSuspended.into()) }
}

/// A shield that a restore has suspended stands again: the second teller has approved.
pub(super) async fn confirm_shield(work: &mut Work, customer: &str) -> Result<()> {
    let shield = held(work, customer).await?;
    if personal_id::confirm(work, &shield).await? { Ok(()) } else { Err(Refusal::NotSuspended.into()) }
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

/// Those of these serial numbers that are of no suspended shield: somebody has mistyped them, or they are settled already.
pub(crate) async fn not_suspended(bank: &Bank, serials: &[String]) -> Result<Vec<String>> {
    let suspended = personal_id::suspended(&mut *bank.database.connection().await?).await?;
    Ok(serials.iter().filter(|serial| !suspended.contains(serial)).cloned().collect())
}

/// All shields that a restore has suspended stand again but those that are named: both tellers have given their passwords.
///
/// # Errors
/// One of the two is no teller, or both are the same.
pub(crate) async fn confirm_all(
    bank: &Bank,
    [one, other]: [(&str, &str); 2],
    except: &[String],
) -> Result<u64> {
    if one.0 == other.0 {
        return Err(Refusal::SecondTeller.into());
    }
    for (name, password) in [one, other] {
        check_teller(bank, name, password).await?;
    }
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let confirmed = personal_id::confirm_all_but(&mut work, except).await?;
    let detail = format!("{confirmed}, approved by {}, but not {}", other.0, except.join(" "));
    audit::add(&mut work, now, &format!("teller:{}", one.0), "shields-confirmed", "", &detail).await?;
    work.commit().await?;
    Ok(confirmed)
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
    let shield = in_use(work, customer).await?;
    hand_out(bank, work, &shield, now).await
}
