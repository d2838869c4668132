//! `ushield pin`.

use std::path::PathBuf;

use card::shield::Shield;
use cert_tool::secret::{Secret, Source};
use clap::{Args, Subcommand};
use wire::shield::Information;

use crate::{
    failure::{Exit, Failure, Outcome},
    terminal::say,
    token::{Road, explain},
};

/// Change the PIN, or unblock it with the PUK
#[derive(Args)]
#[command(after_help = "Examples:
  ushield pin change
  ushield pin unblock --puk-file ~/.local/state/ushield/1/puk")]
pub(crate) struct Pin {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// Change the PIN
    #[command(after_help = "Example:\n  ushield pin change --old-file old.txt --new-file new.txt")]
    Change {
        /// The file with the PIN that there is; else USHIELD_PIN, else you are asked
        #[arg(long, value_name = "FILE")]
        old_file: Option<PathBuf>,
        #[command(flatten)]
        new: New,
    },
    /// Set a new PIN with the PUK, as the bank's counter does
    #[command(after_help = "Example:\n  ushield pin unblock --puk-file puk --new-file new.txt")]
    Unblock {
        /// The file with the PUK; else USHIELD_PUK, else you are asked
        #[arg(long, value_name = "FILE")]
        puk_file: Option<PathBuf>,
        #[command(flatten)]
        new: New,
    },
}

#[derive(Args)]
struct New {
    /// The file with the new PIN; else USHIELD_NEW_PIN, else you are asked twice
    #[arg(long, value_name = "FILE")]
    new_file: Option<PathBuf>,
    #[command(flatten)]
    road: Road,
}

impl Pin {
    pub(crate) fn run(self) -> Outcome {
        match self.deed {
            Deed::Change { old_file, new } => {
                let source = Source {
                    name: "PIN",
                    file: old_file.as_deref(),
                    variable: "USHIELD_PIN",
                    option: "--old-file",
                };
                new.set("the PIN was not changed", 0, "PIN now", &source, |shield, old, new| {
                    shield.change_pin(old, new)
                })?;
                say("The PIN is changed.");
            }
            Deed::Unblock { puk_file, new } => {
                let source = Source {
                    name: "PUK",
                    file: puk_file.as_deref(),
                    variable: "USHIELD_PUK",
                    option: "--puk-file",
                };
                new.set("the PIN was not unblocked", 1, "PUK", &source, |shield, puk, new| {
                    shield.unblock(puk, new)
                })?;
                say("The PIN is set anew, and all its tries are back.");
            }
        }
        Ok(Exit::Done)
    }
}

impl New {
    /// Asks for both secrets and gives them to the token. `counter` is whose tries are told: 0 the PIN's, 1 the PUK's.
    fn set(
        &self,
        what: &str,
        counter: usize,
        question: &str,
        known: &Source<'_>,
        deed: impl FnOnce(&mut Shield<'_>, &[u8], &[u8]) -> Result<(), card::Error>,
    ) -> Result<(), Failure> {
        let refused = |error: card::Error| explain(what, &error);
        let mut card = self.road.open()?;
        let mut shield = Shield::select(&mut card).map_err(refused)?;
        let information = shield.information().map_err(refused)?;
        let left = information.tries[counter];
        if left == 0 {
            let next = match counter {
                0 => "unblock it with the PUK: ushield pin unblock",
                _ => "nothing unlocks it: make a new token",
            };
            return Err(Failure::new(what)
                .because(format!("the {} is locked: no tries are left", known.name))
                .next(next));
        }
        let known = known.ask(&format!("{question} ({left} tries left): "))?;
        let new = self.ask(&information)?;
        deed(&mut shield, known.bytes(), new.bytes()).map_err(refused)
    }

    fn ask(&self, information: &Information) -> Result<Secret, Failure> {
        let [least, most] = information.pin_length;
        let source = Source {
            name: "new PIN",
            file: self.new_file.as_deref(),
            variable: "USHIELD_NEW_PIN",
            option: "--new-file",
        };
        let new = source.ask_new(&format!("new PIN ({least} to {most} characters): "))?;
        if (usize::from(least)..=usize::from(most)).contains(&new.bytes().len()) {
            return Ok(new);
        }
        // Told here, so that no try is spent on it.
        Err(Failure::new("the PIN was not changed")
            .because(format!("the new one is not of {least} to {most} characters"))
            .next("choose another one"))
    }
}
