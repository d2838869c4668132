//! `ushield completions`.

use clap::{Args, CommandFactory};
use terminal::{Exit, Outcome, say_lines};

/// Print a shell's completions
#[derive(Args)]
#[command(
    after_help = "Example:\n  ushield completions bash > ~/.local/share/bash-completion/completions/ushield"
)]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Program::command(), "ushield", &mut script);
        say_lines(String::from_utf8_lossy(&script).trim_end());
        Ok(Exit::Done)
    }
}
