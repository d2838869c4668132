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
#[path = "../../host-driver/src/token.rs"]
mod token;
#[path = "../../host-driver/src/secret.rs"]
mod secret;
#[path = "../../host-driver/src/signal.rs"]
mod signal;
#[path = "../../host-driver/src/terminal.rs"]
mod terminal;
#[path = "../../host-driver/src/failure.rs"]
mod failure;

use std::process::ExitCode;

use failure::{Exit, Failure};

fn main() -> ExitCode {
    cert_tool::signal::outlive_file_limit();
    let (command, json) = match commands::Program::read() {
        Ok(read) => read,
        Err(error) => return commands::refuse(&error),
    };
    let exit = command.run().unwrap_or_else(|failure| {
        complain(&failure);
        if json {
            terminal::say_json(&format!("{:#}", failure.json()));
        }
        failure.exit()
    });
    written(exit).code().into()
}

/// Exit code 0 means that what was said was written.
fn written(exit: Exit) -> Exit {
    match terminal::unwritten() {
        Some(fault) if exit == Exit::Done => {
            let what = Failure::new("standard output was not written");
            complain(&what.because(fault).next("make room where it goes, and run the command again"));
            Exit::Refused
        }
        _ => exit,
    }
}

fn complain(failure: &Failure) {
    let paint = terminal::Paint::stderr();
    terminal::warn_lines(&format!("{} {failure}", paint.bad("ushield:")));
}
