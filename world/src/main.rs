//! `world`: a bank, a shield and the Online Banking Assistant, for a person with nothing but a browser (docs/world.md).
//!
//! The others run as processes, and this program links none of them. It becomes `ushield run`, whose keeper ends whatever was
//! started, however the run ends (docs/decisions/0032-run-and-its-keeper.md). What `ushield run` runs is this program again: the stage.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod stage;
mod guide;
mod port;
mod programs;
mod state;

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::Parser;
use terminal::{Exit, Failure, Outcome, program::Program};

use programs::Programs;
use state::State;

/// How this program tells of its failures.
const SPEAKER: Program = Program { label: "world:", indented: true };

/// A bank, a shield and the Online Banking Assistant, in one command
///
/// It prints links: the bank, its counter, a shop, the page of the shield, and that on which the PIN is asked for. Ctrl-C ends everything, and leaves nothing
/// but what --state keeps.
#[derive(Parser)]
#[command(
    name = "world",
    version,
    max_term_width = 100,
    after_help = "Examples:
  world
  world --open              opens bank, shop, shield and PIN page in your browser
  world --state shop-trial  keeps the bank's books and the shield in that folder; the next start finds them again"
)]
struct Line {
    /// Open bank, shop, shield and PIN page in your browser
    #[arg(long)]
    open: bool,
    /// Keep the bank's books and the shield in this folder; the next start with it finds them again
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What `ushield run` runs
    #[arg(long, hide = true)]
    stage: bool,
}

fn main() -> ExitCode {
    match Line::try_parse() {
        Ok(line) => SPEAKER.end(line.run(), false),
        Err(error) => SPEAKER.refuse(&error, Exit::Unknown),
    }
}

impl Line {
    fn run(&self) -> Outcome {
        let programs = Programs::find()?;
        if self.stage {
            return stage::play(&programs, self.open, self.state.as_deref().map(State::take).transpose()?);
        }
        programs.build()?;
        let this = std::env::current_exe().map_err(|error| not_started(&error))?;
        let mut run = Command::new(programs.path("ushield")?);
        run.args(["run", "--panel", "web", "--no-enrol"]);
        // This process becomes the run and can hold no folder: the stage takes it, for as long as the world is there.
        let state = self.state.as_deref().map(State::take).transpose()?;
        if let Some(state) = &state {
            run.arg("--state").arg(state.shield());
        }
        run.arg("--").arg(this).arg("--stage");
        if let Some(state) = &state {
            run.arg("--state").arg(state.dir());
        }
        drop(state);
        if self.open {
            run.arg("--open");
        }
        // This process becomes the run: whoever kills it kills the run, and the run's keeper sees to the rest.
        Err(not_started(&run.exec()))
    }
}

fn not_started(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("the world was not started").because(error)
}
