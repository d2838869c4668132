//! `bank demo`: a bank with customers of all kinds, made through the same doors as everybody's.

mod guide;
mod folder;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    bank::Bank,
    books::{
        account, approval, audit, contract, customer,
        session::{self, SessionKind},
        teller,
    },
    desk::{self, Action, Brought, Opening, Printed},
    error::{Refusal, Result},
    identity::{self, AGREEMENT, From, Registration},
    password,
    personal_id::Code,
    rights::{AtCounter, Teller},
};

pub(crate) use folder::{Folder, Kept};
pub(crate) use guide::{Addresses, guide};

/// Adds a teller.
pub(crate) async fn add_teller(bank: &Bank, name: &str, password: &str) -> Result<()> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !(1..=32).contains(&name.len()) || !is_plain {
        return Err(Refusal::BadText.into());
    }
    password::check(password, &[name])?;
    let hash = bank.hasher.hash(password).await?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !teller::add(&mut work, name, &hash, now).await? {
        return Err(Refusal::TellerExists.into());
    }
    audit::add(&mut work, now, "owner", "teller-added", name, "").await?;
    work.commit().await?;
    Ok(())
}

/// A teller has another password, and no session that was begun with the former one. Whether there is such a teller.
pub(crate) async fn change_teller(bank: &Bank, name: &str, password: &str) -> Result<bool> {
    password::check(password, &[name])?;
    let hash = bank.hasher.hash(password).await?;
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !teller::set_hash(&mut work, name, &hash).await? {
        return Ok(false);
    }
    session::end_all(&mut work, SessionKind::Teller, name).await?;
    audit::add(&mut work, now, "owner", "teller-password", name, "").await?;
    work.commit().await?;
    Ok(true)
}

/// A teller no longer works here: sessions end, and what the teller has asked for is not approved by anybody. Whether there was one.
pub(crate) async fn stop_teller(bank: &Bank, name: &str) -> Result<bool> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    if !teller::stop(&mut work, name).await? {
        return Ok(false);
    }
    session::end_all(&mut work, SessionKind::Teller, name).await?;
    let withdrawn = approval::withdraw(&mut work, name, now).await?;
    let detail = format!("{withdrawn} requests withdrawn");
    audit::add(&mut work, now, "owner", "teller-stopped", name, &detail).await?;
    work.commit().await?;
    Ok(true)
}

/// The password of everybody in the demo. It is printed, and guards nothing but the demo.
const PASSWORD: &str = "demo only 2026";
const PAYMENT_PASSWORD: &str = "demo2026";
const TELLERS: [&str; 2] = ["lin", "zhao"];
const PHONE: &str = "13800000000";

/// A text of the demo's own, or one that was kept.
type Word = Cow<'static, str>;

/// What the demo has made. The guide tells it to people, and the ready file to programs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Seeded {
    password: Word,
    payment_password: Word,
    tellers: [Word; 2],
    people: [Person; 5],
}

/// A customer of the demo.
#[derive(Serialize, Deserialize)]
struct Person {
    kind: Kind,
    name: Word,
    document: Word,
    phone: Word,
    account: String,
    card: Option<Printed>,
    /// The shield that was named, and what fetches its ID.
    shield: Option<Code>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Pays by static password: the contract is of 2006.
    Static,
    /// Has a password card, which waits for its activation.
    Card,
    /// Has registered on the web.
    Web,
    /// Has an account only, and can register.
    Account,
    /// Pays by shield, once the counter has given one.
    Shield,
}

