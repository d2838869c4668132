//! The database: SQLite in the bank's folder, or PostgreSQL by one URL, behind one set of SQL (`docs/decisions/0052-the-bank.md`).

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod migration;
mod role;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use migration::{SILENCE, newest};
use sqlx::{
    Any, AnyPool, Connection as _, Executor, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
    pool::PoolConnection,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
#[cfg(test)]
pub(crate) use {
    migration::{MIGRATIONS, Migration},
    role::GRANTS,
};

use crate::{
    clock::{Clock, Moment, SECOND, of_this_machine},
    error::{Error, Result},
};

/// One connection, in or out of a transaction.
pub(crate) type Connection = sqlx::AnyConnection;

/// A transaction, or a connection for a statement that writes. On SQLite it has its turn among the writers of this process.
pub(crate) struct Turn<T> {
    // Dropped in this order: whoever is next finds the lock of the database free.
    inner: T,
    _turn: Option<OwnedSemaphorePermit>,
}

pub(crate) type Work = Turn<Transaction<'static, Any>>;
pub(crate) type Writer = Turn<PoolConnection<Any>>;

impl<T: Deref<Target = Connection>> Deref for Turn<T> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.inner
    }
}

impl<T: DerefMut<Target = Connection>> DerefMut for Turn<T> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.inner
    }
}

impl Work {
    pub(crate) async fn commit(self) -> std::result::Result<(), sqlx::Error> {
        self.inner.commit().await
    }
}

/// Which of the two it is: they differ in how a transaction begins, and in how a trigger is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// The bank's database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    pub(crate) kind: Kind,
    /// The one place of SQLite's writers.
    writers: Arc<Semaphore>,
}

/// So long anybody waits for a connection, or for the turn to write: less than a request may take (`entry.rs`), so that whoever asks is told
/// that the database is in the way.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection to PostgreSQL is renewed after this time: after a failover the name of the server leads to another machine, and the former
/// one only reads.
const RENEWED: Duration = Duration::from_secs(60);

/// A question for the time that took longer says nothing of the time.
const SLOW: Duration = Duration::from_millis(500);

/// SQLite, "PRAGMA wal_checkpoint": whether somebody was in the way, pages in the log, pages that were moved.
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// PostgreSQL, "Advisory Lock Functions": the lock ends with its transaction. sqlx's common driver reads no boolean.
const TAKE_DUTY: &str = "SELECT CAST(CAST(pg_try_advisory_xact_lock($1) AS INT) AS BIGINT)";
/// The number of the housekeeping's lock: "bank" in ASCII.
const HOUSEKEEPING: i64 = 0x6261_6E6B;
/// What the server's clock shows at this moment, and not when the transaction began.
const NOW: &str = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// The URL of the SQLite database in this file.
pub(crate) fn sqlite_url(file: &Path) -> String {
    // What a URL gives a meaning to is written in hexadecimal.
    let name: String = file.display().to_string().chars().fold(String::new(), |name, c| match c {
        '%' | '?' | '#' => format!("{name}%{:02X}", c as u32),
        _ => name + c.encode_utf8(&mut [0; 4]),
    });
    format!("sqlite://{name}?mode=rwc")
}

