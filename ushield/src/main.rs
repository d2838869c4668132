//! `ushield`: bank tokens of software, as real as a host can tell.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod commands;
mod make;
mod control;
mod doctor;
mod driver;
mod vhci;
mod pcscd;
mod system;
mod brand;
mod shared_object;
mod memory;
mod runtime;
mod paths;
mod log;

use std::process::ExitCode;

use terminal::{self, failure, program::Program, signal};

/// How this program tells of its failures.
const SPEAKER: Program = Program { label: "ushield:", indented: true };

fn main() -> ExitCode {
    signal::outlive_file_limit();
    match commands::Program::read() {
        Ok((command, json)) => SPEAKER.end(command.run(), json),
        Err(error) => commands::refuse(&error),
    }
}
