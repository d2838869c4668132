//! What tellers do. Each function takes the [`Teller`], so that every action has a name in the audit, and most take the customer
//! [`AtCounter`], whose document and card the teller has looked at.

mod approval;
mod puk;
mod shield;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    bank::Bank,
    books::{
        account::{self, VAULT},
        audit,
        card::{self, COLUMNS, Card, ROWS},
        contract::{self, Maker},
        customer::{self, Customer},
        posting::{self, Posting},
        session::{self, SessionKind},
        shield::{self as shield_book, Shield},
    },
    database::Work,
    error::{Error, Refusal, Result},
    identity::AGREEMENT,
    money::Fen,
    random,
    rights::{AtCounter, Teller},
    secrets,
    settings::ONE_TIME,
};

pub(crate) use approval::{Action, Brought, answer, ask, detail, waiting};
pub(crate) use puk::{Clear, Errand, hand_over, locked, set, unblock};
pub(crate) use shield::{
    check_first, check_serial, check_suspended, confirm_all, lose_shield, not_suspended,
};

/// Who opens an account.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) name: String,
    pub(crate) document: String,
    pub(crate) phone: String,
    /// Cash that is paid in at once; empty for none.
    pub(crate) deposit: String,
    /// What the form has of its own, or nothing. A form that is sent again opens no second account: the number comes from the key.
    pub(crate) key: String,
}

impl Opening {
    /// The number of the new account.
    fn number(&self, teller: &Teller) -> Result<String> {
        if self.key.is_empty() {
            return account::new_number();
        }
        let mut digest = Sha256::new();
        for part in [&teller.actor(), &self.key, self.document.trim(), self.deposit.trim()] {
            digest.update(Sha256::digest(part.as_bytes()));
        }
        let digest: [u8; 32] = digest.finalize().into();
        let bytes = digest.first_chunk().ok_or_else(|| Error::Broken("a digest is too short".into()))?;
        Ok(account::number_of(*bytes))
    }
}

fn plain(text: &str, least: usize, most: usize) -> Result<String> {
    let text = text.trim();
    let fits = (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(Refusal::BadText.into()) }
}

/// Opens an account, for a new customer or for one whom the document names.
///
/// # Errors
/// The document is another person's, or a text or the amount has not its form.
pub(crate) async fn open_account(bank: &Bank, teller: &Teller, new: &Opening) -> Result<String> {
    let deposit = match new.deposit.trim() {
        "" => None,
        typed => Some(Fen::parse(typed).ok_or(Refusal::BadAmount)?),
    };
    let document: String = plain(&new.document, 6, 32)?.to_uppercase();
    let (name, phone) = (plain(&new.name, 1, 64)?, plain(&new.phone, 5, 20)?);
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let person = Customer { id: random::id()?, name, document, phone };
    let customer = if customer::add(&mut work, &person, now).await? {
        person
    } else {
        let known = customer::by_document(&mut work, &person.document).await?;
        let same = |known: &Customer| known.name == person.name;
        known.filter(same).ok_or(Refusal::CustomerExists)?
    };
    let number = new.number(teller)?;
    if !account::add(&mut work, &number, Some(&customer.id), &customer.name, "customer", now).await? {
        // The same form was sent before, and its answer was lost.
        let known = account::find(&mut work, &number).await?;
        let is_own = known.is_some_and(|known| known.customer.as_ref() == Some(&customer.id));
        return is_own.then_some(number).ok_or_else(|| Error::Broken("an account's number is taken".into()));
    }
    if let Some(amount) = deposit {
        let (debit, credit, actor) = (VAULT, &number, &teller.actor());
        let posting = Posting { order: None, reverses: None, debit, credit, amount, memo: "deposit", actor };
        let missing = || Error::Broken("the bank has no vault; run `bank migrate`".into());
        posting::add(&mut work, &posting, now).await?.ok_or_else(missing)?;
    }
    audit::add(&mut work, now, &teller.actor(), "account-opened", &number, &customer.id).await?;
    work.commit().await?;
    Ok(number)
}

