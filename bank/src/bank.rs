//! The bank: what every request needs.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use terminal::Failure;
use tokio::{sync::Semaphore, time::sleep};

use crate::{
    assistant::AssistantPorts,
    books::{
        account,
        gate::{self, Try},
        node,
        proof::{self, Proof},
        seal::{self, Known},
        throttle,
    },
    clock::{Clock, HOUR, MINUTE, Moment, SECOND},
    database::{Database, newest},
    error::{Error, Result, Trouble},
    log,
    metrics::Metrics,
    neighbour::{GLANCE, LOOK, Neighbours, is_near},
    origin::Origins,
    package::Package,
    password::Hasher,
    random,
    seals_file::SealsFile,
    secrets::{Kind, Secrets},
    settings::Settings,
    shields::Shields,
};

/// So many requests that change something are at work at a time.
const LABOUR: usize = 1024;

/// A try that could not be given back, because the database was away or full.
#[derive(Debug)]
enum Owed {
    Answer(Try),
    /// For one account from one address, and from that address for all accounts; and since when.
    LogIn([String; 2], Instant),
}

impl Owed {
    /// Whether the try counts as a guess by now.
    fn is_over(&self) -> bool {
        match self {
            Self::Answer(paid) => paid.is_over(),
            Self::LogIn(_, since) => since.elapsed() >= Duration::from_millis(MINUTE.unsigned_abs()),
        }
    }
}

/// A bank that is open.
pub(crate) struct Bank {
    pub(crate) database: Database,
    pub(crate) secrets: Secrets,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) hasher: Hasher,
    pub(crate) metrics: Metrics,
    /// Places for requests that change something: each is carried to its end, though its browser goes away.
    pub(crate) labour: Arc<Semaphore>,
    /// Tries that customers are to have back as soon as the database can write.
    owed: Mutex<Vec<Owed>>,
    /// The CA and what belongs to shields; commands that need none of it open none of it.
    shields: Option<Shields>,
    /// The assistant's package, where the bank has one to give.
    pub(crate) package: Option<Package>,
    /// Where pages look for the assistant.
    pub(crate) assistant: AssistantPorts,
    /// What this node is called among the others: another name at each start.
    node: String,
    /// Where seals are written down outside the database.
    seals_file: Option<SealsFile>,
    /// Where the customers' pages are, and where the tellers' pages are.
    pub(crate) public: Origins,
    pub(crate) counter: Origins,
}

/// How handlers hold the bank.
pub(crate) type Open = Arc<Bank>;

impl Bank {
    /// A bank over an open database.
    pub(crate) fn new(database: Database, secrets: Secrets, settings: Settings, clock: Clock) -> Self {
        Self {
            hasher: Hasher::new(&settings),
            database,
            secrets,
            settings,
            clock,
            metrics: Metrics::default(),
            labour: Arc::new(Semaphore::new(LABOUR)),
            owed: Mutex::default(),
            shields: None,
            package: None,
            assistant: AssistantPorts::default(),
            node: random::id().unwrap_or_default(),
            seals_file: None,
            public: Origins::default(),
            counter: Origins::default(),
        }
    }

    /// Waits until nothing is at work any more.
    pub(crate) async fn rest(&self) {
        let _ = self.labour.acquire_many(u32::try_from(LABOUR).unwrap_or(u32::MAX)).await;
    }

    /// The bank with its CA.
    pub(crate) fn with_shields(self, shields: Shields) -> Self {
        Self { shields: Some(shields), ..self }
    }

    /// The bank with the assistant's package.
    pub(crate) fn with_package(self, package: Option<Package>) -> Self {
        Self { package, ..self }
    }

    /// The bank whose pages look for the assistant at this port only, where one is named.
    pub(crate) fn with_assistant(self, port: Option<u16>) -> Self {
        match port {
            Some(port) => Self { assistant: AssistantPorts::only(port), ..self },
            None => self,
        }
    }

    /// The bank that writes its seals down in this file, too, or nowhere else.
    pub(crate) fn with_seals_file(self, file: Option<SealsFile>) -> Self {
        Self { seals_file: file, ..self }
    }

    /// The CA.
    ///
    /// # Errors
    /// It was not opened.
    pub(crate) fn shields(&self) -> Result<&Shields> {
        self.shields.as_ref().ok_or_else(|| Error::Broken("the bank's CA was not opened".into()))
    }

