//! `cert-tool man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use serde_json::json;

use super::Report;
use terminal::{Failure, Reason};

/// Write the manual pages into a folder
#[derive(Args)]
#[command(after_help = "Example:\n  cert-tool man ~/.local/share/man/man1 && man cert-tool")]
pub(super) struct Man {
    /// The folder; made if it is not there
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let name = self.folder.display().to_string();
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(super::Program::command(), &self.folder))
            .map_err(|fault| {
                Failure::of(
                    Reason::Disk,
                    format!("the manual pages could not be written to {name}"),
                    fault,
                    "name a folder that you may write to",
                )
            })?;
        let text = format!("The manual pages are in {name}: man -l {name}/cert-tool.1");
        Ok(Report { text, json: json!({ "folder": self.folder.to_string_lossy() }) })
    }
}