/// A password that the bank makes: shown once, good for ten days, and to be changed at the first log-in.
async fn one_time_password(bank: &Bank) -> Result<(String, String)> {
    let password = random::signs(random::CLEAR, 12)?;
    let hash = bank.hasher.hash(&password).await?;
    Ok((password.to_string(), hash))
}

/// The application form: a contract of online banking for a customer who has none. Gives the first password.
///
/// # Errors
/// There is a contract.
pub(crate) async fn make_contract(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<String> {
    let (password, hash) = one_time_password(bank).await?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let (id, today) = (&at.customer().id, bank.clock.business_date());
    if !contract::add(&mut work, id, Maker::Counter, &today, AGREEMENT, now).await? {
        return Err(Refusal::ContractExists.into());
    }
    customer::set_one_time_login(&mut work, id, &hash, now + ONE_TIME).await?;
    audit::add(&mut work, now, &teller.actor(), "contract-made", at.account(), AGREEMENT).await?;
    work.commit().await?;
    Ok(password)
}

/// The change form: the counter lets a contract of the web pay.
///
/// # Errors
/// There is no contract.
pub(crate) async fn enable(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !contract::enable(&mut work, &at.customer().id, &bank.clock.business_date()).await? {
        return Err(Refusal::NoContract.into());
    }
    audit::add(&mut work, now, &teller.actor(), "contract-enabled", at.account(), "").await?;
    work.commit().await?;
    Ok(())
}

/// Lets a contract pay merchants.
///
/// # Errors
/// There is no contract that the counter has enabled.
pub(crate) async fn enable_ecommerce(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !contract::enable_ecommerce(&mut work, &at.customer().id).await? {
        return Err(Refusal::NotEnabled.into());
    }
    audit::add(&mut work, now, &teller.actor(), "ecommerce-enabled", at.account(), "").await?;
    work.commit().await?;
    Ok(())
}

/// A card with its cells, as it is printed: once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Printed {
    pub(crate) id: String,
    /// The letters above the columns.
    pub(crate) columns: Vec<char>,
    /// Each row: its number, and its cells.
    pub(crate) rows: Vec<(u32, Vec<String>)>,
}

fn print(bank: &Bank, card: &Card) -> Result<Printed> {
    let cells = |row: u32| -> Result<(u32, Vec<String>)> {
        let cell = |column: char| card.cell(&bank.secrets, &format!("{column}{row}"));
        Ok((row, COLUMNS.chars().map(cell).collect::<Result<_>>()?))
    };
    let rows = (1..=ROWS).map(cells).collect::<Result<_>>()?;
    Ok(Printed { id: card.id.clone(), columns: COLUMNS.chars().collect(), rows })
}

/// Issues the first password card of a customer. It ends the static password.
///
/// # Errors
/// The customer has a card or had one, or the contract is not enabled.
pub(crate) async fn issue_card(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<Printed> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let id = &at.customer().id;
    let enabled = contract::find(&mut work, id).await?.ok_or(Refusal::NoContract)?.enabled_on;
    enabled.ok_or(Refusal::NotEnabled)?;
    if card::of_customer(&mut work, id).await?.is_some() {
        return Err(Refusal::CardExists.into());
    }
    let card = card::add(&mut work, id, bank.secrets.current(secrets::Kind::Card, now), now).await?;
    audit::add(&mut work, now, &teller.actor(), "card-issued", &card.id, at.account()).await?;
    work.commit().await?;
    print(bank, &card)
}

/// Replaces a customer's card, whatever state it is in: the second teller has approved.
async fn replace_card(bank: &Bank, work: &mut Work, customer: &str, now: i64) -> Result<Printed> {
    card::of_customer(work, customer).await?.ok_or(Refusal::NoCard)?;
    card::end(work, customer, "replaced").await?;
    let card = card::add(work, customer, bank.secrets.current(secrets::Kind::Card, now), now).await?;
    print(bank, &card)
}

/// Blocks a customer's card at once: a lost card waits for no second teller.
///
/// # Errors
/// There is no card in use.
pub(crate) async fn block_card(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !card::end(&mut work, &at.customer().id, "blocked").await? {
        return Err(Refusal::NoCard.into());
    }
    audit::add(&mut work, now, &teller.actor(), "card-blocked", at.account(), "").await?;
    work.commit().await?;
    Ok(())
}

