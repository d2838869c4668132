//! Which token a program works on.

use card::{Card, road};
use clap::Args;

use crate::{failure::Failure, refusal::explain};

/// Which token, and by which road.
#[derive(Clone, Debug, Default, Args)]
pub struct TokenOptions {
    /// The USB/IP server of the token: HOST:PORT or unix:PATH, either with /BUSID behind it [default: the PC/SC service at
    /// PCSCLITE_CSOCK_NAME, else the server at USHIELD_USBIP, else a reader of the system's pcscd, the Unix socket of your
    /// `up`, 127.0.0.1:3240, or USB]
    #[arg(long, value_name = "SERVER")]
    pub usbip: Option<String>,
    /// The token, by bus id or serial number; may be left out where there is one
    #[arg(long, value_name = "ID")]
    pub token: Option<String>,
}

impl TokenOptions {
    /// Opens the token.
    ///
    /// # Errors
    /// No token fits, several do, or another program holds it.
    pub fn open(&self) -> Result<Card, Failure> {
        let selection = match self.usbip.clone().filter(|address| !address.is_empty()) {
            Some(usbip) => road::Selection::usbip(usbip),
            None => road::Selection::environment(),
        };
        let selection = match self.token.clone() {
            Some(id) => selection.named(id),
            None => selection,
        };
        selection
            .or_configured()
            .and_then(|selection| road::open(&selection))
            .map_err(|error| explain("the token was not reached", &error))
    }
}
