//! `world`: a bank, a shield and the Online Banking Assistant, for a person with nothing but a browser (docs/world.md).
//!
//! The others run as processes, and this program links none of them. It becomes `ushield run`, whose keeper ends whatever was
//! started, however the run ends (docs/decisions/0032-run-and-its-keeper.md). What `ushield run` runs is this program again: the stage.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod stage;
mod guide;
mod script;
mod browser;
mod link;
mod player;
mod port;
mod programs;
mod state;

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
    time::Duration,
};

use clap::Parser;
use terminal::{Exit, Failure, Outcome, program::Program};

use programs::Programs;
use script::Script;
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
  world --script            plays the story by itself, in Chromium
  world --state shop-trial  keeps the bank's books and the shield in that folder; the next start finds them again"
)]
struct Line {
    /// Open bank, shop, shield and PIN page in your browser; a browser that is started by this may end with the world
    #[arg(long)]
    open: bool,
    /// Play the story by itself: a Chromium of its own pays in three ways, and a thief tries
    #[arg(long, conflicts_with_all = ["open", "state"])]
    script: bool,
    /// How many seconds a step of the story takes
    #[arg(long, value_name = "SECONDS", default_value = "1.5", value_parser = pace, requires = "script")]
    pace: Duration,
    /// Keep pictures of the story's windows in this folder
    #[arg(long, value_name = "DIR", hide = true, requires = "script")]
    record: Option<PathBuf>,
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
            let state = self.state.as_deref().map(State::take).transpose()?;
            return stage::play(&programs, self.open, self.script().as_ref(), state);
        }
        if self.script {
            // Whoever has no browser for the script learns so before the world is built and started.
            browser::find()?;
        }
        programs.build()?;
        let this = std::env::current_exe().map_err(|error| not_started(&error))?;
        let mut run = Command::new(programs.path("ushield")?);
        run.args(["run", "--panel", "web", "--command-tells", "--no-enrol"]);
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
        if let Some(script) = self.script() {
            run.args(["--script", "--pace", &script.pace.as_secs_f64().to_string()]);
            if let Some(folder) = &script.record {
                run.arg("--record").arg(folder);
            }
        }
        // This process becomes the run: whoever kills it kills the run, and the run's keeper sees to the rest.
        Err(not_started(&run.exec()))
    }

    /// The story that plays itself, where it is asked for.
    fn script(&self) -> Option<Script> {
        self.script.then(|| Script { pace: self.pace, record: self.record.clone() })
    }
}

/// The slowest pace. A question on the shield waits for a minute, and the script needs a few steps to answer one.
const SLOWEST: f64 = 10.0;

fn pace(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is wanted, such as 1.5".to_owned())?;
    if (0.0..=SLOWEST).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("0 to {SLOWEST} seconds are possible"))
    }
}

fn not_started(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("the world was not started")
        .because(error)
        .next("see whether ushield and bank stand beside this program, and may be run")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_number_of_seconds() {
        assert_eq!(pace("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(pace("0"), Ok(Duration::ZERO));
        assert_eq!(pace("10"), Ok(Duration::from_secs(10)));
        for refused in ["-1", "10.1", "NaN", "inf", "", "fast"] {
            assert!(pace(refused).is_err(), "{refused}");
        }
    }
}