/// Fills the bank. `shield` is the serial number of a shield that the last customer has.
pub(crate) async fn seed(bank: &Bank, shield: Option<&str>) -> Result<Seeded> {
    bank.found().await?;
    for name in TELLERS {
        add_teller(bank, name, PASSWORD).await?;
    }
    let from = From { address: "127.0.0.1".into(), agent: "demo".into() };
    let sign_in = async |name| -> Result<Teller> {
        let token = identity::sign_in_teller(bank, name, PASSWORD, &from).await?;
        Ok(Teller::by_token(bank, &token).await?.ok_or(Refusal::SignIn)?)
    };
    let teller = sign_in("lin").await?;
    let mut work = bank.database.begin().await?;
    let now = bank.clock.now();
    account::add(&mut work, "6222021234567890", None, "上海水务", "payee", now).await?;
    account::add(&mut work, "6222029876543210", None, "北京书店", "payee", now).await?;
    work.commit().await?;
    let person = async |kind, name, document| make(bank, &teller, &from, kind, name, document).await;
    let mut people = [
        person(Kind::Static, "张三", "110101198001011234").await?,
        person(Kind::Card, "李四", "110101198202022345").await?,
        person(Kind::Web, "王五", "110101199003033456").await?,
        person(Kind::Account, "赵六", "110101199104044567").await?,
        person(Kind::Shield, "孙七", "110101199205055678").await?,
    ];
    if let (Some(serial), Some(holder)) = (shield, people.last_mut()) {
        holder.shield = hand_out(bank, [&teller, &sign_in("zhao").await?], holder, serial).await?;
    }
    let (password, payment_password) = (PASSWORD.into(), PAYMENT_PASSWORD.into());
    Ok(Seeded { password, payment_password, tellers: TELLERS.map(Word::from), people })
}

/// One teller hands out a shield, and the other approves.
async fn hand_out(
    bank: &Bank,
    [one, other]: [&Teller; 2],
    holder: &Person,
    serial: &str,
) -> Result<Option<Code>> {
    let mut db = bank.database.connection().await?;
    let at = AtCounter::check(&mut db, one, &holder.account, &holder.document).await?;
    drop(db);
    let action = Action::IssueShield(desk::check_first(bank, &at, serial).await?, at.account().to_owned());
    let asked = desk::ask(bank, one, &at, action).await?;
    match desk::answer(bank, other, &asked, true).await? {
        Some(Brought::Code(code)) => Ok(Some(code)),
        _ => Ok(None),
    }
}

async fn make(
    bank: &Bank,
    teller: &Teller,
    from: &From,
    kind: Kind,
    name: &'static str,
    document: &'static str,
) -> Result<Person> {
    let opening = Opening {
        name: name.into(),
        document: document.into(),
        phone: PHONE.into(),
        deposit: if kind == Kind::Shield { "200000" } else { "10000" }.into(),
        key: String::new(),
    };
    let account = desk::open_account(bank, teller, &opening).await?;
    let mut db = bank.database.connection().await?;
    let at = AtCounter::check(&mut db, teller, &account, document).await?;
    drop(db);
    let card = match kind {
        Kind::Account => None,
        Kind::Web => {
            register(bank, &at, from).await?;
            None
        }
        Kind::Shield => {
            make_contract(bank, teller, &at, &bank.clock.business_date()).await?;
            None
        }
        Kind::Static => {
            make_contract(bank, teller, &at, "2006-08-15").await?;
            None
        }
        Kind::Card => {
            make_contract(bank, teller, &at, &bank.clock.business_date()).await?;
            Some(desk::issue_card(bank, teller, &at).await?)
        }
    };
    let (name, document, phone) = (name.into(), document.into(), PHONE.into());
    Ok(Person { kind, name, document, phone, account, card, shield: None })
}

async fn register(bank: &Bank, at: &AtCounter, from: &From) -> Result<()> {
    let new = Registration {
        account: at.account().to_owned(),
        document: at.customer().document.clone(),
        phone: at.customer().phone.clone(),
        password: PASSWORD.into(),
        agreement: AGREEMENT.to_owned(),
    };
    identity::register(bank, &new, from).await
}

/// A contract of that day, with passwords as if the customer had chosen them.
async fn make_contract(bank: &Bank, teller: &Teller, at: &AtCounter, day: &str) -> Result<()> {
    let (id, now) = (at.customer().id.as_str(), bank.clock.now());
    let (login, payment) = (bank.hasher.hash(PASSWORD).await?, bank.hasher.hash(PAYMENT_PASSWORD).await?);
    let mut work = bank.database.begin().await?;
    contract::add(&mut work, id, contract::Maker::Counter, day, AGREEMENT, now).await?;
    contract::enable_ecommerce(&mut work, id).await?;
    customer::set_chosen_login(&mut work, id, &login, now).await?;
    customer::set_payment_password(&mut work, id, &payment, now).await?;
    audit::add(&mut work, now, &teller.actor(), "contract-made", at.account(), "demo").await?;
    work.commit().await?;
    Ok(())
}
