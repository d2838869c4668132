//! How a program ends: what went wrong is told to people and, where JSON was asked for, to programs.

use std::process::ExitCode;

use wire::reason::Reason;

use crate::{
    failure::{Exit, Failure, Outcome},
    output::{help, say_json, unwritten, warn_lines},
    paint::Paint,
};

/// One of our programs.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What stands before a failure, such as `ushield:`.
    pub label: &'static str,
    /// Whether JSON is written over several lines.
    pub indented: bool,
}

impl Program {
    /// Tells how the command ended; `json` is whether JSON was asked for.
    pub fn end(&self, outcome: Outcome, json: bool) -> ExitCode {
        let exit = outcome.unwrap_or_else(|failure| {
            self.complain(&failure);
            if json {
                self.say_failure(&failure);
            }
            failure.exit()
        });
        self.written(exit)
    }

    /// Answers a command line that cannot be understood, or that asks for help. `usage` is the exit code of a command line
    /// that cannot be understood.
    pub fn refuse(&self, error: &clap::Error, usage: Exit) -> ExitCode {
        help(error);
        if error.exit_code() == 0 {
            return self.written(Exit::Done);
        }
        // What follows `--` is another program's.
        if std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json") {
            let what = error.to_string().lines().next().unwrap_or_default().to_owned();
            self.say_failure(&Failure::new(what).coded(Reason::Usage).next("see --help"));
        }
        usage.code().into()
    }

    /// Exit code 0 means that what was said was written.
    fn written(&self, exit: Exit) -> ExitCode {
        let exit = match unwritten() {
            Some(fault) if exit == Exit::Done => {
                let what = Failure::new("standard output was not written");
                self.complain(
                    &what.because(fault).next("make room where it goes, and run the command again"),
                );
                Exit::Refused
            }
            _ => exit,
        };
        exit.code().into()
    }

    fn complain(&self, failure: &Failure) {
        warn_lines(&format!("{} {failure}", Paint::stderr().bad(self.label)));
    }

    fn say_failure(&self, failure: &Failure) {
        let json = failure.json();
        say_json(&if self.indented { format!("{json:#}") } else { json.to_string() });
    }
}
