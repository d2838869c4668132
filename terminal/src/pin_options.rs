//! Where the PIN of a token comes from.

use std::path::PathBuf;

use clap::Args;
use wire::{apdu::StatusWord, shield::Information};

use crate::{
    failure::Failure,
    secret::{Secret, Source, Variable},
};

/// The file with the PIN.
#[derive(Clone, Debug, Default, Args)]
pub struct PinOptions {
    /// The file with the PIN; else USHIELD_PIN, else you are asked
    #[arg(long, value_name = "FILE")]
    pub pin_file: Option<PathBuf>,
}

impl PinOptions {
    /// Asks for the PIN of this token. A PIN that no such token has is refused here, so that it costs no try.
    ///
    /// # Errors
    /// The PIN is locked, cannot be read, or has another length than this token's PINs have.
    pub fn ask(&self, token: &Information) -> Result<Secret, Failure> {
        let [left, ..] = token.tries;
        let tries = match left {
            0 => return Err(card::Error::Refused(StatusWord::BLOCKED).into()),
            1 => "the last try".into(),
            left => format!("{left} tries left"),
        };
        let source = Source {
            name: "PIN",
            file: self.pin_file.as_deref(),
            variable: Variable::Pin,
            option: "--pin-file",
        };
        let pin = source.ask(&format!("PIN of {} {} ({tries}): ", token.brand, token.serial))?;
        pin.check_form(token.pin_length)?;
        Ok(pin)
    }
}
