//! Where the PIN comes from.

use std::path::PathBuf;

use cert_tool::secret::{Secret, Source};
use clap::Args;
use wire::shield::Information;

use crate::failure::Failure;

/// The file with the PIN.
#[derive(Clone, Debug, Args)]
pub(crate) struct PinFile {
    /// The file with the PIN; else USHIELD_PIN, else you are asked
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
}

/// Asks for the PIN of this token.
pub(crate) fn pin(file: &PinFile, information: &Information) -> Result<Secret, Failure> {
    let [left, ..] = information.tries;
    if left == 0 {
        return Err(Failure::new("the PIN is locked: no try is left")
            .next("unblock it with the PUK: ushield pin unblock"));
    }
    let source =
        Source { name: "PIN", file: file.pin_file.as_deref(), variable: "USHIELD_PIN", option: "--pin-file" };
    let pin = source.ask(&format!("PIN of {} ({left} tries left): ", information.serial))?;
    pin.check_length(information.pin_length)?;
    Ok(pin)
}
