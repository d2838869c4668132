//! What a failed run leaves for whoever looks for the fault: the APDUs, the screens, the USB traffic. Without secrets.

use std::{ffi::OsString, fs, os::unix::fs::OpenOptionsExt, path::PathBuf};

use serde_json::json;

use super::folder::Folder;
use crate::{
    failure::{Context, Failure, Outcome},
    terminal::warn,
};

/// The APDU trace, as `USHIELD_DEBUG` has it.
const TRACE: &str = "apdu.trace";
/// The USB traffic, as Wireshark reads it.
pub(super) const CAPTURE: &str = "usb.pcapng";
const SCREENS: &str = "screens.txt";
const SUMMARY: &str = "run.json";

/// Where they go.
pub(super) struct Artifacts {
    into: PathBuf,
}

impl Artifacts {
    /// From here on everything is written down, in the run's folder.
    pub(super) fn begin(folder: &Folder, into: PathBuf) -> Result<Self, Failure> {
        fs::create_dir_all(&into).what(format!("the folder {} could not be made", into.display()))?;
        let trace = folder.path(TRACE);
        let file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&trace);
        card::trace::to(file.what(format!("the trace {} could not be made", trace.display()))?);
        Ok(Self { into })
    }

    /// Keeps what was written down: the run has failed.
    pub(super) fn keep(
        self,
        folder: &Folder,
        command: &[OsString],
        outcome: &Outcome,
        screens: &str,
    ) -> Result<(), Failure> {
        let code = match outcome {
            Ok(exit) => exit.code(),
            Err(failure) => failure.exit().code(),
        };
        let summary = json!({
            "command": command.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>(),
            "exit": code,
            "version": env!("CARGO_PKG_VERSION"),
        });
        let what = || format!("the artifacts could not be kept in {}", self.into.display());
        for file in [TRACE, CAPTURE] {
            fs::copy(folder.path(file), self.into.join(file)).what(what())?;
        }
        fs::write(self.into.join(SCREENS), screens).what(what())?;
        let summary = serde_json::to_vec_pretty(&summary).what(what())?;
        fs::write(self.into.join(SUMMARY), summary).what(what())?;
        warn(&format!("ushield: the command failed; what happened is in {}", self.into.display()));
        Ok(())
    }
}
