//! The program, one file for each subcommand; thin over the library.

mod init;
mod issue;
mod revoke;
mod crl;
mod factory_ca;
mod enrol;
mod request;
mod install;
mod show;
mod attest;
mod export;
mod completions;
mod man;
mod options;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;
use terminal::{Exit, Failure, program, say_json, say_lines};

/// The personal ID on a U-shield: a bank's CA, requests signed on the token, certificates installed on it
///
/// The private keys never leave the token. PIN and passphrase come from a prompt, a file or the environment, never
/// from the command line.
#[derive(Parser)]
#[command(name = "cert-tool", version, arg_required_else_help = true)]
#[command(after_help = "Examples:
  cert-tool ca init --dir CA
  cert-tool enrol --ca CA --name 张三 --user-id 6222020200112233
  cert-tool show

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.")]
pub struct Program {
    #[command(subcommand)]
    command: Command,
    /// Print the result as JSON; a failure too
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The bank's certification authority: init, issue, revoke, crl
    #[command(subcommand)]
    Ca(Authority),
    #[command(alias = "enroll")]
    Enrol(enrol::Enrol),
    Renew(enrol::Renew),
    Show(show::Show),
    Export(export::Export),
    Request(request::Request),
    Issue(issue::Issue),
    Install(install::Install),
    Revoke(revoke::Revoke),
    Crl(crl::Crl),
    Attest(attest::Attest),
    FactoryCa(factory_ca::FactoryCa),
    Completions(completions::Completions),
    Man(man::Man),
}

#[derive(Subcommand)]
enum Authority {
    Init(init::Init),
    Issue(issue::Issue),
    Revoke(revoke::Revoke),
    Crl(crl::Crl),
}

/// What a command has to say: for people, and for programs.
struct Report {
    text: String,
    json: Value,
}

/// How this program tells of its failures.
const SPEAKER: program::Program = program::Program { label: "error:", indented: false };

/// The program's main function: runs what `argv` says. A wrong usage ends the process with 2.
pub fn main() -> ExitCode {
    match Program::try_parse() {
        Ok(Program { command, json }) => SPEAKER.end(command.run().map(|report| report.print(json)), json),
        Err(error) => SPEAKER.refuse(&error, Exit::Unknown),
    }
}

impl Report {
    fn print(&self, json: bool) -> Exit {
        if json {
            say_json(&self.json.to_string());
        } else if !self.text.is_empty() {
            say_lines(self.text.strip_suffix('\n').unwrap_or(&self.text));
        }
        Exit::Done
    }
}

impl Command {
    fn run(self) -> Result<Report, Failure> {
        match self {
            Self::Ca(Authority::Init(command)) => command.run(),
            Self::Ca(Authority::Issue(command)) | Self::Issue(command) => command.run(),
            Self::Ca(Authority::Revoke(command)) | Self::Revoke(command) => command.run(),
            Self::Ca(Authority::Crl(command)) | Self::Crl(command) => command.run(),
            Self::Enrol(command) => command.run(),
            Self::Renew(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Request(command) => command.run(),
            Self::Install(command) => command.run(),
            Self::Attest(command) => command.run(),
            Self::FactoryCa(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_subcommand_has_an_example() {
        fn walk(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                if sub.has_subcommands() {
                    walk(sub);
                } else {
                    let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                    assert!(help.contains("cert-tool "), "{} has no example", sub.get_name());
                    assert!(sub.get_about().is_some(), "{} says nothing of itself", sub.get_name());
                }
            }
        }
        let program = Program::command();
        program.clone().debug_assert();
        walk(&program);
    }

    #[test]
    fn enroll_is_enrol() {
        let parsed = Program::try_parse_from(["cert-tool", "enroll", "--name", "a", "--user-id", "1"]);
        assert!(matches!(parsed.map(|program| program.command), Ok(Command::Enrol(_))));
        assert!(Program::try_parse_from(["cert-tool", "enrol", "--pin", "123456"]).is_err());
    }
}
