//! `ushield pin`.

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod counter;

use std::path::PathBuf;

use card::shield::Shield;
use clap::{Args, Subcommand};
use terminal::{
    Exit, Failure, Outcome, TokenOptions,
    refusal::explain,
    say,
    secret::{Secret, Source, Variable},
};
use wire::{
    apdu::StatusWord,
    pin::{PUK_LENGTH, has_form},
    shield::Information,
};

/// Change the PIN, or unblock it with the PUK
#[derive(Args)]
#[command(after_help = "Examples:
  ushield pin change
  ushield pin change --puk
  ushield pin unblock --puk-file ~/.local/state/ushield/1/puk")]
pub(crate) struct Pin {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Subcommand)]
enum Deed {
    /// Change the PIN, or the PUK
    #[command(after_help = "Example:\n  ushield pin change --old-file old.txt --new-file new.txt")]
    Change {
        /// The PUK, which the counter keeps
        #[arg(long)]
        puk: bool,
        /// The file with the PIN that there is; else USHIELD_PIN (with --puk USHIELD_PUK), else you are asked
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
    /// For a bank's counter: the PUKs come through standard input, and nobody sees them
    Counter(counter::Counter),
}

#[derive(Args)]
struct New {
    /// The file with the new PIN; else USHIELD_NEW_PIN (with --puk USHIELD_NEW_PUK), else you are asked twice
    #[arg(long, value_name = "FILE")]
    new_file: Option<PathBuf>,
    #[command(flatten)]
    token: TokenOptions,
}

impl Pin {
    pub(crate) fn run(self) -> Outcome {
        match self.deed {
            Deed::Change { puk: true, old_file, new } => {
                let source = Source {
                    name: "PUK",
                    file: old_file.as_deref(),
                    variable: Variable::Puk,
                    option: "--old-file",
                };
                let ask = |_: &Information| new.ask("PUK", Variable::NewPuk, PUK_LENGTH.into());
                new.set("the PUK was not changed", 1, "PUK now", &source, ask, |shield, old, new| {
                    shield.change_puk(old, new)
                })?;
                say("The PUK is changed.");
            }
            Deed::Change { puk: false, old_file, new } => {
                let source = Source {
                    name: "PIN",
                    file: old_file.as_deref(),
                    variable: Variable::Pin,
                    option: "--old-file",
                };
                let ask = |information: &Information| new.ask_pin(information);
                new.set("the PIN was not changed", 0, "PIN now", &source, ask, |shield, old, new| {
                    shield.change_pin(old, new)
                })?;
                say("The PIN is changed.");
            }
            Deed::Unblock { puk_file, new } => {
                let source = Source {
                    name: "PUK",
                    file: puk_file.as_deref(),
                    variable: Variable::Puk,
                    option: "--puk-file",
                };
                let ask = |information: &Information| new.ask_pin(information);
                new.set("the PIN was not unblocked", 1, "PUK", &source, ask, |shield, puk, new| {
                    shield.unblock(puk, new)
                })?;
                say("The PIN is set anew, and all its tries are back.");
            }
            Deed::Counter(counter) => return counter.run(),
        }
        Ok(Exit::Done)
    }
}

impl New {
    /// Asks for both secrets, and gives them to the token. The prompt tells the tries that are left: `counter` is 0 for those of
    /// the PIN, and 1 for those of the PUK.
    fn set(
        &self,
        what: &str,
        counter: usize,
        question: &str,
        known: &Source<'_>,
        ask: impl FnOnce(&Information) -> Result<Secret, Failure>,
        deed: impl FnOnce(&mut Shield<'_>, &[u8], &[u8]) -> Result<(), card::Error>,
    ) -> Result<(), Failure> {
        let refused = |error: card::Error| explain(what, &error);
        let mut card = self.token.open()?;
        let mut shield = Shield::select(&mut card).map_err(refused)?;
        let information = shield.information().map_err(refused)?;
        let left = information.tries[counter];
        if left == 0 {
            let locked = StatusWord::BLOCKED;
            return Err(refused(match counter {
                0 => card::Error::Refused(locked),
                _ => card::Error::PukRefused(locked),
            }));
        }
        let tries = if left == 1 { "the last try".into() } else { format!("{left} tries left") };
        let known = known.ask(&format!("{question} ({tries}): "))?;
        let new = ask(&information)?;
        deed(&mut shield, known.bytes(), new.bytes()).map_err(refused)
    }

    fn ask_pin(&self, information: &Information) -> Result<Secret, Failure> {
        self.ask("PIN", Variable::NewPin, information.pin_length)
    }

    fn ask(&self, name: &str, variable: Variable, [least, most]: [u8; 2]) -> Result<Secret, Failure> {
        let named = format!("new {name}");
        let source = Source { name: &named, file: self.new_file.as_deref(), variable, option: "--new-file" };
        let new = source.ask_new(&format!("{named} ({least} to {most} characters): "))?;
        if has_form(new.bytes(), (least, most)) {
            return Ok(new);
        }
        // It is refused here, so that no try is spent on it.
        Err(Failure::new(format!("the {name} was not changed"))
            .because(format!("the new one is not of {least} to {most} letters, digits and signs of ASCII"))
            .next("choose another one"))
    }
}
