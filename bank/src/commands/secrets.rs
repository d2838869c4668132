//! `bank secrets`: the keys of `secrets.json`, their versions, and what names each of them. No key is ever printed.

use std::{fs, io::ErrorKind};

use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, say_lines};

use super::{Place, told};
use crate::{
    bank::{Bank, Folder},
    books::{authorisation, card, merchant, puk, seal},
    clock::{Clock, HOUR, Moment, shown},
    error::Result,
    secrets::{Kind, Secrets},
    shields::Shields,
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

/// What names a version, and how many of them.
async fn named(bank: &Bank, kind: Kind, version: i64) -> Result<(&'static str, i64)> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    Ok(match kind {
        Kind::Card => ("cards", card::of_key(&mut db, version).await?),
        Kind::Puk => ("PUKs", puk::of_key(&mut db, version).await?),
        Kind::Audit => ("seals", seal::of_key(&mut db, version).await?),
        Kind::Form => {
            let codes = authorisation::of_key(&mut db, version, now).await?;
            ("codes and merchants", codes + merchant::of_webhook_key(&mut db, version, now).await?)
        }
        Kind::Authority => ("keys of the CA", 0),
    })
}

async fn list(place: &Place) -> Outcome {
    let bank = place.open(Clock::default()).await?;
    let mut lines = Vec::new();
    for kind in Kind::ALL {
        for version in bank.secrets.versions(kind) {
            let (what, count) = named(&bank, kind, version).await.map_err(told("the books were not read"))?;
            let from = bank.secrets.from(kind, version);
            let since = match from {
                Moment::MIN => "from its first day on".to_owned(),
                from => format!("from {} on", shown(from)),
            };
            let is_current = bank.secrets.current(kind, bank.clock.now()) == version;
            let mark = if is_current { ", makes what is new" } else { "" };
            let names = if kind == Kind::Authority { String::new() } else { format!(", {count} {what}") };
            lines.push(format!("{} {version}: {since}{mark}{names}", kind.name()));
        }
    }
    say_lines(&lines.join("\n"));
    Ok(Exit::Done)
}

/// One change of the file at a time: two would each write what they have read. The folder is locked, because the file is replaced.
struct Lock(fs::File);

impl Lock {
    fn take(place: &Place) -> std::result::Result<Self, Failure> {
        let refused = |why: String| {
            Failure::new("the secrets were not changed")
                .because(why)
                .next("wait for the other command to end")
        };
        let path = &place.folder;
        let file = fs::File::open(path).map_err(|fault| match fault.kind() {
            ErrorKind::NotFound => refused(format!("there is no {}", path.display()))
                .next("name the bank's folder with --folder, or make a bank: `bank init`"),
            _ => refused(format!("{} was not opened: {fault}", path.display())),
        })?;
        file.try_lock().map_err(|_| refused("another command is changing them".into()))?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Add {
    async fn run(self) -> Outcome {
        let _lock = Lock::take(&self.place)?;
        let bank = self.place.open(Clock::default()).await?;
        let (now, path) = (bank.clock.now(), Folder(&self.place.folder).secrets());
        let mut secrets = Secrets::read(&path)?;
        // The keys of the CA are closed by the new passphrase at once, and either passphrase opens them.
        let is_authority = self.kind == Kind::Authority;
        let from = if is_authority || self.hours == 0 { now } else { now + self.hours * HOUR };
        let version = secrets.add(self.kind, from, &path)?;
        if is_authority {
            let all: Vec<_> = secrets.passphrases().collect();
            let new = all.first().copied().unwrap_or_default();
            Shields::close_again(&Folder(&self.place.folder).authority(), &all, new)?;
        }
        let (name, at) = (self.kind.name(), shown(from));
        let next = match self.kind {
            Kind::Card => "then replace the cards that name the former version, at the counter",
            Kind::Puk => "then set the PUKs that name the former version, where shields come to the counter",
            Kind::Audit => "keep the former version: the seals that name it are proven by it",
            Kind::Form => "then give each merchant another secret (bank merchant secret NAME)",
            Kind::Authority => "copy the folder ca as well",
        };
        say_lines(&format!(
            "{name} {version} makes what is new from {at} on\n\
             next: copy secrets.json to all nodes and to where its copy is kept, and restart the nodes in turn, before that\n\
             next: {next}; `bank secrets list` says what names a version, and `bank secrets forget` takes it out"
        ));
        Ok(Exit::Done)
    }
}

impl Forget {
    async fn run(self) -> Outcome {
        let _lock = Lock::take(&self.place)?;
        let bank = self.place.open(Clock::default()).await?;
        let (kind, version) = (self.kind, self.version);
        let refused = |why: String, next: &str| Failure::new("nothing was taken out").because(why).next(next);
        if bank.secrets.living(kind, bank.clock.now()).contains(&version) {
            let why = format!("{} {version} makes what is new, or did until yesterday", kind.name());
            return Err(refused(why, "add a version with `bank secrets add`, and wait a day"));
        }
        let (what, count) = named(&bank, kind, version).await.map_err(told("the books were not read"))?;
        if count > 0 {
            let why = format!("{count} {what} name {} {version}", kind.name());
            return Err(refused(why, "replace them first"));
        }
        let path = Folder(&self.place.folder).secrets();
        if !Secrets::read(&path)?.forget(kind, version, &path)? {
            return Err(refused(
                format!("there is no {} {version}", kind.name()),
                "`bank secrets list` has all versions",
            ));
        }
        say_lines("next: copy secrets.json to all nodes, and to where its copy is kept");
        Ok(Exit::Done)
    }
}
