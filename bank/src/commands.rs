//! The commands of `bank`.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod backup;
mod confirm;
mod serve;
mod demo;
mod teller;
mod audit;
mod counter;
mod merchant;
mod migrate;
mod ca;
mod secrets;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use terminal::{Exit, Failure, Outcome, say};
use time::Date;
use tokio::{runtime::Runtime, signal::unix, sync::watch};
use wire::algorithm::KeyAlgorithm;

use crate::{
    bank::{Bank, Folder, failure},
    clock::{Clock, parse_day},
    database::{Database, sqlite_url},
    demo::Addresses,
    dial::Caller,
    error::Error,
    generation, issuers, log, origin,
    package::Package,
    proxy::Proxies,
    seals_file::SealsFile,
    secrets::Secrets,
    serve::{Places, Server},
    settings::Settings,
    shields::Shields,
};

/// A bank: accounts, payments, a counter
#[derive(Parser)]
#[command(name = "bank", version)]
pub(crate) struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a bank: its secrets, its CA and its database
    Init(Init),
    /// Serve the pages and the counter
    Serve(serve::Serve),
    /// A bank with customers of all kinds, in a folder that goes away with it
    Demo(demo::Demo),
    /// Bring the database to this program's state
    Migrate(Place),
    /// Let a role of PostgreSQL serve that can change neither the ledger nor the audit; run it as the owner of the tables
    Grant(migrate::Grant),
    /// Tellers
    #[command(subcommand)]
    Teller(teller::Teller),
    /// Merchants: who they are, their keys, and what they are told
    #[command(subcommand)]
    Merchant(merchant::Merchant),
    /// A shop that sells one thing, for trials and tests
    Shop(merchant::Shop),
    /// What tellers do, as commands
    Counter(counter::Counter),
    /// Copy an SQLite database while the bank serves
    Backup(backup::Backup),
    /// Put a copy of the books in place of a database that is gone
    Restore(backup::Restore),
    /// Let all shields stand again that a restore has suspended, but those that are named; two tellers give their passwords
    ConfirmShields(confirm::ConfirmShields),
    /// The audit
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The bank's own keys: their versions, and how they are changed
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// The keys of the CA: their generations, and how they are changed
    #[command(subcommand)]
    Ca(ca::CaCommand),
}

/// Which bank.
#[derive(Args, Clone)]
struct Place {
    /// The bank's folder: secrets, configuration, and the database where no other is named
    #[arg(long, value_name = "DIR", default_value = "bank-data")]
    folder: PathBuf,
    /// The database, such as postgres://bank@localhost/bank; a URL with a password belongs into the environment [default: SQLite
    /// in the folder]
    #[arg(long, value_name = "URL", env = "BANK_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

#[derive(Args)]
struct Init {
    #[command(flatten)]
    place: Place,
    /// What the bank's shields sign with: p256 or sm2
    #[arg(long, value_name = "NAME", default_value = "p256", value_parser = algorithm)]
    algorithm: KeyAlgorithm,
}

fn algorithm(name: &str) -> Result<KeyAlgorithm, String> {
    let known = [("p256", KeyAlgorithm::P256), ("sm2", KeyAlgorithm::Sm2)];
    let found = known.into_iter().find(|(own, _)| *own == name).map(|(_, algorithm)| algorithm);
    found.ok_or_else(|| "a bank's shields sign with p256 or with sm2".to_owned())
}

#[derive(Args)]
struct Listen {
    /// Where customers come
    #[arg(long, value_name = "A:P", default_value = "127.0.0.1:8080")]
    public: SocketAddr,
    /// Where tellers come
    #[arg(long, value_name = "A:P", default_value = "127.0.0.1:8081")]
    counter: SocketAddr,
    /// Where the metrics are
    #[arg(long, value_name = "A:P", default_value = "127.0.0.1:8082")]
    metrics: SocketAddr,
    /// For tests: the day on which contracts are made and limits count
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    business_date: Option<Date>,
    /// The package of the Online Banking Assistant that the set-up page gives to customers: what `just dist` makes
    #[arg(long, value_name = "FILE")]
    package: Option<PathBuf>,
    /// For tests: the last two digits of an amount decide how its payment ends; only where nobody comes from elsewhere
    #[arg(long)]
    test_rules: bool,
}

impl Line {
    pub(crate) fn run(self) -> Outcome {
        let runtime =
            Runtime::new().map_err(|fault| Failure::new("the bank did not start").because(fault))?;
        runtime.block_on(async {
            match self.command {
                Command::Init(init) => init.run().await,
                Command::Serve(serve) => serve.run().await,
                Command::Demo(demo) => demo.run().await,
                Command::Migrate(place) => migrate::migrate(&place).await,
                Command::Grant(grant) => grant.run().await,
                Command::Teller(teller) => teller.run().await,
                Command::Merchant(merchant) => merchant.run().await,
                Command::Shop(shop) => shop.run().await,
                Command::Counter(counter) => counter.run().await,
                Command::Backup(backup) => backup.run().await,
                Command::Restore(restore) => restore.run().await,
                Command::ConfirmShields(confirm) => confirm.run().await,
                Command::Audit(audit) => audit.run().await,
                Command::Secrets(secrets) => secrets.run().await,
                Command::Ca(ca) => ca.run().await,
            }
        })
    }
}

fn told(what: &'static str) -> impl Fn(Error) -> Failure {
    move |error| failure(what, &error)
}

impl Place {
    /// The database that is there.
    async fn database(&self) -> Result<Database, Failure> {
        let file = Folder(&self.folder).sqlite();
        if self.database.is_none() && !file.exists() {
            return Err(Failure::new("the database was not opened")
                .because(format!("there is no {}", file.display()))
                .next("name the bank's folder with --folder, or make a bank: `bank init`"));
        }
        self.make_database().await
    }