    /// The bank's own accounts, without which nothing can be posted.
    pub(crate) async fn found(&self) -> Result<()> {
        let (mut work, now) = (self.database.begin().await?, self.clock.now());
        account::found(&mut work, now).await?;
        work.commit().await?;
        Ok(())
    }
}

impl Bank {
    /// Seals the audit as it is now, and writes the seal down outside the database, too. The seal, unless nothing was ever
    /// written or another node was faster.
    pub(crate) async fn seal(&self) -> Result<Option<Known>> {
        let seal = seal::add(&mut *self.database.writer().await?, &self.secrets, self.clock.now()).await?;
        self.write_seals_down().await?;
        Ok(seal.map(|seal| seal.known()))
    }

    /// Writes down the seals of all nodes that are not in this node's file yet.
    ///
    /// # Errors
    /// The database has not the last seal of the file: a former state was put back while the bank served.
    pub(crate) async fn write_seals_down(&self) -> Result<()> {
        let Some(file) = &self.seals_file else { return Ok(()) };
        let last = file.read()?.pop();
        let from = last.as_ref().map_or(1, |(number, _)| *number);
        let mut known = seal::since(&mut *self.database.connection().await?, from).await?;
        if let Some(last) = last {
            if known.first() != Some(&last) {
                return Err(file.contradicted(from));
            }
            known.remove(0);
        }
        file.add(&known)
    }

    /// Gives a try back that was no guess. Where the database cannot write now, that is done later: a full disk closes no customer's gate.
    pub(crate) async fn give_try_back(&self, paid: &Try) {
        if self.give_back(&Owed::Answer(paid.clone())).await.is_err() {
            self.owe(Owed::Answer(paid.clone()));
        }
    }

    /// Gives the tries of a log-in back that was no guess, as [`Self::give_try_back`]. Where the line has broken nobody knows whether that was done, and
    /// then it stays undone: such a try has no name by which it would be found.
    pub(crate) async fn give_log_in_back(&self, subjects: [&str; 2]) {
        let owed = Owed::LogIn(subjects.map(str::to_owned), Instant::now());
        if self.give_back(&owed).await.is_err_and(|fault| fault.trouble() != Some(Trouble::Away)) {
            self.owe(owed);
        }
    }

    /// Gives back what could not be given back before.
    pub(crate) async fn pay_owed(&self) -> Result<()> {
        loop {
            let next = self.owed.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(owed) = next else { return Ok(()) };
            if owed.is_over() {
                continue;
            }
            if let Err(fault) = self.give_back(&owed).await {
                if matches!(owed, Owed::Answer(_)) || fault.trouble() != Some(Trouble::Away) {
                    self.owe(owed);
                }
                return Err(fault);
            }
        }
    }

    fn owe(&self, owed: Owed) {
        let mut all = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < LABOUR {
            all.push(owed);
        }
    }

    async fn give_back(&self, owed: &Owed) -> Result<()> {
        let mut work = self.database.begin().await?;
        match owed {
            Owed::Answer(paid) => gate::give_back(&mut work, paid).await?,
            Owed::LogIn([own, all], _) => throttle::give_both_back(&mut work, own, all).await?,
        }
        Ok(work.commit().await?)
    }

    /// How many seals are not in this node's file yet.
    ///
    /// # Errors
    /// The file or the database was not read.
    pub(crate) async fn unwritten_seals(&self) -> Result<i64> {
        let Some(file) = &self.seals_file else { return Ok(0) };
        let last = file.read()?.pop().map_or(0, |(number, _)| number);
        let known = seal::since(&mut *self.database.connection().await?, last + 1).await?;
        Ok(known.len().try_into().unwrap_or(i64::MAX))
    }

    /// Goes by the database's clock, and by a jump of the database's clock when it has stayed, or when all other nodes go by it.
    ///
    /// # Errors
    /// As [`Database::keep_time`].
    pub(crate) async fn keep_time(&self, neighbours: &mut Neighbours) -> Result<()> {
        let kept = self.database.keep_time(&self.clock).await;
        let shown = neighbours.renewed(self.others().await?);
        if let Ok(Some(jump)) = kept {
            log::event(&format!("the bank's clock follows the database's by {} s", jump / SECOND));
        }
        if self.clock.is_in_doubt() && !shown.is_empty() {
            let now = self.database.now().await?;
            if shown.iter().all(|seen| is_near(*seen, now)) {
                self.clock.join(now);
                log::event("the bank's clock follows the database's, as all other nodes do");
                return Ok(());
            }
        }
        kept.map(drop)
    }

