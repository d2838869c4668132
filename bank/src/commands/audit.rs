//! `bank audit`: the proof.

use clap::{Args, Subcommand};
use terminal::{Exit, Failure, Outcome, say_lines};

use super::{Place, told};
use crate::{
    books::{proof::Proof, seal::Known},
    clock::Clock,
    seals_file,
};

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Prove the books: the chains and their seals, the ledger against the chains, and that balances are the sums of their postings
    Verify(Verify),
}

#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// The head that a former proof has printed, kept elsewhere: nobody can have put a former state back in place since
    #[arg(long, value_name = "NUMBER:HASH", value_parser = parse_head)]
    head: Option<Known>,
}

impl Audit {
    pub(super) async fn run(self) -> Outcome {
        let Self::Verify(verify) = self;
        verify.run().await
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
