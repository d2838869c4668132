//! `bank secrets`: the keys of `secrets.json`, their versions, and what names each of them. No key is ever printed.

use std::fs::{self, TryLockError};

use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, say_lines};

use super::{Place, told};
use crate::{
    bank::{Bank, Folder},
    books::{authorisation, card, merchant, node, puk, seal},
    clock::{Clock, HOUR, Moment, shown},
    error::Result,
    issuers,
    secrets::{Kind, Secrets},
};

#[derive(Subcommand)]
pub(super) enum SecretsCommand {
    /// The versions of each key, from when on each makes what is new, and what names it
    List(Place),
    /// Add a version of a key, which makes what is new from tomorrow on: until then the file belongs on all nodes
    Add(Add),
    /// Take a version out that nothing names any more
    Forget(Forget),
}

#[derive(Args)]
pub(super) struct Add {
    /// card, puk, audit, form or authority
    #[arg(value_parser = kind)]
    kind: Kind,
    /// In how many hours it makes what is new; 0 where there is one node
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(i64).range(0..=720))]
    hours: i64,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Forget {
    /// card, puk, audit, form or authority
    #[arg(value_parser = kind)]
    kind: Kind,
    version: i64,
    #[command(flatten)]
    place: Place,
}

fn kind(name: &str) -> std::result::Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| "a key is card, puk, audit, form or authority".to_owned())
}

impl SecretsCommand {
    pub(super) async fn run(self) -> Outcome {
        match self {
            Self::List(place) => list(&place).await,
            Self::Add(add) => add.run().await,
            Self::Forget(forget) => forget.run().await,
        }
    }
}

/// What names a version, and how many of them. Nothing names a passphrase.
async fn named(bank: &Bank, kind: Kind, version: i64) -> Result<Option<(&'static str, i64)>> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    Ok(Some(match kind {
        Kind::Card => ("cards", card::of_key_version(&mut db, version).await?),
        Kind::Puk => ("PUKs", puk::of_key_version(&mut db, version).await?),
        Kind::Audit => ("seals", seal::of_key_version(&mut db, version).await?),
        Kind::Form => {
            let codes = authorisation::of_key_version(&mut db, version, now).await?;
            ("codes and merchants", codes + merchant::of_webhook_key(&mut db, version, now).await?)
        }
        Kind::Authority => return Ok(None),
    }))
}

/// Closes the keys of the CA by the newest passphrase. Each may be closed by any of the former ones.
fn close(place: &Place, secrets: &Secrets) -> std::result::Result<(), Failure> {
    let all: Vec<_> = secrets.passphrases().collect();
    let newest = all.first().copied().unwrap_or_default();
    issuers::close_again(&Folder(&place.folder).authority(), &all, newest)
}

async fn list(place: &Place) -> Outcome {
    let bank = place.open(Clock::default()).await?;
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        for version in bank.secrets.versions(kind) {
            let named = named(&bank, kind, version).await.map_err(told("the books were not read"))?;
            let from = bank.secrets.from(kind, version);
            let since = match from {
                Moment::MIN => "from its first day on".to_owned(),
                from => format!("from {} on", shown(from)),
            };
            let is_current = bank.secrets.current(kind, bank.clock.now()) == version;
            let mark = if is_current { ", makes what is new" } else { "" };
            let names = named.map_or(String::new(), |(what, count)| format!(", {count} {what}"));
            lines.push(format!("{} {version}: {since}{mark}{names}", kind.name()));
        }
    }
    say_lines(&lines.join("\n"));
    Ok(Exit::Done)
}

/// One change of the file at a time: two would each write what they have read. The folder is locked until the value goes, because the file is
/// replaced. A file system that knows no locks has none.
pub(super) fn lock(place: &Place) -> std::result::Result<fs::File, Failure> {
    let refused = |why: String| Failure::new("the secrets were not changed").because(why);
    let path = place.folder.display();
    let folder = fs::File::open(&place.folder).map_err(|fault| {
        refused(format!("{path} was not opened: {fault}"))
            .next("name the bank's folder with --folder, or make a bank: `bank init`")
    })?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(refused("another command is changing them".into())
                .next("wait until the other command has ended"))
        }
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
    }
}