    /// The database, which is made in the folder where there is none.
    async fn make_database(&self) -> Result<Database, Failure> {
        let url = match &self.database {
            Some(url) if std::env::args().any(|word| word.contains(url.as_str())) && has_password(url) => {
                let what = Failure::new("the database was not opened");
                return Err(what
                    .because("every user of this machine can read the password in the command line")
                    .next("put the URL into the environment variable BANK_DATABASE"));
            }
            Some(url) => url.clone(),
            None => sqlite_url(&Folder(&self.folder).sqlite()),
        };
        Database::open(&url, 16).await.map_err(told("the database was not opened"))
    }

    async fn open(&self, clock: Clock) -> Result<Bank, Failure> {
        let folder = Folder(&self.folder);
        let secrets = Secrets::read(&folder.secrets())?;
        let seals = SealsFile::of(&self.folder);
        seals.settle(clock.now()).map_err(|fault| {
            not_opened(format!("the file of former seals was not moved: {fault}"), "move audit-seals away")
        })?;
        let bank = Bank::new(self.database().await?, secrets, Settings::read(&folder.settings())?, clock)
            .with_seals_file(Some(seals));
        if !bank.database.is_current().await.map_err(told("the bank was not opened"))? {
            return Err(Failure::new("the bank was not opened")
                .because("its database lacks tables of this program")
                .next("run `bank migrate`"));
        }
        check_version(&bank).await?;
        bank.database.keep_time(&bank.clock).await.map_err(told("the database did not tell the time"))?;
        Ok(bank)
    }
}

impl Place {
    /// The bank with its CA, whose keys take a moment to open.
    async fn open_whole(&self, clock: Clock) -> Result<Bank, Failure> {
        let bank = self.open(clock).await?;
        let folder = Folder(&self.folder);
        if !folder.authority().exists() {
            return Err(Failure::new("the bank was not opened")
                .because("it has no CA: a former version of this program has made it")
                .next("run `bank migrate`"));
        }
        let shields = self.shields(&bank).await?;
        Ok(bank.with_shields(shields))
    }

