//! What the bank's operator does: merchants, their keys, and where they are told. No merchant changes any of that.

use zeroize::Zeroizing;

use super::event::{secret, tell};
use crate::{
    bank::Bank,
    books::{
        account, audit,
        merchant::{self, Merchant},
        purchase, webhook,
    },
    clock::DAY,
    database::Connection,
    error::{Error, Refusal, Result},
    origin,
    secrets::Kind,
    wording::text,
};

/// A merchant that is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewMerchant {
    pub(crate) name: String,
    /// A payee's account that is there; [`None`] opens one.
    pub(crate) account: Option<String>,
    pub(crate) return_origins: Vec<String>,
    /// Where outcomes are told; empty for nowhere.
    pub(crate) webhook: String,
}

/// What a new merchant is given: shown once.
#[derive(Debug)]
pub(crate) struct Added {
    pub(crate) merchant: Merchant,
    pub(crate) key: String,
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

/// Whether outcomes can be told there: https, or http at loopback, which wants a switch of `bank serve` as well.
fn check_webhook(target: &str) -> Result<()> {
    let is_right =
        target.is_empty() || origin::of(target).is_some_and(|origin| origin::parse(&origin).is_ok());
    if is_right { Ok(()) } else { Err(Refusal::BadWebhook.into()) }
}

/// Adds a merchant, with a first key.
///
/// # Errors
/// The name or the account is another merchant's, or the account is no payee's of that name, or the target is none.
pub(crate) async fn add(bank: &Bank, new: &NewMerchant) -> Result<Added> {
    let name = text(&new.name, 1, 64)?;
    check_webhook(&new.webhook)?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let number = match &new.account {
        Some(number) => {
            let found = account::find(&mut work, number).await?;
            // The customer's shield shows the title of the account, so the merchant has no other name.
            let found = found.filter(|account| account.kind == "payee" && account.title == name);
            found.ok_or(Refusal::BadPayee)?.number
        }
        None => {
            let number = account::new_number()?;
            if !account::add(&mut work, &number, None, &name, "payee", now).await? {
                return Err(Error::Broken("a random number of an account is taken".into()));
            }
            number
        }
    };
    let (account, return_origins, webhook) = (&number, &new.return_origins, &new.webhook);
    let row = merchant::NewMerchant { name: &name, account, return_origins, webhook };
    let webhook_key = bank.secrets.current(Kind::Form, now);
    let merchant = merchant::add(&mut work, &row, webhook_key, now).await?.ok_or(Refusal::MerchantExists)?;
    let key = merchant::add_key(&mut work, &merchant.id, now, now).await?;
    audit::add(&mut work, now, "owner", "merchant-added", &merchant.id, &number).await?;
    work.commit().await?;
    let secret = secret(bank, &merchant)?;
    Ok(Added { merchant, key, secret })
}

async fn known(db: &mut Connection, name: &str) -> Result<Merchant> {
    Ok(merchant::by_name(db, name).await?.ok_or(Refusal::MerchantUnknown)?)
}

/// Another key. The former ones end in a day, or at once where somebody else knows one of them.
pub(crate) async fn another_key(bank: &Bank, name: &str, ends_former: bool) -> Result<String> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let merchant = known(&mut work, name).await?;
    let end = if ends_former { now } else { now + DAY };
    let key = merchant::add_key(&mut work, &merchant.id, end, now).await?;
    audit::add(&mut work, now, "owner", "merchant-key", &merchant.id, "").await?;
    work.commit().await?;
    Ok(key)
}

/// Another secret: whatever is sent from now on is signed with it. The former one signs beside it for a day, or no more where somebody else
/// knows it.
pub(crate) async fn another_secret(
    bank: &Bank,
    name: &str,
    ends_former: bool,
) -> Result<Zeroizing<[u8; 32]>> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let merchant = known(&mut work, name).await?;
    let end = if ends_former { now } else { now + DAY };
    merchant::next_secret(&mut work, &merchant.id, bank.secrets.current(Kind::Form, now), end).await?;
    audit::add(&mut work, now, "owner", "merchant-secret", &merchant.id, "").await?;
    let merchant = known(&mut work, name).await?;
    work.commit().await?;
    secret(bank, &merchant)
}

/// Tells outcomes at another place, or nowhere.
pub(crate) async fn set_webhook(bank: &Bank, name: &str, target: &str) -> Result<()> {
    check_webhook(target)?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let merchant = known(&mut work, name).await?;
    merchant::set_webhook(&mut work, &merchant.id, target).await?;
    audit::add(&mut work, now, "owner", "merchant-webhook", &merchant.id, target).await?;
    work.commit().await?;
    Ok(())
}

/// Ends the work with a merchant: its keys open nothing, and its open orders are cancelled.
pub(crate) async fn stop(bank: &Bank, name: &str) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let merchant = known(&mut work, name).await?;
    if merchant::stop(&mut work, &merchant.id).await? {
        let cancelled = purchase::cancel_all(&mut work, &merchant.id, now).await?;
        for id in &cancelled {
            tell(&mut work, id, "order.cancelled", now).await?;
        }
        let detail = format!("{} orders cancelled", cancelled.len());
        audit::add(&mut work, now, "owner", "merchant-stopped", &merchant.id, &detail).await?;
        work.commit().await?;
    }
    Ok(())
}

/// Has something sent once more, by the same id: a receiver that has it already drops it.
pub(crate) async fn resend(bank: &Bank, id: &str) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !webhook::resend(&mut work, id, now).await? {
        return Err(Refusal::NotFound.into());
    }
    audit::add(&mut work, now, "owner", "webhook-resent", id, "").await?;
    work.commit().await?;
    Ok(())
}
