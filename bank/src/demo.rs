//! `bank demo`: a bank with customers of all kinds, made through the same doors as everybody's.

use std::path::{Path, PathBuf};

use terminal::Failure;

use crate::{
    bank::Bank,
    books::{
        account, approval, audit, contract, customer,
        session::{self, SessionKind},
        teller,
    },
    desk::{self, Opening},
    error::{Refusal, Result},
    identity::{self, AGREEMENT, From, Registration},
    password, random,
    rights::{AtCounter, Teller},
};

/// A folder that goes away with the demo.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn make() -> std::result::Result<Self, Failure> {
        let name = random::id().map_err(|error| Failure::new("no folder was made").because(error))?;
        let path = std::env::temp_dir().join(format!("bank-demo-{name}"));
        file::make_private_folder(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

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

/// Fills the bank, and says what to click.
pub(crate) async fn seed(bank: &Bank) -> Result<Vec<String>> {
    bank.found().await?;
    for name in ["lin", "zhao"] {
        add_teller(bank, name, PASSWORD).await?;
    }
    let from = From { address: "127.0.0.1".into(), agent: "demo".into() };
    let token = identity::sign_in_teller(bank, "lin", PASSWORD, &from).await?;
    let teller = Teller::by_token(bank, &token).await?.ok_or(Refusal::SignIn)?;
    let mut work = bank.database.begin().await?;
    let now = bank.clock.now();
    account::add(&mut work, "6222021234567890", None, "上海水务", "payee", now).await?;
    account::add(&mut work, "6222029876543210", None, "北京书店", "payee", now).await?;
    work.commit().await?;
    let people = [
        ("张三", "110101198001011234"),
        ("李四", "110101198202022345"),
        ("王五", "110101199003033456"),
        ("赵六", "110101199104044567"),
    ];
    let mut accounts = Vec::new();
    for (name, document) in people {
        let opening = Opening {
            name: name.into(),
            document: document.into(),
            phone: "13800000000".into(),
            deposit: "10000".into(),
        };
        accounts.push((desk::open_account(bank, &teller, &opening).await?, document));
    }
    let mut lines =
        vec![String::new(), format!("password of all: {PASSWORD}   payment password: {PAYMENT_PASSWORD}")];
    for ((account, document), ((name, _), kind)) in accounts.iter().zip(people.iter().zip(KINDS)) {
        let mut db = bank.database.connection().await?;
        let at = AtCounter::check(&mut db, &teller, account, document).await?;
        drop(db);
        let extra = make(bank, &teller, &at, &from, kind).await?;
        lines.push(format!("{account}  {name}  document {document}  phone 13800000000  {}{extra}", kind.0));
    }
    lines.push("tellers lin and zhao have the same password: one asks, the other one approves".into());
    Ok(lines)
}

/// The kinds of customer, in the order of the people.
const KINDS: [(&str, Kind); 4] = [
    ("static password (contract of 2006)", Kind::Static),
    ("password card", Kind::Card),
    ("registered on the web: sees balances, pays nothing", Kind::Web),
    ("has an account only: can register", Kind::Account),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Static,
    Card,
    Web,
    Account,
}

async fn make(
    bank: &Bank,
    teller: &Teller,
    at: &AtCounter,
    from: &From,
    kind: (&str, Kind),
) -> Result<String> {
    let (id, now) = (at.customer().id.as_str(), bank.clock.now());
    match kind.1 {
        Kind::Account => return Ok(String::new()),
        Kind::Web => {
            let new = Registration {
                account: at.account().to_owned(),
                document: at.customer().document.clone(),
                phone: at.customer().phone.clone(),
                password: PASSWORD.into(),
                agreement: AGREEMENT.to_owned(),
            };
            identity::register(bank, &new, from).await?;
            return Ok(String::new());
        }
        Kind::Static | Kind::Card => {}
    }
    let day = if kind.1 == Kind::Static { "2006-08-15".to_owned() } else { bank.clock.business_date() };
    let (login, payment) = (bank.hasher.hash(PASSWORD).await?, bank.hasher.hash(PAYMENT_PASSWORD).await?);
    let mut work = bank.database.begin().await?;
    contract::add(&mut work, id, contract::Maker::Counter, &day, AGREEMENT, now).await?;
    contract::enable_ecommerce(&mut work, id).await?;
    customer::set_chosen_login(&mut work, id, &login, now).await?;
    customer::set_payment_password(&mut work, id, &payment, now).await?;
    audit::add(&mut work, now, &teller.actor(), "contract-made", at.account(), "demo").await?;
    work.commit().await?;
    if kind.1 == Kind::Static {
        return Ok(String::new());
    }
    let card = desk::issue_card(bank, teller, at).await?;
    let head: String = card.columns.iter().map(|column| format!("   {column}")).collect();
    let rows = card.rows.iter().map(|(row, cells)| format!("\n    {row} {}", cells.join(" ")));
    Ok(format!("\n  card {} (activate it on its page)\n     {head}{}", card.id, rows.collect::<String>()))
}
