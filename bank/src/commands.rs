//! The commands of `bank`.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod backup;
mod confirm;
mod serve;
mod counter;
mod merchant;
mod migrate;

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf};

use authority::attestation::{Factory, TEST_BRAND};
use clap::{Args, Parser, Subcommand};
use terminal::{Exit, Failure, Outcome, say, say_lines};
use time::Date;
use tokio::{runtime::Runtime, signal::unix, sync::watch};
use wire::algorithm::KeyAlgorithm;

use crate::{
    bank::{Bank, Folder, failure},
    books::{proof::Proof, seal::Known},
    clock::{Clock, parse_day},
    database::{Database, sqlite_url},
    demo::{self, Kept, Seeded},
    dial::Caller,
    error::Error,
    log, origin,
    package::Package,
    proxy::Proxies,
    seals_file,
    seals_file::SealsFile,
    secrets::Secrets,
    serve::{Places, Server},
    settings::Settings,
    shields::Shields,
    shop::Room,
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
    Demo(Demo),
    /// Bring the database to this program's state
    Migrate(Place),
    /// Let a role of PostgreSQL serve that can change neither the ledger nor the audit; run it as the owner of the tables
    Grant(migrate::Grant),
    /// Tellers
    #[command(subcommand)]
    Teller(TellerCommand),
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
    Audit(AuditCommand),
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

#[derive(Args)]
struct Demo {
    #[command(flatten)]
    listen: Listen,
    /// Open a shop there, which sells one thing to customers of this bank
    #[arg(long, value_name = "A:P")]
    shop: Option<SocketAddr>,
    /// Write addresses, customers and passwords into this file as JSON, once the pages are served
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// The serial number of a shield that a customer has: reference and code for its ID are printed
    #[arg(long, value_name = "SERIAL")]
    shield: Option<String>,
    /// The only port of 127.0.0.1 at which the pages look for the Online Banking Assistant, for several worlds on one machine
    #[arg(long, value_name = "N")]
    assistant_port: Option<u16>,
    /// Keep the bank in this folder: the next demo with it has the same customers and books
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Subcommand)]
enum TellerCommand {
    /// Add a teller
    Add(TellerAdd),
    /// A teller no longer works here
    Stop(TellerStop),
}

