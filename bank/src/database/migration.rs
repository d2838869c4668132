//! The tables of each version of this program, and which program may serve a database that another version has changed
//! (`docs/decisions/0067-one-clock-two-roles.md`).
//!
//! A migration adds: nodes of the former version go on beside it. What takes something away names the migration that a program must
//! know to do without: it waits until no node of an older program serves, and from then on older programs refuse the database.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{Database, Kind, Work};
use crate::{
    clock::{MINUTE, Moment},
    error::{Error, Result},
    random::hex,
};

/// A change of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
    /// The migration that a program must know to serve what this one leaves; empty where every program may.
    pub(crate) needs: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        migration!($name, needs "")
    };
    ($name:literal, needs $needs:literal) => {
        Migration {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
            needs: $needs,
        }
    };
}

/// All of them, in their order. The numbers 6 and 8 were never used.
pub(crate) const MIGRATIONS: &[Migration] = &[
    migration!("0001_books"),
    migration!("0002_index"),
    migration!("0003_shield"),
    migration!("0004_puk"),
    migration!("0005_merchant"),
    migration!("0007_chains"),
    migration!("0009_nodes"),
    migration!("0010_attested"),
    migration!("0011_generations"),
];

const FIRST: &str = "0001_books";
/// The migration that knows of nodes, and of what programs must know.
const NODES: &str = "0009_nodes";
/// A node that was not seen for so long has ended.
pub(crate) const SILENCE: Moment = MINUTE;
/// So often a migration tries to get the tables for itself, with a pause between. Whoever pays waits no longer than one try, which is a fifth of
/// the time: somebody who reads for long, such as a proof, keeps a migration out and nobody else.
const TRIES: u32 = 90;
const PAUSE: Duration = Duration::from_secs(1);

/// One migration at a time, whoever starts it. The number is "migr" in ASCII.
const ALONE: &str =
    "SET LOCAL lock_timeout = '250ms'; DO $$ BEGIN PERFORM pg_advisory_xact_lock(1835624306); END $$";
const MAKE: &str =
    "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, digest TEXT NOT NULL, at BIGINT NOT NULL)";
const FIND: &str = "SELECT digest FROM migration WHERE name = $1";
const ALL: &str = "SELECT name FROM migration ORDER BY name";
const ADD: &str = "INSERT INTO migration (name, digest, at) VALUES ($1, $2, $3)";
const SET_NEEDS: &str = "UPDATE migration SET needs = $1 WHERE name = $2";
const NEEDS: &str = "SELECT name, needs FROM migration WHERE needs <> '' ORDER BY name";
/// No node begins to serve until the migration is done, and then it sees what it must know.
const HOLD_NODES: &str = "LOCK TABLE node IN EXCLUSIVE MODE";
const FORMER_NODES: &str = "SELECT COUNT(*) FROM node WHERE knows < $1 AND seen_at BETWEEN $2 AND $3";

/// Does something to the tables, again while others hold what it wants.
async fn again<T>(act: impl AsyncFn() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        match act().await {
            Err(error) if error.is_lock_timeout() => sleep(PAUSE).await,
            ended => return ended,
        }
    }
    act().await.map_err(|error| match error.is_lock_timeout() {
        true => Error::Broken(format!(
            "others have held the tables for {TRIES} tries: run this again when no proof and no report is at work (pg_stat_activity names them). {error}"
        )),
        false => error,
    })
}

/// The newest migration that this program knows.
pub(crate) fn newest() -> &'static str {
    MIGRATIONS.last().map_or("", |migration| migration.name)
}

