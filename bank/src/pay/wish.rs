//! An order is written. The page's hidden key makes sure that a page that is sent twice makes one order.

use crate::{
    bank::Bank,
    books::{
        account::{self, Account},
        audit, challenge,
        order::{self, NewOrder, Order, OrderKind},
    },
    clock::Moment,
    error::{Error, Refusal, Result},
    money::Fen,
    random,
    rights::{OwnerOf, PayerOf, Settled},
    wording::text,
};

/// What a form wants paid, as it was typed.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) kind: OrderKind,
    pub(crate) payee: String,
    pub(crate) payee_name: String,
    pub(crate) payee_bank: String,
    pub(crate) amount: String,
    pub(crate) memo: String,
    pub(crate) form_key: String,
}

fn digits(text: &str) -> Result<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let right = (4..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if right { Ok(digits) } else { Err(Refusal::BadPayee.into()) }
}

/// Writes an order, or finds the one that the same page has made.
///
/// # Errors
/// The wish is none that can be paid, or the page was sent before with another wish.
pub(crate) async fn order(bank: &Bank, payer: &PayerOf<Account>, wish: &Wish) -> Result<Order> {
    let form_key = form_key(&wish.form_key)?;
    let amount = Fen::parse(&wish.amount).ok_or(Refusal::BadAmount)?;
    let (number, name) = (digits(&wish.payee)?, wish.payee_name.trim());
    let mut db = bank.database.connection().await?;
    if number == payer.account().number {
        return Err(Refusal::SameAccount.into());
    }
    let (payee_name, payee_bank) = match wish.kind {
        OrderKind::Remittance => (text(name, 1, 64)?, text(&wish.payee_bank, 1, 64)?),
        kind => {
            let wanted = if kind == OrderKind::Payment { "payee" } else { "customer" };
            let found = account::find(&mut db, &number).await?.filter(|account| account.kind == wanted);
            let found = found.ok_or(Refusal::BadPayee)?;
            // Who transfers must know whom to: an account's number alone tells nobody its owner's name.
            if kind == OrderKind::Transfer && found.title != name {
                return Err(Refusal::BadPayee.into());
            }
            (found.title, String::new())
        }
    };
    let memo = text(&wish.memo, 0, 60)?;
    let (customer, payer) = (payer.customer(), payer.account().number.clone());
    drop(db);
    let kind = wish.kind;
    let new = NewOrder {
        kind,
        payer,
        payee: number,
        payee_name,
        payee_bank,
        amount,
        memo,
        form_key,
        purchase: None,
    };
    write(bank, customer, &new, Moment::MAX).await
}

/// The hidden key of a page.
pub(super) fn form_key(key: &str) -> Result<String> {
    if random::is_id(key) { Ok(key.to_owned()) } else { Err(Refusal::Malformed.into()) }
}

/// Writes an order that ends at this moment or before, or finds the one that the same page has made.
pub(super) async fn write(bank: &Bank, customer: &str, new: &NewOrder, end: Moment) -> Result<Order> {
    let (id, now) = (random::id()?, bank.clock.now());
    let mut work = bank.database.begin().await?;
    if order::add(&mut work, &id, customer, new, now, end.min(now + bank.settings.order_life())).await? {
        audit::add(&mut work, now, &format!("customer:{customer}"), "order", &id, new.kind.name()).await?;
        work.commit().await?;
        let mut db = bank.database.connection().await?;
        let missing = || Error::Broken("an order that was written is not there".into());
        return order::find(&mut db, &id).await?.ok_or_else(missing);
    }
    let before = order::by_form(&mut work, customer, &new.form_key).await?;
    before.filter(|before| before.is_as(new)).ok_or_else(|| Refusal::FormUsed.into())
}

/// Cancels an order that is not paid.
///
/// # Errors
/// It has ended.
pub(crate) async fn cancel(bank: &Bank, customer: &Settled, order: &OwnerOf<Order>) -> Result<()> {
    let (id, now) = (&order.order().id, bank.clock.now());
    let mut work = bank.database.begin().await?;
    if !order::cancel(&mut work, id, now).await? {
        return Err(Refusal::OrderEnded.into());
    }
    challenge::kill(&mut work, id).await?;
    audit::add(&mut work, now, &customer.actor(), "order-cancelled", id, "").await?;
    work.commit().await?;
    Ok(())
}
