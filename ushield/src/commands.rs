//! The subcommands, one file each.

// The order is the law: a command uses only siblings listed below it (tests/floors.rs).
mod demo;
mod up;
mod run;
mod down;
mod wait;
mod ls;
mod press;
mod screen;
mod link;
mod plug;
mod reader;
mod assistant;
mod attach;
mod detach;
mod ports;
mod brand;
mod driver;
mod doctor;
mod pin;
mod verify;
mod pay;
mod order;
mod completions;
mod man;
mod panel;
mod ends;
mod background;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use terminal::{Exit, Outcome};

/// Bank tokens (U-shields) of software: USB, PIN, screen and buttons, with keys that never leave.
///
/// Test tokens: they protect no money. Try `ushield demo` first.
#[derive(Parser)]
#[command(
    name = "ushield",
    version,
    max_term_width = 100,
    after_help = "\
Example:
  ushield demo                       the whole story in a second
  ushield run -- make check          a token for the life of one command
  ushield up -d && ushield ls        tokens for programs and machines to attach
  ushield down"
)]
pub(crate) struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Up(up::Up),
    Run(run::Run),
    Down(down::Down),
    Wait(wait::Wait),
    Ls(ls::Ls),
    Plug(plug::Plug),
    Unplug(plug::Unplug),
    Screen(screen::Screen),
    Panel(link::Link),
    Press(press::Press),
    Reader(reader::Reader),
    Assistant(assistant::Assistant),
    Attach(attach::Attach),
    Detach(detach::Detach),
    Ports(ports::Ports),
    Brand(brand::Brand),
    Driver(driver::Driver),
    Doctor(doctor::Doctor),
    Pin(pin::Pin),
    Order(order::Order),
    Pay(pay::Pay),
    Verify(verify::Verify),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Program {
    /// Reads the command line, and whether it asks for JSON.
    pub(crate) fn read() -> Result<(Self, bool), clap::Error> {
        let mut matches = Self::command().try_get_matches()?;
        let json = asks_for_json(&matches);
        Ok((Self::from_arg_matches_mut(&mut matches)?, json))
    }

    /// Does what a run of a command has started this process for, if a run has: see [`run::keep`].
    pub(crate) fn keep() -> Option<Outcome> {
        run::keep()
    }

    /// Runs the subcommand.
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Command::Demo(command) => command.run(),
            Command::Up(command) => command.run(),
            Command::Run(command) => command.run(),
            Command::Down(command) => command.run(),
            Command::Wait(command) => command.run(),
            Command::Ls(command) => command.run(),
            Command::Plug(command) => command.run(),
            Command::Unplug(command) => command.run(),
            Command::Screen(command) => command.run(),
            Command::Panel(command) => command.run(),
            Command::Press(command) => command.run(),
            Command::Reader(command) => command.run(),
            Command::Assistant(command) => command.run(),
            Command::Attach(command) => command.run(),
            Command::Detach(command) => command.run(),
            Command::Ports(command) => command.run(),
            Command::Brand(command) => command.run(),
            Command::Driver(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Pin(command) => command.run(),
            Command::Order(command) => command.run(),
            Command::Pay(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Completions(command) => command.run(),
            Command::Man(command) => command.run(),
        }
    }
}

/// Whether the subcommand was given `--json`.
fn asks_for_json(matches: &ArgMatches) -> bool {
    let here = matches.try_get_one::<bool>("json").ok().flatten().is_some_and(|json| *json);
    here || matches.subcommand().is_some_and(|(_, matches)| asks_for_json(matches))
}

/// A command line that cannot be understood, or that asks for help.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    // Whoever runs a command through `ushield run` must tell the failures of `ushield` from the command's.
    let runs = std::env::args_os().nth(1).is_some_and(|name| name == "run");
    crate::SPEAKER.refuse(error, if runs { Exit::As(run::OURS) } else { Exit::Unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_command_shows_an_example() {
        Program::command().debug_assert();
        for command in Program::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example"), "{}", command.get_name());
        }
    }
}
