//! `bank backup` and `bank restore`. The secrets and the keys of the CA are no part of a backup: a copy of them is kept apart.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use file::Access;
use terminal::{Exit, Failure, Outcome, say, say_lines};

use super::{Place, migrate::migrate, told};
use crate::{
    bank::{Bank, Folder},
    books::{audit, authorisation, challenge, crl, session},
    clock::Clock,
    database::Kind,
    error::Result,
    personal_id,
    seals_file::SealsFile,
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
                .next("run pg_dump --no-owner --no-privileges --file FILE URL"));
        }
        if !database.is_current().await.map_err(told("nothing was copied"))? {
            return Err(Failure::new("nothing was copied")
                .because("the database has no books, or those of a former version")
                .next("name the bank's folder or database; after an update run `bank migrate`"));
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
        let url = self.place.database.as_ref();
        let is_postgres = url.is_some_and(|url| !url.starts_with("sqlite:"));
        match (&self.from, is_postgres) {
            (Some(_), true) => Err(refused(
                "a file is a copy of an SQLite database, and the database is a PostgreSQL".into(),
                "let psql read the dump, and run `bank restore` without a file",
            )),
            (None, false) => {
                Err(refused("no file was named".into(), "name the copy that `bank backup` made"))
            }
            (Some(_), false) if url.is_some() => Err(refused(
                "a copy goes to bank.sqlite in the bank's folder, and another database was named".into(),
                "leave --database and BANK_DATABASE away",
            )),
            (None, true) => match renew(&self.place).await {
                Ok(()) => begin_seals(&self.place),
                refused => refused,
            },
            (Some(from), false) => self.restore(from).await,
        }?;
        say_lines(
            "the books are as they were when the copy was made; all sessions and all codes for shields have ended, and all shields are \
             suspended\n\
             next: on other nodes of this bank, move the file audit-seals away\n\
             next: what was done since is not in the books. Confirm each shield at the counter (confirm-shield), or all but those that \
             were lost or replaced since (bank confirm-shields --except NUMBER); replace the shields whose IDs were issued since",
        );
        Ok(Exit::Done)
    }

    /// The copy gets its name when its books are proven and all that was open has ended: whatever comes between, no bank serves it.
    async fn restore(&self, from: &Path) -> std::result::Result<(), Failure> {
        let to = Folder(&self.place.folder).sqlite();
        let beside = to.with_extension("restored");
        let why = |fault: io::Error| {
            let next = match fault.kind() {
                io::ErrorKind::AlreadyExists => {
                    "stop the bank, and move the former bank.sqlite, bank.sqlite-wal and bank.sqlite-shm away"
                }
                _ => "check the two names, the rights and the free space, and run it again",
            };
            refused(format!("{} was not copied to {}: {fault}", from.display(), to.display()), next)
        };
        let seals = SealsFile::of(&self.place.folder);
        vacant(&to).and_then(|()| seals.expect_nothing()).map_err(why)?;
        clear(&beside);
        copy(from, &beside).map_err(why)?;
        let place =
            Place { folder: self.place.folder.clone(), database: Some(crate::database::sqlite_url(&beside)) };
        let renewed = renew(&place).await;
        if renewed.is_ok() {
            vacant(&to).map_err(why)?;
            seals.expect_restored(&beside.file_name().unwrap_or_default().to_string_lossy())?;
            if let Err(fault) = fs::rename(&beside, &to) {
                seals.expect_nothing().map_err(why)?;
                return Err(why(fault));
            }
            fs::File::open(&self.place.folder).and_then(|folder| folder.sync_all()).map_err(why)?;
            seals.settle(Clock::default().now()).map_err(why)?;
        }
        clear(&beside);
        renewed
    }
}

fn refused(why: String, next: &str) -> Failure {
    Failure::new("nothing was restored").because(why).next(next)
}

/// Proves the books of this place, and ends what was open in them.
async fn renew(place: &Place) -> std::result::Result<(), Failure> {
    let database = place.database().await?;
    let unread = told("nothing was restored");
    let has_books = database.has_migration("0001_books").await.map_err(&unread)?;
    let has_seals = database.has_migration("0007_chains").await.map_err(&unread)?;
    database.close().await;
    if !has_books {
        return Err(refused("there are no books in it".into(), "name the copy that `bank backup` made"));
    }
    if !has_seals {
        // The migration gives former seals up, so nobody could prove such a copy any more.
        return Err(refused(
            "the copy is of a former version of this program, whose seals this one cannot read".into(),
            "restore and prove it with that version, and then run `bank migrate` of this one",
        ));
    }
    migrate(place).await?;
    // The file of the seals belongs to the former books until the copy has their place.
    let bank = place.open(Clock::default()).await?.with_seals_file(None);
    let proven = bank.prove_stored().await.map_err(told("the books were not read"))?;
    proven.map_err(|why| {
        let next = "take another copy, or the secrets that belong to it; move what was restored away";
        Failure::new("the copy is not to be trusted").because(why).next(next)
    })?;
    end_all(&bank).await.map_err(told("the sessions were not ended"))?;
    bank.seal().await.map_err(told("the audit was not sealed"))?;
    bank.database.settle().await.map_err(told("the books were not written"))?;
    bank.database.close().await;
    Ok(())
}

/// The file of the seals begins anew: the former lines belong to books that were given up.
fn begin_seals(place: &Place) -> std::result::Result<(), Failure> {
    SealsFile::of(&place.folder).move_away(Clock::default().now()).map_err(|fault| {
        Failure::new("the bank is restored, and the file of the former seals is in the way")
            .because(fault.to_string())
            .next("move audit-seals away before the bank serves")
    })
}

/// Refuses where a database is, or what SQLite has left beside one: that would be written into the new one.
fn vacant(to: &Path) -> io::Result<()> {
    for left in ["", "-wal", "-shm", "-journal"] {
        if fs::symlink_metadata(with(to, left)).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "files of a former database are there"));
        }
    }
    Ok(())
}

/// Removes what an interrupted restore has left.
fn clear(beside: &Path) {
    for left in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(with(beside, left));
    }
}

fn with(file: &Path, left: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(left);
    name.into()
}

/// Copies into a file that is not there yet, for its owner only, and on the disk before anything is said.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
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
    authorisation::kill_all(&mut work).await?;
    let suspended = personal_id::suspend_all(&mut work, now).await?;
    crl::leap(&mut work, now).await?;
    let detail = format!("{suspended} shields suspended");
    audit::add(&mut work, now, "owner", "restored", "", &detail).await?;
    work.commit().await.map_err(Into::into)
}
