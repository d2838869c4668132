//! The bank: what every request needs.

use std::{path::Path, sync::Arc};

use terminal::Failure;

use crate::{
    books::account, clock::Clock, database::Database, error::Result, metrics::Metrics, origin::Origins,
    password::Hasher, secrets::Secrets, settings::Settings,
};

/// A bank that is open.
pub(crate) struct Bank {
    pub(crate) database: Database,
    pub(crate) secrets: Secrets,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) hasher: Hasher,
    pub(crate) metrics: Metrics,
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
            public: Origins::default(),
            counter: Origins::default(),
        }
    }

    /// The bank's own accounts, without which nothing can be posted.
    pub(crate) async fn found(&self) -> Result<()> {
        let (mut work, now) = (self.database.begin().await?, self.clock.now());
        account::add(&mut work, account::VAULT, None, "现金 Vault", "own", now).await?;
        account::add(&mut work, account::CLEARING, None, "清算 Clearing", "own", now).await?;
        work.commit().await?;
        Ok(())
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

    pub(crate) fn sqlite(&self) -> std::path::PathBuf {
        self.0.join("bank.sqlite")
    }
}

/// What a command says of an error of the bank.
pub(crate) fn failure(what: &str, error: &crate::error::Error) -> Failure {
    Failure::new(what).because(error)
}
