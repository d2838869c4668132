//! `cert-tool completions`.

use clap::{Args, CommandFactory};
use serde_json::json;

use super::Report;
use terminal::Failure;

/// Print a shell's completions
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool completions bash > ~/.local/share/bash-completion/completions/cert-tool")]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Program::command(), "cert-tool", &mut script);
        let text = String::from_utf8_lossy(&script).into_owned();
        Ok(Report { json: json!({ "shell": self.shell.to_string(), "script": text }), text })
    }
}
