//! `bank merchant`: what the bank's operator does with merchants. The command works on the books themselves, as `bank teller` does: no
//! page and no API changes where a merchant is told.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, say, say_lines};

use super::{Place, told};
use crate::{
    bank::Bank,
    books, clock,
    clock::Clock,
    database::Connection,
    error::{Error, Refusal, Result},
    merchant::{self, Added, NewMerchant},
    origin,
    shop::Room,
    text::Language,
    webhook::written,
};

#[derive(Subcommand)]
pub(super) enum Merchant {
    /// Add a merchant; the key and the secret of webhooks are shown this once
    Add(Add),
    /// The merchants, and where they are told
    List(Place),
    /// Make another key; the former one ends in a day
    Key(Key),
    /// Sign webhooks with another secret, which is shown this once; the former one signs beside it for a day
    Secret(Key),
    /// Tell outcomes at another address, or nowhere
    Webhook(Target),
    /// What was told, and what is waiting or was given up
    Told(Named),
    /// Have something told once more
    Resend(Resend),
    /// End the work with a merchant: keys open nothing, open orders are cancelled
    Stop(Named),
}

#[derive(Args)]
pub(super) struct Add {
    /// As customers and their shields see it
    name: String,
    /// A payee's account of that name; without it, one is opened
    #[arg(long, value_name = "NUMBER")]
    account: Option<String>,
    /// An origin that customers are led back to; may be repeated
    #[arg(long = "return", value_name = "ORIGIN", value_parser = origin::parse, required = true)]
    return_origins: Vec<String>,
    /// Where outcomes are told, such as https://shop.example/paid
    #[arg(long, value_name = "URL", default_value = "")]
    webhook: String,
    /// Account, key and secret as JSON, as `bank shop` reads them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Shop {
    /// Where the bank is
    #[arg(long, value_name = "ORIGIN", default_value = "http://127.0.0.1:8080")]
    bank: String,
    /// What `bank merchant add --json` gave; it may come after the shop has opened
    #[arg(long, value_name = "FILE")]
    merchant: PathBuf,
    /// Where the shop listens
    #[arg(long, value_name = "A:P", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Write the shop's address into this file as JSON, once the shop is open
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Shop {
    pub(super) async fn run(self) -> Outcome {
        let room = Room::open(self.listen).await?;
        say_lines(&format!("shop  {}", room.origin()));
        if let Some(path) = &self.ready_file {
            let ready = serde_json::json!({ "shop": room.origin() }).to_string();
            file::write_fleeting(path, ready.as_bytes(), file::Access::Owner, true)?;
        }
        room.sell(&self.bank, self.merchant).await?;
        Ok(Exit::Done)
    }
}

#[derive(Args)]
pub(super) struct Named {
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Key {
    name: String,
    /// End the former ones at once, because others know one of them
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Target {
    name: String,
    /// Such as https://shop.example/paid; empty for nowhere
    url: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Resend {
    /// As `bank merchant told` names it
    id: String,
    #[command(flatten)]
    place: Place,
}

/// What a command says of a refusal: the text of the pages.
fn refused(error: Error) -> Failure {
    let Error::Refused(refusal) = error else { return told("the merchant was not changed")(error) };
    let text = |end: &str| Language::English.text(&format!("refusal-{}{end}", refusal.code()), &[]);
    Failure::new("the merchant was not changed").because(text("")).next(text("-next"))
}

async fn open(place: &Place) -> std::result::Result<Bank, Failure> {
    place.open(Clock::default()).await
}

impl Merchant {
    pub(super) async fn run(self) -> Outcome {
        match self {
            Self::Add(add) => add.run().await?,
            Self::List(place) => list(&place).await?,
            Self::Key(key) => {
                let bank = open(&key.place).await?;
                let made = merchant::another_key(&bank, &key.name, key.at_once).await.map_err(refused)?;
                finish(&bank, &format!("key {made}")).await?;
            }
            Self::Secret(of) => {
                let bank = open(&of.place).await?;
                let secret = merchant::another_secret(&bank, &of.name, of.at_once).await.map_err(refused)?;
                finish(&bank, &format!("secret {}", written(secret.as_slice()))).await?;
            }
            Self::Webhook(of) => {
                let bank = open(&of.place).await?;
                merchant::set_webhook(&bank, &of.name, &of.url).await.map_err(refused)?;
                finish(&bank, "done").await?;
            }
            Self::Told(of) => history(&of).await?,
            Self::Resend(what) => {
                let bank = open(&what.place).await?;
                merchant::resend(&bank, &what.id).await.map_err(refused)?;
                finish(&bank, "it is sent by the next `bank serve` that looks").await?;
            }
            Self::Stop(of) => {
                let bank = open(&of.place).await?;
                merchant::stop(&bank, &of.name).await.map_err(refused)?;
                finish(&bank, "done").await?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Says what was changed, and seals the audit of it. What is said is a key or a secret that nobody can ask for again, so it comes first.
async fn finish(bank: &Bank, words: &str) -> std::result::Result<(), Failure> {
    say_lines(words);
    bank.seal().await.map(drop).map_err(told("it is done, and the audit was not sealed"))
}

/// Account, key and secret, as `bank shop` reads them.
fn as_json(added: &Added) -> String {
    let (account, key, secret) = (&added.merchant.account, &added.key, written(added.secret.as_slice()));
    serde_json::json!({ "account": account, "key": key, "secret": secret }).to_string()
}

/// The shop of `bank demo`: a merchant of the bank, whose papers lie in this file.
pub(super) async fn furnish(bank: &Bank, room: &Room, papers: &Path) -> std::result::Result<(), Failure> {
    let origin = room.origin().to_owned();
    let webhook = format!("{origin}/paid");
    let (name, return_origins) = ("试用书店".to_owned(), vec![origin]);
    let new = NewMerchant { name, account: None, return_origins, webhook };
    let added = merchant::add(bank, &new).await.map_err(refused)?;
    Ok(file::write(papers, as_json(&added).as_bytes(), file::Access::Owner, false)?)
}

impl Add {
    async fn run(self) -> std::result::Result<(), Failure> {
        let bank = open(&self.place).await?;
        let Self { name, account, return_origins, webhook, json, .. } = self;
        let new = NewMerchant { name, account, return_origins, webhook };
        let added = merchant::add(&bank, &new).await.map_err(refused)?;
        say(&format!("merchant {}; key and secret are shown this once", added.merchant.name));
        let secret = written(added.secret.as_slice());
        if json {
            return finish(&bank, &as_json(&added)).await;
        }
        finish(&bank, &format!("account {}\nkey {}\nsecret {secret}", added.merchant.account, added.key))
            .await
    }
}

async fn list(place: &Place) -> std::result::Result<(), Failure> {
    let bank = open(place).await?;
    let found = async { books::merchant::list(&mut *bank.database.connection().await?).await };
    let found = found.await.map_err(refused)?;
    let lines: Vec<_> = found
        .iter()
        .map(|merchant| {
            let state = if merchant.is_active() { "" } else { " (stopped)" };
            let webhook = if merchant.webhook.is_empty() { "is not told" } else { &merchant.webhook };
            format!("{}{state}: account {}, {webhook}", merchant.name, merchant.account)
        })
        .collect();
    say_lines(&if lines.is_empty() { "there is none".to_owned() } else { lines.join("\n") });
    Ok(())
}

async fn of_name(db: &mut Connection, name: &str) -> Result<Vec<books::webhook::Webhook>> {
    let merchant = books::merchant::by_name(db, name).await?.ok_or(Refusal::MerchantUnknown)?;
    books::webhook::of_merchant(db, &merchant.id).await
}

async fn history(of: &Named) -> std::result::Result<(), Failure> {
    let bank = open(&of.place).await?;
    let found = async { of_name(&mut *bank.database.connection().await?, &of.name).await };
    let found = found.await.map_err(refused)?;
    let lines: Vec<_> = found
        .iter()
        .map(|row| {
            let next = if row.state == "waiting" {
                format!(", due {}", clock::shown(row.due_at))
            } else {
                String::new()
            };
            let said = if row.answer.is_empty() { String::new() } else { format!(": {}", row.answer) };
            let (id, made) = (&row.id, clock::shown(row.made_at));
            format!("{id} {made} order {} {} after {} tries{next}{said}", row.purchase, row.state, row.tries)
        })
        .collect();
    say_lines(&if lines.is_empty() { "nothing was told".to_owned() } else { lines.join("\n") });
    Ok(())
}