impl Database {
    /// Opens the database that this URL names.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let kind = if url.starts_with("sqlite:") { Kind::Sqlite } else { Kind::Postgres };
        // Each message of sqlx could repeat what is bound, so sqlx logs nothing.
        let options: AnyConnectOptions = url.parse().map_err(without_url)?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .max_lifetime((kind == Kind::Postgres).then_some(RENEWED))
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| Box::pin(prepare(connection, kind)))
            // SQLite takes a transaction back by itself when the disk is full, and then refuses the ROLLBACK that sqlx sends: such a
            // connection would count as within a transaction for ever.
            .before_acquire(|connection, _| {
                let is_free = !connection.is_in_transaction();
                Box::pin(async move { Ok(is_free) })
            })
            .connect_with(options)
            .await
            .map_err(without_url)?;
        Ok(Self { pool, kind, writers: Arc::new(Semaphore::new(1)) })
    }

    /// A connection for one statement, or for several that need not agree.
    pub(crate) async fn connection(&self) -> Result<PoolConnection<Any>> {
        Ok(self.pool.acquire().await?)
    }

    /// Waits for SQLite's one writer to be done, in the order of asking. SQLite itself only lets those who wait look again after pauses
    /// that grow to a tenth of a second: of eight payments at once some waited for a second, and the database was idle meanwhile.
    /// PostgreSQL's rows have queues of their own. Nobody who waits here may hold a connection; whoever does all the same waits no longer
    /// than for a connection.
    async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let closed = |_| Error::Broken("the database is closed".into());
        match self.kind {
            Kind::Sqlite => {
                let turn = timeout(PATIENCE, self.writers.clone().acquire_owned()).await;
                Ok(Some(turn.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(closed)?))
            }
            Kind::Postgres => Ok(None),
        }
    }

    /// A connection for a statement that writes.
    pub(crate) async fn writer(&self) -> Result<Writer> {
        let turn = self.turn().await?;
        Ok(Turn { inner: self.pool.acquire().await?, _turn: turn })
    }

    /// Begins a transaction that will write. SQLite must take the lock of the writer at once: a transaction that first reads
    /// and then writes fails there without waiting, whatever its busy time.
    pub(crate) async fn begin(&self) -> Result<Work> {
        let begin = match self.kind {
            Kind::Sqlite => "BEGIN IMMEDIATE",
            Kind::Postgres => "BEGIN",
        };
        let turn = self.turn().await?;
        Ok(Turn { inner: self.pool.begin_with(begin).await?, _turn: turn })
    }

    /// Begins a transaction that only reads, and sees the books as they are at one moment, while others write.
    pub(crate) async fn snapshot(&self) -> Result<Work> {
        let begin = match self.kind {
            Kind::Sqlite => "BEGIN",
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(Turn { inner: self.pool.begin_with(begin).await?, _turn: None })
    }

    /// Takes a duty that one node does at a time, until the value is dropped; [`None`] where another node has it. The server gives the
    /// duty back when a node dies. An SQLite database has one node.
    pub(crate) async fn duty(&self) -> Result<Option<Work>> {
        let mut work = Turn { inner: self.pool.begin_with("BEGIN").await?, _turn: None };
        if self.kind == Kind::Postgres {
            let (taken,): (i64,) = sqlx::query_as(TAKE_DUTY).bind(HOUSEKEEPING).fetch_one(&mut *work).await?;
            if taken == 0 {
                return Ok(None);
            }
        }
        Ok(Some(work))
    }

    /// The time of the database. SQLite has none of its own: its clock is this machine's.
    pub(crate) async fn now(&self) -> Result<Moment> {
        if self.kind == Kind::Sqlite {
            return Ok(of_this_machine());
        }
        let (now,): (i64,) = sqlx::query_as(NOW).fetch_one(&mut *self.connection().await?).await?;
        Ok(now)
    }

    /// Sets the bank's clock by the clock that all nodes share. A question that took long says too little. By how many milliseconds the bank's
    /// clock jumps, where it follows a jump.
    ///
    /// # Errors
    /// The database did not answer, or its clock jumps, and the bank's clock does not follow yet.
    pub(crate) async fn keep_time(&self, clock: &Clock) -> Result<Option<Moment>> {
        if self.kind == Kind::Sqlite {
            return Ok(None);
        }
        let mut db = self.connection().await?;
        let asked = Instant::now();
        let (now,): (i64,) = sqlx::query_as(NOW).fetch_one(&mut *db).await?;
        let answered = Instant::now();
        if answered - asked >= SLOW && clock.is_set() {
            return Ok(None);
        }
        clock.follow(now, asked, answered).map_err(|jump| {
            Error::Broken(format!(
                "the database's clock shows {} s more than it should: set that machine's clock. The bank's clock follows after five minutes",
                jump / SECOND
            ))
        })
    }

    /// Copies an SQLite database, as it is at one moment, into an empty file, while others write.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<()> {
        let into = sqlx::query("VACUUM INTO $1").bind(file.display().to_string());
        into.execute(&mut *self.connection().await?).await?;
        Ok(())
    }

    /// Brings all that was written into the one file of an SQLite database, so that the file can be moved.
    ///
    /// # Errors
    /// Somebody else reads or writes the database.
    pub(crate) async fn settle(&self) -> Result<()> {
        if self.kind == Kind::Postgres {
            return Ok(());
        }
        let mut connection = self.connection().await?;
        let (busy, ..): (i64, i64, i64) = sqlx::query_as(CHECKPOINT).fetch_one(&mut *connection).await?;
        if busy == 0 { Ok(()) } else { Err(Error::Broken("another program uses the database".into())) }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// What each connection is told. A payment that was answered is on the disk, whatever the server's defaults are. The conditional
/// UPDATEs want READ COMMITTED: a stricter level would fail where they wait.
async fn prepare(connection: &mut Connection, kind: Kind) -> std::result::Result<(), sqlx::Error> {
    if kind == Kind::Sqlite {
        let pragmas = "PRAGMA busy_timeout = 20000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON;";
        connection.execute(sqlx::raw_sql(pragmas)).await?;
    } else {
        let session = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; SET synchronous_commit = on;";
        connection.execute(sqlx::raw_sql(session)).await?;
    }
    Ok(())
}

/// The URL may hold a password, so what is said of a database that does not open never repeats it.
fn without_url(fault: sqlx::Error) -> Error {
    match fault {
        sqlx::Error::Configuration(_) => Error::Broken("the URL of the database is not one".into()),
        other => Error::Database(other),
    }
}
