//! `ushield completions`.

use clap::{Args, CommandFactory};

use crate::failure::{Exit, Outcome};

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
        clap_complete::generate(
            self.shell,
            &mut super::Program::command(),
            "ushield",
            &mut std::io::stdout(),
        );
        Ok(Exit::Done)
    }
}
