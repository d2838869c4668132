//! What a failed run leaves behind for a person who looks for the fault: the APDUs, the screens and the USB traffic, without
//! secrets.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use serde_json::json;
use terminal::{Context, Failure, Outcome, warn};

use super::folder::Folder;

/// The APDU trace, as `USHIELD_DEBUG` has it.
const TRACE: &str = "apdu.trace";
/// The USB traffic, as Wireshark reads it.
pub(super) const CAPTURE: &str = "usb.pcapng";
const SCREENS: &str = "screens.txt";
const SUMMARY: &str = "run.json";

/// Where the artifacts are kept.
pub(super) struct Artifacts {
    into: PathBuf,
}

impl Artifacts {
    /// Begins to write everything down, in the run's folder.
    pub(super) fn begin(folder: &Folder, into: PathBuf) -> Result<Self, Failure> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&into)
            .what(format!("the folder {} could not be made", into.display()))?;
        let trace = folder.path(TRACE);
        card::trace::to(
            file::append(&trace).what(format!("the trace {} could not be made", trace.display()))?,
        );
        Ok(Self { into })
    }

    /// Copies what was written down, because the run has failed.
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
            keep(&self.into.join(file), &mut fs::File::open(folder.path(file)).what(what())?).what(what())?;
        }
        keep(&self.into.join(SCREENS), &mut screens.as_bytes()).what(what())?;
        let summary = serde_json::to_vec_pretty(&summary).what(what())?;
        keep(&self.into.join(SUMMARY), &mut &summary[..]).what(what())?;
        warn(&format!("ushield: the command failed; what happened is in {}", self.into.display()));
        Ok(())
    }
}

/// Writes a file for the owner only. The folder may be open to others, and the payee and the amount of an order are not for them.
fn keep(path: &Path, content: &mut dyn io::Read) -> io::Result<()> {
    let mut file = file::begin(path)?;
    io::copy(content, &mut file)?;
    file.flush()
}
