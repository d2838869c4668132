//! `ushield`: bank tokens of software, as real as a host can tell.

mod commands;
mod process;

use std::process::ExitCode;

use terminal::{program::Program, signal};

/// How this program tells of its failures.
const SPEAKER: Program = Program { label: "ushield:", indented: true };

fn main() -> ExitCode {
    signal::outlive_file_limit();
    if let Some(outcome) = commands::Program::keep() {
        return SPEAKER.end(outcome, false);
    }
    match commands::Program::read() {
        Ok((command, json)) => SPEAKER.end(command.run(), json),
        Err(error) => commands::refuse(&error),
    }
}
