//! `ushield`: bank tokens of software, as real as a host can tell.

mod brand;
mod commands;
mod control;
mod doctor;
mod driver;
mod failure;
mod forge;
mod library;
mod log;
mod memory;
mod pcscd;
mod place;
mod runtime;
mod secret;
mod signal;
mod system;
mod terminal;
mod token;
mod vhci;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cert_tool::signal::outlive_file_limit();
    let command = match commands::Program::try_parse() {
        Ok(command) => command,
        Err(error) => return commands::refuse(&error),
    };
    match command.run() {
        Ok(exit) => exit.code().into(),
        Err(failure) => {
            let paint = terminal::Paint::stderr();
            terminal::warn_lines(&format!("{} {failure}", paint.bad("ushield:")));
            failure.exit().code().into()
        }
    }
}