    /// Before this node serves: where the nodes that serve go by another time than the database's clock shows, so does this one. The database's
    /// clock jumps, and this node cannot know since when.
    pub(crate) async fn join_time(&self) -> Result<()> {
        let (mut known, now) = (Neighbours::default(), self.clock.now());
        let rows = self.others().await?;
        if rows.is_empty() || rows.iter().any(|(_, seen)| is_near(*seen, now)) {
            return Ok(());
        }
        log::event(
            "the nodes of the last time were not seen for long, or go by another time: looking whether one serves",
        );
        known.renewed(rows);
        let until = Instant::now() + LOOK;
        while Instant::now() < until {
            sleep(GLANCE).await;
            let Some(seen) = known.renewed(self.others().await?).into_iter().max() else { continue };
            let away = (self.clock.now() - seen) / SECOND;
            if !is_near(seen, self.clock.now()) {
                self.clock.join(seen);
                log::fault(&format!(
                    "the database's clock shows {away} s more than the nodes that serve: this node goes by theirs. Set the clock of the database's \
                     machine"
                ));
            }
            return Ok(());
        }
        Ok(())
    }

    /// The rows of the other nodes.
    async fn others(&self) -> Result<Vec<(String, Moment)>> {
        let rows = node::all(&mut *self.database.connection().await?).await?;
        Ok(rows.into_iter().filter(|(id, _)| *id != self.node).collect())
    }

    /// Says to the other nodes and to `bank migrate` that this node serves.
    pub(crate) async fn join(&self) -> Result<()> {
        let (mut db, now) = (self.database.writer().await?, self.clock.now());
        node::seen(&mut db, &self.node, newest(), now).await
    }

    /// Says that this node serves no more.
    pub(crate) async fn leave(&self) -> Result<()> {
        node::gone(&mut *self.database.writer().await?, &self.node).await
    }

    /// Seals the audit, if no node has done so within the hour, or by a key that is current no more: nodes without the new key seal no more then.
    pub(crate) async fn seal_hourly(&self) -> Result<()> {
        let last = seal::last(&mut *self.database.connection().await?).await?;
        let now = self.clock.now();
        // A seal of a later time was made while the clock was ahead: the next hour begins now.
        let is_due = |(at, key)| {
            !(now - HOUR + 1..=now + MINUTE).contains(&at) || key < self.secrets.current(Kind::Audit, now)
        };
        if last.is_none_or(is_due) {
            self.seal().await?;
        }
        Ok(())
    }

    /// Proves the books of a copy: whatever its bank did last, its rows need not be sealed yet.
    pub(crate) async fn prove_stored(&self) -> Result<std::result::Result<Proof, String>> {
        let mut snapshot = self.database.snapshot().await?;
        proof::prove(&mut snapshot, &self.secrets, 0, &[]).await
    }

    /// Proves the books, as they stand at one moment, against the seals that were written down: here, and where `known` comes from.
    pub(crate) async fn prove(&self, known: Option<Known>) -> Result<std::result::Result<Proof, String>> {
        let mut all = self.seals_file.as_ref().map_or(Ok(Vec::new()), SealsFile::read)?;
        all.extend(known);
        let mut snapshot = self.database.snapshot().await?;
        proof::prove(&mut snapshot, &self.secrets, self.clock.now(), &all).await
    }
}

/// The files of a bank's folder.
pub(crate) struct Folder<'a>(pub(crate) &'a Path);

impl Folder<'_> {
    pub(crate) fn secrets(&self) -> std::path::PathBuf {
        self.0.join("secrets.json")
    }

    pub(crate) fn settings(&self) -> std::path::PathBuf {
        self.0.join("bank.toml")
    }

    /// The keys and certificates of the CA.
    pub(crate) fn authority(&self) -> std::path::PathBuf {
        self.0.join("ca")
    }

    /// The certificates of the factories whose shields are trusted.
    pub(crate) fn factories(&self) -> std::path::PathBuf {
        self.0.join("factory")
    }

    pub(crate) fn sqlite(&self) -> std::path::PathBuf {
        self.0.join("bank.sqlite")
    }
}

/// What a command says of an error of the bank.
pub(crate) fn failure(what: &str, error: &Error) -> Failure {
    Failure::new(what).because(error)
}
