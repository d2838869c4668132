//! `bank migrate` and `bank grant`: the tables as this program wants them, and the role that serves.

use clap::Args;
use terminal::{Exit, Failure, Outcome, say, say_lines};
use wire::algorithm::KeyAlgorithm;

use super::{Place, secrets::lock, told};
use crate::{bank::Folder, books::account, database::Kind, secrets::Secrets, shields::Shields};

/// Brings the tables, and what is beside them, to this program's state.
pub(super) async fn migrate(place: &Place) -> Outcome {
    let folder = Folder(&place.folder);
    let database = place.database().await?;
    let now = database.now().await.map_err(told("the database was not changed"))?;
    let lock = lock(place)?;
    if folder.secrets().exists() && Secrets::read(&folder.secrets())?.complete(&folder.secrets())? {
        say(
            "secrets.json has a new key, for the PUKs of shields: copy the file to all nodes, and to where its copy is kept",
        );
    }
    if folder.secrets().exists() && !folder.authority().exists() {
        // Certificates that another CA has issued would be worth nothing: a CA is founded where the books know of none.
        if database.has_migration("0003_shield").await.map_err(told("nothing was changed"))? {
            return Err(Failure::new("nothing was changed")
                .because("the books know of a CA, and its folder ca is not there")
                .next("put the copy of ca back, which is kept apart with secrets.json"));
        }
        let secrets = Secrets::read(&folder.secrets())?;
        Shields::found(&folder.authority(), KeyAlgorithm::P256, secrets.passphrases().next())?;
    }
    drop(lock);
    let done = database.migrate(now).await.map_err(told("the database was not changed"))?;
    let found = async { account::found(&mut *database.connection().await?, now).await };
    found.await.map_err(told("the bank was not founded"))?;
    let serving =
        database.grant_again().await.map_err(told("the serving roles have not all of their rights"))?;
    database.close().await;
    for role in serving {
        say(&format!("the role {role} serves, and may do what this program needs"));
    }
    say_lines(&if done.is_empty() { "nothing to do".to_owned() } else { done.join("\n") });
    Ok(Exit::Done)
}

#[derive(Args)]
pub(super) struct Grant {
    /// The role, which CREATE ROLE has made and which does not own the tables
    role: String,
    #[command(flatten)]
    place: Place,
}

impl Grant {
    pub(super) async fn run(self) -> Outcome {
        let (database, role) = (self.place.database().await?, &self.role);
        if database.kind == Kind::Sqlite {
            return Err(Failure::new("nothing was granted")
                .because("SQLite has no roles: whoever can write the file can change everything in it")
                .next("name a PostgreSQL with BANK_DATABASE"));
        }
        if !database.is_current().await.map_err(told("nothing was granted"))? {
            return Err(Failure::new("nothing was granted")
                .because("the database lacks tables of this program")
                .next("run `bank migrate`"));
        }
        database.grant(role).await.map_err(told("nothing was granted"))?;
        database.close().await;
        say(&format!(
            "the role {role} may serve: it adds to the ledger and to the audit, and can change neither. Next: name it in BANK_DATABASE of each \
             node"
        ));
        Ok(Exit::Done)
    }
}
