//! The token as a client of it sees it: which one, and what its refusals mean.

use card::{Card, road};
use clap::Args;

use crate::failure::Failure;

/// Which token, by which road.
#[derive(Clone, Debug, Args)]
pub(crate) struct Road {
    /// The USB/IP server of the token [default: the PC/SC service at PCSCLITE_CSOCK_NAME, else the server at
    /// USHIELD_USBIP, else a reader of the system's pcscd, 127.0.0.1:3240, or USB]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) usbip: Option<String>,
    /// The token, by bus id or serial number; may be left out where there is one
    #[arg(long, value_name = "ID")]
    pub(crate) token: Option<String>,
}

impl Road {
    /// Opens the token.
    pub(crate) fn open(&self) -> Result<Card, Failure> {
        let usbip = self.usbip.clone().filter(|address| !address.is_empty());
        let (bus_id, serial) = match &self.token {
            Some(id) if host_driver::BusId::parse(id).is_some() => (Some(id.clone()), None),
            other => (None, other.clone()),
        };
        let selection = match usbip {
            Some(usbip) => road::Selection::usbip(usbip),
            None => road::Selection::environment(),
        };
        road::Selection { bus_id, serial, ..selection }
            .or_configured()
            .and_then(|selection| road::open(&selection))
            .map_err(|error| explain("the token was not reached", &error))
    }
}

/// A failure of a card; its text says what to do next.
pub(crate) fn explain(what: &str, error: &card::Error) -> Failure {
    Failure::new(what).because(error)
}
