//! `bank backup` and `bank restore`. The secrets and the keys of the CA are no part of a backup: a copy of them is kept apart.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use file::Access;
use terminal::{Exit, Failure, Outcome, say};

use super::{Place, migrate, told};
use crate::{
    bank::{Bank, Folder},
    books::{audit, challenge, session},
    clock::Clock,
    database::Kind,
    error::Result,
};

#[derive(Args)]
pub(super) struct Backup {
    /// The file that the copy goes to, for its owner only
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Restore {
    /// The copy that `bank backup` made; with PostgreSQL, psql has read the dump before
    #[arg(value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Backup {
    pub(super) async fn run(self) -> Outcome {
        let database = self.place.database().await?;
        if database.kind == Kind::Postgres {
            return Err(Failure::new("nothing was copied")
                .because("PostgreSQL has a program of its own for this, which no other one replaces")
                .next("run pg_dump --no-owner --file FILE URL"));
        }
        file::write(&self.to, b"", Access::Owner, false)?;
        if let Err(error) = database.copy_to(&self.to).await {
            file::remove(&self.to);
            return Err(told("nothing was copied")(error));
        }
        say(&format!(
            "{} has all of the books, and none of the secrets: keep a copy of secrets.json and of ca elsewhere",
            self.to.display()
        ));
        Ok(Exit::Done)
    }
}

impl Restore {
    pub(super) async fn run(self) -> Outcome {
        let refused = |why: String, next: &str| Failure::new("nothing was restored").because(why).next(next);
        let is_postgres = self.place.database.as_ref().is_some_and(|url| !url.starts_with("sqlite:"));
        match (&self.from, is_postgres) {
            (Some(_), true) => {
                let why =
                    "a file is a copy of an SQLite database, and the database is a PostgreSQL".to_owned();
                return Err(refused(why, "let psql read the dump, and run `bank restore` without a file"));
            }
            (None, false) => {
                return Err(refused("no file was named".into(), "name the copy that `bank backup` made"));
            }
            (None, true) => {}
            (Some(from), false) => {
                let to = Folder(&self.place.folder).sqlite();
                copy(from, &to).map_err(|fault| {
                    let why = format!("{} was not copied to {}: {fault}", from.display(), to.display());
                    refused(why, "stop the bank, and move the former bank.sqlite, bank.sqlite-wal and bank.sqlite-shm away")
                })?;
            }
        }
        migrate(&self.place).await?;
        let bank = self.place.open(Clock::default()).await?;
        let proven = bank.prove_stored().await.map_err(told("the books were not read"))?;
        proven.map_err(|why| {
            let next = "take another copy, or the secrets that belong to it; move what was restored away";
            Failure::new("the copy is not to be trusted").because(why).next(next)
        })?;
        end_all(&bank).await.map_err(told("the sessions were not ended"))?;
        bank.seal().await.map_err(told("the audit was not sealed"))?;
        say("the books are as they were when the copy was made; all sessions have ended");
        Ok(Exit::Done)
    }
}

/// Copies into a file that is not there yet, for its owner only, and on the disk before anything is said. What SQLite has left beside a
/// former database would be written into the new one, so it must not be there either.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for left in ["-wal", "-shm", "-journal"] {
        let mut beside = to.as_os_str().to_owned();
        beside.push(left);
        if Path::new(&beside).exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "files of a former database are there"));
        }
    }
    let mut source = fs::File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// What was open when the copy was made is not open any more: a session that somebody has ended since must not live again.
async fn end_all(bank: &Bank) -> Result<()> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    challenge::kill_all(&mut work).await?;
    session::end_everybody(&mut work).await?;
    audit::add(&mut work, now, "owner", "restored", "", "").await?;
    work.commit().await.map_err(Into::into)
}
