//! `ushield man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use terminal::{Context, Exit, Outcome, say};

/// Write the manual pages into a folder
#[derive(Args)]
#[command(after_help = "Example:\n  ushield man ~/.local/share/man/man1 && man ushield")]
pub(crate) struct Man {
    /// The folder; made if it is not there
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(self) -> Outcome {
        let name = self.folder.display();
        std::fs::create_dir_all(&self.folder).what(format!("the folder {name} could not be made"))?;
        clap_mangen::generate_to(super::Program::command(), &self.folder)
            .what(format!("the manual pages could not be written to {name}"))?;
        say(&format!("The manual pages are in {name}: man -l {name}/ushield.1"));
        Ok(Exit::Done)
    }
}
