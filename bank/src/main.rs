//! `bank`: accounts, payments, a counter, and the two weaker ways to pay. `bank/README.md` says where what is.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
#[cfg(test)]
mod tests;
mod commands;
mod client;
mod shop;
mod demo;
mod serve;
mod gauge;
mod webhook;
mod counter;
mod est;
mod public;
mod site;
mod entry;
mod page;
mod desk;
mod pay;
mod merchant;
mod personal_id;
mod revocation;
mod generation;
mod identity;
mod rights;
mod bank;
mod neighbour;
mod seals_file;
mod books;
mod shields;
mod issuers;
mod password;
mod text;
mod settings;
mod secrets;
mod database;
mod package;
mod assistant;
mod random;
mod frame;
mod crowd;
mod proxy;
mod tls;
mod dial;
mod address;
mod origin;
mod metrics;
mod log;
mod money;
mod wording;
mod clock;
mod error;

use std::process::ExitCode;

use clap::Parser;
use terminal::{Exit, program::Program};

/// How this program tells of its failures.
const SPEAKER: Program = Program { label: "bank:", indented: true };

fn main() -> ExitCode {
    match commands::Line::try_parse() {
        Ok(line) => SPEAKER.end(line.run(), false),
        Err(error) => SPEAKER.refuse(&error, Exit::Unknown),
    }
}
