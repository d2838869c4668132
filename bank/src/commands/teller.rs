//! `bank teller`: who works at the counter.

use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, say};

use super::{Place, counter, told};
use crate::{clock::Clock, demo};

#[derive(Subcommand)]
pub(super) enum Teller {
    /// Add a teller
    Add(Add),
    /// Give a teller another password; the teller's sessions end
    Password(Add),
    /// A teller no longer works here
    Stop(Stop),
}

#[derive(Args)]
pub(super) struct Add {
    name: String,
    #[command(flatten)]
    password: counter::Password,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Stop {
    name: String,
    #[command(flatten)]
    place: Place,
}

impl Teller {
    pub(super) async fn run(self) -> Outcome {
        match self {
            Self::Add(add) => add.run().await,
            Self::Password(password) => password.change().await,
            Self::Stop(stop) => stop.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        let password = self.password.ask_new()?;
        demo::add_teller(&bank, &self.name, &password).await.map_err(told("no teller was added"))?;
        bank.seal().await.map_err(told("the audit was not sealed"))?;
        say(&format!("teller {}", self.name));
        Ok(Exit::Done)
    }
}

impl Add {
    /// The same words for a teller who is there.
    async fn change(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        let password = self.password.ask_new()?;
        let changed = demo::change_teller(&bank, &self.name, &password).await;
        if changed.map_err(told("the password was not changed"))? {
            bank.seal().await.map_err(told("the audit was not sealed"))?;
            return Ok(Exit::Done);
        }
        Err(Failure::new(format!("no teller {} works here", self.name)))
    }
}

impl Stop {
    async fn run(self) -> Outcome {
        let bank = self.place.open(Clock::default()).await?;
        if demo::stop_teller(&bank, &self.name).await.map_err(told("the teller was not stopped"))? {
            bank.seal().await.map_err(told("the audit was not sealed"))?;
            return Ok(Exit::Done);
        }
        Err(Failure::new(format!("no teller {} works here", self.name)))
    }
}