/// Resets a log-in password: the bank makes one, the customer must choose another, and all sessions end (ASVS 6.4.6).
///
/// # Errors
/// There is no contract.
pub(crate) async fn reset_login(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<String> {
    let (password, hash) = one_time_password(bank).await?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    let id = &at.customer().id;
    contract::find(&mut work, id).await?.ok_or(Refusal::NoContract)?;
    customer::set_one_time_login(&mut work, id, &hash, now + ONE_TIME).await?;
    session::end_all(&mut work, SessionKind::Customer, id).await?;
    audit::add(&mut work, now, &teller.actor(), "login-reset", at.account(), "").await?;
    work.commit().await?;
    Ok(password)
}

/// Ends all sessions of a customer (ASVS 7.4.5).
pub(crate) async fn end_sessions(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    session::end_all(&mut work, SessionKind::Customer, &at.customer().id).await?;
    audit::add(&mut work, now, &teller.actor(), "sessions-ended", at.account(), "").await?;
    work.commit().await?;
    Ok(())
}

/// How a customer stands, for the teller's page.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) accounts: Vec<account::Account>,
    pub(crate) contract: Option<contract::Contract>,
    pub(crate) card: Option<Card>,
    pub(crate) shield: Option<Shield>,
}

impl Overview {
    /// What the counter can do about the contract: the application form where there is none, else the change form.
    pub(crate) fn contract_actions(&self) -> Vec<&'static str> {
        let Some(contract) = &self.contract else { return vec!["contract"] };
        let is_enabled = contract.enabled_on.is_some();
        let changes = [
            ("enable", !is_enabled),
            ("ecommerce", is_enabled && !contract.has_ecommerce()),
            ("reset-login", true),
            ("end-sessions", true),
        ];
        changes.into_iter().filter(|(_, makes_sense)| *makes_sense).map(|(name, _)| name).collect()
    }

    /// What the counter can do about the password card.
    pub(crate) fn card_actions(&self) -> Vec<&'static str> {
        let is_enabled = self.contract.as_ref().is_some_and(|contract| contract.enabled_on.is_some());
        match &self.card {
            Some(card) if ["issued", "active"].contains(&card.state.as_str()) => {
                vec!["block-card", "replace-card"]
            }
            Some(_) => vec!["replace-card"],
            None if is_enabled => vec!["card"],
            None => Vec::new(),
        }
    }

    /// What the counter can do about the shield by its serial number.
    pub(crate) fn serial_action(&self) -> Option<&'static str> {
        let is_enabled = self.contract.as_ref().is_some_and(|contract| contract.enabled_on.is_some());
        let action = if self.shield.is_some() { "replace-shield" } else { "shield" };
        is_enabled.then_some(action)
    }

    /// What the counter can do about the shield that the customer has.
    pub(crate) fn shield_actions(&self) -> Vec<&'static str> {
        match &self.shield {
            Some(shield) if shield.is_suspended() => vec!["confirm-shield", "lose-shield"],
            Some(shield) if shield.is_held() => vec!["shield-code", "unblock-shield", "lose-shield"],
            _ => Vec::new(),
        }
    }
}

/// Looks at a customer. That is an action like any other: the audit says which teller has seen whose balances.
pub(crate) async fn overview(bank: &Bank, teller: &Teller, at: &AtCounter) -> Result<Overview> {
    let (mut work, now, id) = (bank.database.begin().await?, bank.clock.now(), &at.customer().id);
    let seen = Overview {
        accounts: account::of_customer(&mut work, id).await?,
        contract: contract::find(&mut work, id).await?,
        card: card::of_customer(&mut work, id).await?,
        shield: shield_book::of_customer(&mut work, id).await?,
    };
    audit::add(&mut work, now, &teller.actor(), "customer-seen", at.account(), "").await?;
    work.commit().await?;
    Ok(seen)
}

/// A teller logs out.
pub(crate) async fn sign_out(bank: &Bank, teller: &Teller) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    session::end(&mut work, SessionKind::Teller, teller.name(), &teller.session().id).await?;
    audit::add(&mut work, now, &teller.actor(), "sign-out", "", "").await?;
    work.commit().await?;
    Ok(())
}