#[derive(Args)]
struct TellerAdd {
    name: String,
    #[command(flatten)]
    password: counter::Password,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct TellerStop {
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Prove the books: the chains and their seals, the ledger against the chains, and that balances are the sums of their postings
    Verify(Verify),
}

#[derive(Args)]
struct Verify {
    #[command(flatten)]
    place: Place,
    /// The head that a former proof has printed, kept elsewhere: nobody can have put a former state back in place since
    #[arg(long, value_name = "NUMBER:HASH", value_parser = parse_head)]
    head: Option<Known>,
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
                Command::Teller(TellerCommand::Add(add)) => add.run().await,
                Command::Teller(TellerCommand::Stop(stop)) => stop.run().await,
                Command::Merchant(merchant) => merchant.run().await,
                Command::Shop(shop) => shop.run().await,
                Command::Counter(counter) => counter.run().await,
                Command::Backup(backup) => backup.run().await,
                Command::Restore(restore) => restore.run().await,
                Command::ConfirmShields(confirm) => confirm.run().await,
                Command::Audit(AuditCommand::Verify(verify)) => verify.run().await,
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
        if !bank.database.is_current().await {
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
        let shields =
            Shields::open(&folder.authority(), Some(bank.secrets.passphrase()), &folder.factories())?;
        Ok(bank.with_shields(shields))
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
        Shields::found(&folder.authority(), self.algorithm, Some(secrets.passphrase()))?;
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

impl TellerAdd {
    async fn run(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        let password = self.password.ask_new()?;
        demo::add_teller(&bank, &self.name, &password).await.map_err(told("no teller was added"))?;
        bank.seal().await.map_err(told("the audit was not sealed"))?;
        say(&format!("teller {}", self.name));
        Ok(Exit::Done)
    }
}

impl TellerStop {
    async fn run(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        if demo::stop_teller(&bank, &self.name).await.map_err(told("the teller was not stopped"))? {
            bank.seal().await.map_err(told("the audit was not sealed"))?;
            return Ok(Exit::Done);
        }
        Err(Failure::new(format!("no teller {} works here", self.name)))
    }
}

impl Verify {
    async fn run(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        let proof = bank.prove(self.head).await.map_err(told("the books were not read"))?;
        let Proof { postings, rows } = proof.map_err(|why| {
            Failure::new("the books are wrong")
                .because(why)
                .next("stop the bank, and compare with the backup")
        })?;
        // What was proven is sealed only now: nobody's changes are sealed in the proof's name.
        let head = if bank.database.is_replica().await.map_err(told("the books were not read"))? {
            "\nnothing was sealed, because the database is a replica".to_owned()
        } else {
            let seal = bank.seal().await.map_err(told("the audit was not sealed"))?;
            seal.map_or(String::new(), |seal| format!("\nhead {}", seals_file::line(&seal).trim_end()))
        };
        say_lines(&format!(
            "the books are right: {postings} postings sum to zero, {rows} rows of audit are in their chains{head}"
        ));
        Ok(Exit::Done)
    }
}

/// Reads a head, as `bank audit verify` prints it.
fn parse_head(text: &str) -> Result<Known, String> {
    seals_file::parse(text)
        .ok_or_else(|| "a head is written NUMBER:HASH, as `bank audit verify` prints it".into())
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

impl Demo {
    /// Opens the shop's place: where it was, if there was one, because the books know the shop by its address.
    async fn room(&self, kept: Option<&str>) -> Result<Option<Room>, Failure> {
        let Some(at) = self.shop else { return Ok(None) };
        let former = kept.and_then(|origin| origin.strip_prefix("http://")?.parse().ok());
        let opened = Room::open(former.unwrap_or(at)).await;
        let next = "end the program that has this address: the kept books know the shop by it";
        let told = |failure: Failure| if former.is_some() { failure.next(next) } else { failure };
        opened.map(Some).map_err(told)
    }

    /// The bank in this folder, with whom the demo has. A new one is founded and filled.
    async fn bank(
        &self,
        folder: &demo::Folder,
        package: Option<Package>,
        kept: Option<Seeded>,
    ) -> Result<(Bank, Seeded), Failure> {
        let place = Place { folder: folder.path().to_owned(), database: None };
        let own = Folder(folder.path());
        if kept.is_none() {
            Secrets::new().map_err(told("no secrets were made"))?.write(&own.secrets())?;
            // The demo's passwords are printed, so its CA's keys lie in its own folder in clear, and it opens at once.
            Shields::found(&own.authority(), KeyAlgorithm::P256, None)?;
        }
        let database = place.make_database().await?;
        database.migrate(Clock::default().now()).await.map_err(told("the database was not made"))?;
        database.close().await;
        let clock = Clock::new(self.listen.business_date);
        let shields = Shields::open(&own.authority(), None, &own.factories())?;
        let shields = shields.trusting(Factory::test(TEST_BRAND)?);
        let mut bank = place.open(clock).await?.with_shields(shields).with_package(package);
        bank.settings.test_rules = self.listen.test_rules;
        let bank = bank.with_assistant(self.assistant_port);
        let made = match kept {
            Some(made) => made,
            None => {
                let made = demo::seed(&bank, self.shield.as_deref()).await;
                made.map_err(told("the demo was not seeded"))?
            }
        };
        Ok((bank, made))
    }

    async fn run(self) -> Outcome {
        self.listen.check_metrics()?;
        if ![self.listen.public, self.listen.counter].iter().all(|place| place.ip().is_loopback()) {
            return Err(Failure::new("the demo was not opened")
                .because("its passwords are printed, so it is for this machine only")
                .next("name an address of 127.0.0.1"));
        }
        let folder = demo::Folder::open(self.folder.clone())?;
        let kept = folder.kept()?;
        let (made, shop) = kept.map_or((None, None), |kept| (Some(kept.made), kept.shop));
        // What can fail for a reason of the machine's comes first: a bank that was founded and not filled cannot be opened again.
        let (package, room) = (self.listen.package()?, self.room(shop.as_deref()).await?);
        let (bank, made) = self.bank(&folder, package, made).await?;
        // The guide stays on the screen: the log of requests is for whoever sends it elsewhere.
        log::keep_requests(!std::io::stderr().is_terminal());
        let papers = folder.path().join("shop.json");
        if let Some(room) = room.as_ref().filter(|_| shop.is_none()) {
            merchant::furnish(&bank, room, &papers).await?;
        }
        let shop = shop.or_else(|| room.as_ref().map(|room| room.origin().to_owned()));
        let kept = Kept { made, shop };
        folder.keep(&kept)?;
        let Kept { made, .. } = kept;
        // What the demo's merchant was given, for programs that try the merchants' API.
        let merchant = room.as_ref().map(|_| file::read(&papers)).transpose()?;
        let merchant: Option<serde_json::Value> =
            merchant.and_then(|papers| serde_json::from_slice(&papers).ok());
        run(bank, self.listen.places(), |at| {
            say_lines(&demo::guide(at, &made));
            let shop = room.as_ref().map(|room| room.origin().to_owned());
            if let Some(room) = room {
                say_lines(&format!("7. Buy in a shop\n   Open {}, and pay as in 1 or 2.", room.origin()));
                let bank = at.public.clone();
                tokio::spawn(async move { room.sell(&bank, papers).await });
            }
            let Some(path) = &self.ready_file else { return Ok(()) };
            let ready =
                serde_json::json!({ "addresses": at, "demo": made, "shop": shop, "merchant": merchant });
            let ready = ready.to_string();
            Ok(file::write_fleeting(path, ready.as_bytes(), file::Access::Owner, true)?)
        })
        .await
    }
}

/// Opens the listeners, tells where they are, and answers until a signal comes.
async fn run(
    bank: Bank,
    places: Places,
    tell: impl FnOnce(&demo::Addresses) -> Result<(), Failure>,
) -> Outcome {
    let server = Server::open(bank, places).await?;
    let metrics = server.metrics().map(|metrics| format!("http://{metrics}/metrics"));
    tell(&demo::Addresses {
        public: server.bank.public.main().to_owned(),
        counter: server.bank.counter.main().to_owned(),
        metrics: metrics.unwrap_or_default(),
        est: server.est().map(|est| format!("https://localhost:{}/.well-known/est", est.port())),
    })?;
    let (stop, stopped) = watch::channel(false);
    let signals = [unix::SignalKind::terminate(), unix::SignalKind::interrupt()].map(unix::signal);
    let [Ok(mut terminate), Ok(mut interrupt)] = signals else {
        return Err(Failure::new("the bank cannot hear when it is to stop"));
    };
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
