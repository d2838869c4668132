//! A merchant orders, once for each Idempotency-Key; cancels; and what nobody has paid in time expires.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::event::{shown, tell};
use crate::{
    bank::Bank,
    books::{
        audit,
        idempotency::{self, Asked, Turn},
        merchant::Merchant,
        purchase::{self, NewPurchase, Purchase},
    },
    clock::{MINUTE, Moment},
    error::{Error, Refusal, Result},
    money::Fen,
    origin,
    random::{self, hex},
    rights::Shop,
    wording::text,
};

/// What a merchant wants paid.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The merchant's own name of the order.
    pub(crate) reference: String,
    /// In yuan, such as `12.34`.
    pub(crate) amount: String,
    /// What the customer and the shield are shown.
    #[serde(default)]
    pub(crate) memo: String,
    /// Where the customer is led back to.
    pub(crate) return_url: String,
    /// How long the customer has.
    #[serde(default)]
    pub(crate) minutes: Option<i64>,
}

/// An answer, and whether it was given before.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) is_replayed: bool,
}

/// The longest Idempotency-Key.
const LONGEST_KEY: usize = 255;
/// A customer has a day at most.
const LONGEST_LIFE: i64 = 24 * 60;

/// Whether the URL is of an origin that the operator has agreed with the merchant. A customer is led to no other place.
fn check_return(merchant: &Merchant, url: &str) -> Result<()> {
    let origin = origin::of(url);
    let is_agreed = origin.is_some_and(|origin| merchant.return_origins().any(|own| own == origin));
    if is_agreed { Ok(()) } else { Err(Refusal::BadReturn.into()) }
}

/// The key, without the quotation marks that the draft puts around it.
fn checked_key(key: Option<&str>) -> Result<&str> {
    let key = key.unwrap_or_default().trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let right =
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    if right { Ok(key) } else { Err(Refusal::NoIdempotencyKey.into()) }
}

/// Orders, once for each key: the same request again has the same answer.
///
/// # Errors
/// There is no key; the order is none that can be paid, and then the key stays free; the key was used for another request, or its
/// request is being carried out.
pub(crate) async fn create(bank: &Bank, shop: &Shop, key: Option<&str>, wanted: &Wanted) -> Result<Reply> {
    let (name, merchant, now) = (checked_key(key)?, shop.merchant(), bank.clock.now());
    let amount = Fen::parse(&wanted.amount).ok_or(Refusal::BadAmount)?;
    let (reference, memo) = (text(&wanted.reference, 1, 64)?, text(&wanted.memo, 0, 60)?);
    check_return(merchant, &wanted.return_url)?;
    let minutes = wanted.minutes.unwrap_or(bank.settings.order_minutes);
    if !(1..=LONGEST_LIFE).contains(&minutes) {
        return Err(Refusal::Malformed.into());
    }
    let new = NewPurchase { reference, amount, memo, return_url: wanted.return_url.clone() };
    let request = serde_json::to_vec(wanted).map_err(|fault| Error::Broken(fault.to_string()))?;
    let request = hex(&Sha256::digest(&request));
    let asked = Asked { merchant: &merchant.id, name, request: &request };
    let turn = idempotency::claim(&mut *bank.database.writer().await?, &asked, now).await?;
    let claim = match turn {
        Turn::Own(claim) => claim,
        Turn::Done(known) | Turn::Running(known) if known.request != request => {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        Turn::Running(_) => return Err(Refusal::StillRunning.into()),
        Turn::Done(known) => {
            let status = known.status.try_into().unwrap_or(500);
            return Ok(Reply { status, body: known.body, is_replayed: true });
        }
    };
    let made = make(bank, merchant, &new, now + minutes * MINUTE, (&asked, claim)).await;
    if made.is_err() {
        idempotency::forget(&mut *bank.database.writer().await?, &asked, claim).await?;
    }
    made
}

/// The order and the kept answer, in one transaction.
async fn make(
    bank: &Bank,
    merchant: &Merchant,
    new: &NewPurchase,
    expires: Moment,
    (asked, claim): (&Asked<'_>, Moment),
) -> Result<Reply> {
    let (id, now) = (random::id()?, bank.clock.now());
    let mut work = bank.database.begin().await?;
    purchase::add(&mut work, &id, &merchant.id, new, now, expires).await?;
    let missing = || Error::Broken("a merchant's order that was written is not there".into());
    let made = purchase::find(&mut work, &id).await?.ok_or_else(missing)?;
    let body = with_page(bank, &made, now).to_string();
    // Somebody who waited longer than the lease has taken the request over.
    if !idempotency::finish(&mut work, asked, claim, (201, &body)).await? {
        return Err(Refusal::StillRunning.into());
    }
    audit::add(&mut work, now, &merchant.actor(), "merchant-order", &id, &new.amount.plain()).await?;
    work.commit().await?;
    Ok(Reply { status: 201, body, is_replayed: false })
}

/// The order, and where its customer pays.
pub(crate) fn with_page(bank: &Bank, purchase: &Purchase, now: Moment) -> serde_json::Value {
    let mut value = shown(purchase, now);
    value["pay_url"] = format!("{}/pay/{}", bank.public.main(), purchase.id).into();
    value
}

/// Cancels an order that nobody has paid. Cancelling twice changes nothing.
///
/// # Errors
/// It is not this merchant's, or it is paid or too old.
pub(crate) async fn cancel(bank: &Bank, shop: &Shop, id: &str) -> Result<Purchase> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let is_own = |found: &Purchase| found.merchant == shop.merchant().id;
    let found = purchase::find(&mut work, id).await?.filter(is_own).ok_or(Refusal::NotYours)?;
    if found.state(now) == "cancelled" {
        return Ok(found);
    }
    if !purchase::cancel(&mut work, id, now).await? {
        return Err(Refusal::PurchaseEnded.into());
    }
    tell(&mut work, id, "order.cancelled", now).await?;
    audit::add(&mut work, now, &shop.merchant().actor(), "merchant-order-cancelled", id, "").await?;
    let cancelled = purchase::find(&mut work, id).await?;
    work.commit().await?;
    Ok(cancelled.ok_or(Refusal::NotYours)?)
}

/// Writes down that orders are too old, and has their merchants told.
pub(crate) async fn expire_late(bank: &Bank) -> Result<()> {
    let now = bank.clock.now();
    loop {
        let late = purchase::late(&mut *bank.database.connection().await?, now).await?;
        let Some(id) = late else { return Ok(()) };
        let mut work = bank.database.begin().await?;
        if purchase::expire(&mut work, &id, now).await? {
            tell(&mut work, &id, "order.expired", now).await?;
            work.commit().await?;
        }
    }
}