impl Database {
    /// Brings the tables to this program's state. Whoever changed a migration that ran is told so.
    pub(crate) async fn migrate(&self, now: Moment) -> Result<Vec<&'static str>> {
        self.migrate_by(MIGRATIONS, now).await
    }

    /// As [`Self::migrate`], by these migrations alone. Each is a transaction of its own, so that none holds many tables at a time.
    pub(crate) async fn migrate_by(
        &self,
        migrations: &[Migration],
        now: Moment,
    ) -> Result<Vec<&'static str>> {
        again(|| self.make()).await?;
        let mut done = Vec::new();
        for migration in migrations {
            // Programs before that migration have no row that tells of them, so a database that they may serve loses nothing in the same run.
            let is_blind = done.contains(&NODES) && !done.contains(&FIRST);
            if is_blind && !migration.needs.is_empty() {
                return Err(Error::Broken(format!(
                    "{} takes something away, and since {NODES} nodes tell that they serve: restart all nodes by this program, and run this again",
                    migration.name
                )));
            }
            let is_new = again(|| self.apply(migration, now)).await?;
            done.extend(is_new.then_some(migration.name));
        }
        Ok(done)
    }

    /// Makes the table of the migrations, if it is not there.
    async fn make(&self) -> Result<()> {
        let mut work = self.alone().await?;
        sqlx::query(MAKE).execute(&mut *work).await?;
        Ok(work.commit().await?)
    }

    /// A transaction beside which no other migration runs.
    async fn alone(&self) -> Result<Work> {
        let mut work = self.begin().await?;
        if self.kind == Kind::Postgres {
            sqlx::raw_sql(ALONE).execute(&mut *work).await?;
        }
        Ok(work)
    }

    /// Carries one migration out. Whether it was new here.
    async fn apply(&self, migration: &Migration, now: Moment) -> Result<bool> {
        let Migration { name, needs, .. } = *migration;
        let sql = if self.kind == Kind::Sqlite { migration.sqlite } else { migration.postgres };
        let digest = hex(&Sha256::digest(sql.as_bytes()));
        let mut work = self.alone().await?;
        let ran: Option<(String,)> = sqlx::query_as(FIND).bind(name).fetch_optional(&mut *work).await?;
        match ran {
            Some((before,)) if before == digest => return Ok(false),
            Some(_) => {
                return Err(Error::Broken(format!(
                    "the migration {name} ran in another form; this database is another program's"
                )));
            }
            None => {}
        }
        if !needs.is_empty() {
            self.check_nodes(&mut work, needs, now).await?;
        }
        sqlx::raw_sql(sql).execute(&mut *work).await?;
        sqlx::query(ADD).bind(name).bind(digest).bind(now).execute(&mut *work).await?;
        if !needs.is_empty() {
            sqlx::query(SET_NEEDS).bind(needs).bind(name).execute(&mut *work).await?;
        }
        work.commit().await?;
        Ok(true)
    }

    /// Whether every node that serves can do without what is taken away.
    async fn check_nodes(&self, work: &mut Work, needs: &str, now: Moment) -> Result<()> {
        if self.kind == Kind::Postgres {
            sqlx::raw_sql(HOLD_NODES).execute(&mut **work).await?;
        }
        let find = sqlx::query_as(FORMER_NODES).bind(needs).bind(now - SILENCE).bind(now + SILENCE);
        let (former,): (i64,) = find.fetch_one(&mut **work).await?;
        if former == 0 {
            return Ok(());
        }
        Err(Error::Broken(format!(
            "{former} nodes of a version without {needs} serve, and would miss what this migration takes away: restart them by this \
             program first. A node that was killed counts for a minute"
        )))
    }

    /// Whether all migrations ran: `serve` does not change a database that nobody asked it to change.
    ///
    /// # Errors
    /// As [`Self::has_migration`].
    pub(crate) async fn is_current(&self) -> Result<bool> {
        for migration in MIGRATIONS {
            if !self.has_migration(migration.name).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether this migration ran. In an empty database none did.
    ///
    /// # Errors
    /// The database is in the way, or the role may not read the table.
    pub(crate) async fn has_migration(&self, name: &'static str) -> Result<bool> {
        let mut connection = self.connection().await?;
        match sqlx::query(FIND).bind(name).fetch_optional(&mut *connection).await.map_err(Error::from) {
            Ok(found) => Ok(found.is_some()),
            Err(fault) if fault.is_forbidden() => Err(Error::Broken(
                "the role of the database may not read its tables: as their owner, run `bank grant ROLE`"
                    .into(),
            )),
            Err(fault) if fault.trouble().is_some() => Err(fault),
            Err(_) => Ok(false),
        }
    }

    /// Why this program must not serve a database of a newer one; [`None`] where it may.
    pub(crate) async fn refuses(&self) -> Result<Option<String>> {
        if !self.has_migration(NODES).await? {
            return Ok(None);
        }
        let mut db = self.connection().await?;
        let all: Vec<(String, String)> = sqlx::query_as(NEEDS).fetch_all(&mut *db).await?;
        let unknown = all.into_iter().find(|(_, needs)| !MIGRATIONS.iter().any(|own| own.name == needs));
        Ok(unknown.map(|(name, needs)| {
            format!("its database was changed by a newer program: since {name} a program must know {needs}")
        }))
    }

    /// The migrations of newer programs, beside which this one may serve.
    pub(crate) async fn strangers(&self) -> Result<Vec<String>> {
        let all: Vec<(String,)> = sqlx::query_as(ALL).fetch_all(&mut *self.connection().await?).await?;
        let is_own = |name: &String| MIGRATIONS.iter().any(|own| own.name == name);
        Ok(all.into_iter().map(|(name,)| name).filter(|name| !is_own(name)).collect())
    }
}