    /// The CA, in all generations that the books know of. A copy of the folder from before a change of the keys is told so.
    async fn shields(&self, bank: &Bank) -> Result<Shields, Failure> {
        let (folder, passphrases) = (Folder(&self.folder), bank.secrets.passphrases().collect::<Vec<_>>());
        let all = generation::all(bank).await.map_err(told("the bank was not opened"))?;
        let kept: Vec<_> = all.iter().filter(|own| own.is_kept()).collect();
        let there = issuers::there(&folder.authority());
        let next = "copy the folder ca from another node, or from where its copy is kept";
        if let Some(lacking) = kept.iter().find(|own| !there.contains(&own.number)) {
            let why = format!(
                "its folder ca lacks generation {} of the CA's keys, which the books name: it is an older copy",
                lacking.number
            );
            return Err(not_opened(why, next));
        }
        let numbers: Vec<_> = kept.iter().map(|own| own.number).collect();
        let shields = Shields::open(&folder.authority(), &numbers, &passphrases, &folder.factories())?;
        for own in kept {
            let found = shields.issuers(own.number).map_err(told("the bank was not opened"))?.certificates();
            if own.certificates().is_some_and(|written| written != found) {
                let why = format!(
                    "generation {} in its folder ca has other keys than the one that the books name",
                    own.number
                );
                return Err(not_opened(why, next));
            }
        }
        for number in there.into_iter().filter(|number| all.iter().all(|own| own.number != *number)) {
            log::event(&format!(
                "the folder ca has generation {number}, and the books know of none: `bank ca add` takes up what was interrupted"
            ));
        }
        Ok(shields)
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) || url.contains("password=")
}

impl Init {
    async fn run(self) -> Outcome {
        file::make_private_folder(&self.place.folder)?;
        let (secrets, folder) =
            (Secrets::new().map_err(told("no secrets were made"))?, Folder(&self.place.folder));
        secrets.write(&folder.secrets())?;
        Shields::found(&folder.authority(), self.algorithm, secrets.passphrases().next())?;
        file::make_private_folder(&folder.factories())?;
        self.place.make_database().await?.close().await;
        init(&self.place).await
    }
}

/// Refuses a database that a newer program has changed, where this program would miss something.
async fn check_version(bank: &Bank) -> Result<(), Failure> {
    match bank.database.refuses().await.map_err(told("the bank was not opened"))? {
        Some(why) => Err(not_opened(
            why,
            "serve it with the newer program, or restore a backup from before the update",
        )),
        None => Ok(()),
    }
}

async fn init(place: &Place) -> Outcome {
    let outcome = migrate::migrate(place).await?;
    say(&format!("a bank in {}; next: `bank teller add NAME`, `bank serve`", place.folder.display()));
    Ok(outcome)
}

fn not_opened(why: String, next: &str) -> Failure {
    Failure::new("the bank was not opened").because(why).next(next)
}

impl Listen {
    /// The metrics have no password and no TLS, so they are for this machine.
    fn check_metrics(&self) -> Result<(), Failure> {
        if self.metrics.ip().is_loopback() {
            return Ok(());
        }
        let why = format!("{} is not loopback, and the metrics are for this machine", self.metrics);
        Err(not_opened(why, "name an address of 127.0.0.1"))
    }

    fn package(&self) -> Result<Option<Package>, Failure> {
        self.package.as_deref().map(Package::read).transpose()
    }

    /// Where anybody can come from elsewhere, no amount may decide an outcome.
    fn check_test_rules(&self, origin: Option<&str>) -> Result<(), Failure> {
        let host = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        let name =
            host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']));
        let is_here = self.public.ip().is_loopback() && name.is_none_or(origin::is_this_machine);
        if is_here || !self.test_rules {
            return Ok(());
        }
        Err(not_opened(
            "customers come from elsewhere, and test rules let amounts decide".into(),
            "leave out --test-rules",
        ))
    }

    fn places(&self) -> Places {
        let &Self { public, counter, metrics, .. } = self;
        Places {
            public,
            counter,
            metrics,
            public_origin: None,
            counter_origin: None,
            proxies: Proxies::default(),
            tls: None,
            caller: Caller { allows_private: true, tls: None },
            est: None,
        }
    }
}

/// Opens the listeners, tells where they are, and answers until a signal comes.
async fn run(bank: Bank, places: Places, tell: impl FnOnce(&Addresses) -> Result<(), Failure>) -> Outcome {
    let server = Server::open(bank, places).await?;
    let metrics = server.metrics().map(|metrics| format!("http://{metrics}/metrics"));
    // Whoever reads the addresses may stop the bank at once.
    let signals = [unix::SignalKind::terminate(), unix::SignalKind::interrupt()].map(unix::signal);
    let [Ok(mut terminate), Ok(mut interrupt)] = signals else {
        return Err(Failure::new("the bank cannot hear when it is to stop"));
    };
    tell(&Addresses {
        public: server.bank.public.main().to_owned(),
        counter: server.bank.counter.main().to_owned(),
        metrics: metrics.unwrap_or_default(),
        est: server.est().map(|est| format!("https://localhost:{}/.well-known/est", est.port())),
    })?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        log::event("closing");
        let _ = stop.send(true);
    });
    server.run(stopped).await;
    Ok(Exit::Done)
}

/// Loopback, any free port: what tests listen at.
#[cfg(test)]
pub(crate) fn anywhere() -> Places {
    let place = SocketAddr::from(([127, 0, 0, 1], 0));
    Listen {
        public: place,
        counter: place,
        metrics: place,
        business_date: None,
        package: None,
        test_rules: false,
    }
    .places()
}