/// A key that makes what is new at once is for a bank of one node: another one that serves would meet what it does not know, and would seal with
/// the former key.
pub(super) async fn check_alone(bank: &Bank) -> std::result::Result<(), Failure> {
    let mut db = bank.database.connection().await.map_err(told("the books were not read"))?;
    match node::count(&mut db, bank.clock.now()).await.map_err(told("the books were not read"))? {
        0 | 1 => Ok(()),
        nodes => Err(Failure::new("the secrets were not changed")
            .because(format!("{nodes} nodes have served within the last minute, and those that have not got the file would not know the new key"))
            .next("say --hours 1 or more, and restart the nodes until then")),
    }
}

impl Add {
    async fn run(self) -> Outcome {
        let _lock = lock(&self.place)?;
        let bank = self.place.open(Clock::default()).await?;
        let (now, path) = (bank.clock.now(), Folder(&self.place.folder).secrets());
        let mut secrets = Secrets::read(&path)?;
        // The keys of the CA are closed by the new passphrase at once, and either passphrase opens them.
        let is_authority = self.kind == Kind::Authority;
        if self.hours == 0 && !is_authority {
            check_alone(&bank).await?;
        }
        let from = if is_authority || self.hours == 0 { now } else { now + self.hours * HOUR };
        let version = secrets.add(self.kind, from, &path)?;
        if is_authority {
            close(&self.place, &secrets)?;
        }
        let name = self.kind.name();
        let (at, until) = if from > now {
            (format!("from {} on", shown(from)), "before that")
        } else {
            ("from now on".to_owned(), "at once")
        };
        let next = match self.kind {
            Kind::Card => "then replace the cards that name the former version, at the counter",
            Kind::Puk => "then set the PUKs that name the former version, where shields come to the counter",
            Kind::Audit => "keep the former version: the seals that name it are proven by it",
            Kind::Form => "then give each merchant another secret (bank merchant secret NAME)",
            Kind::Authority => "copy the folder ca as well",
        };
        say_lines(&format!(
            "{name} {version} makes what is new {at}\n\
             next: copy secrets.json to all nodes and to where its copy is kept, and restart the nodes in turn, {until}\n\
             next: {next}; `bank secrets list` says what names a version, and `bank secrets forget` takes it out"
        ));
        Ok(Exit::Done)
    }
}

impl Forget {
    async fn run(self) -> Outcome {
        let _lock = lock(&self.place)?;
        let bank = self.place.open(Clock::default()).await?;
        let (kind, version) = (self.kind, self.version);
        let refused = |why: String, next: &str| Failure::new("nothing was taken out").because(why).next(next);
        if bank.secrets.living(kind, bank.clock.now()).contains(&version) {
            let why = format!("{} {version} makes what is new, or did until yesterday", kind.name());
            return Err(refused(why, "add a version with `bank secrets add`, and wait a day"));
        }
        // Nodes may have the file already. The next version would have this number again, and be another key.
        if bank.secrets.versions(kind).next_back() == Some(version) {
            let why = format!("{} {version} is the newest version", kind.name());
            return Err(refused(why, "add another version with `bank secrets add` first"));
        }
        let named = named(&bank, kind, version).await.map_err(told("the books were not read"))?;
        if let Some((what, count)) = named.filter(|(_, count)| *count > 0) {
            let why = format!("{count} {what} name {} {version}", kind.name());
            return Err(refused(why, "replace them first"));
        }
        // A change that was interrupted may have left a key of the CA closed by this passphrase.
        if kind == Kind::Authority {
            close(&self.place, &bank.secrets)?;
        }
        let path = Folder(&self.place.folder).secrets();
        if !Secrets::read(&path)?.forget(kind, version, &path)? {
            return Err(refused(
                format!("there is no {} {version}", kind.name()),
                "`bank secrets list` has all versions",
            ));
        }
        say_lines(
            "next: copy secrets.json to all nodes, and to where its copy is kept; keep the former copy as long as a backup of the database from before now",
        );
        Ok(Exit::Done)
    }
}
