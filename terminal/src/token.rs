//! Which token a program works on, and what a token's refusal means to people.

use card::{Card, road};
use clap::Args;

use crate::failure::Failure;

/// Which token, and by which road.
#[derive(Clone, Debug, Default, Args)]
pub struct TokenOptions {
    /// The USB/IP server of the token, HOST:PORT or HOST:PORT/BUSID [default: the PC/SC service at
    /// PCSCLITE_CSOCK_NAME, else the server at USHIELD_USBIP, else a reader of the system's pcscd, 127.0.0.1:3240,
    /// or USB]
    #[arg(long, value_name = "HOST:PORT")]
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

/// What a command was to do, and why the card did not do it: the card's own text says what to do next.
pub fn explain(what: impl Into<String>, error: &card::Error) -> Failure {
    Failure::new(what).coded(code(error)).because(error)
}

/// The stable name of a card's refusal, for programs.
pub fn code(error: &card::Error) -> &'static str {
    use wire::{apdu::StatusWord, shield::status};
    let Some(word) = error.status() else {
        return match error {
            card::Error::Busy => "token-busy",
            card::Error::Nonsense(_) => "token-refused",
            _ => "token-gone",
        };
    };
    match word {
        _ if word.tries().is_some_and(|left| left > 0) => "pin-wrong",
        _ if word.tries() == Some(0) => "pin-blocked",
        StatusWord::BLOCKED => "pin-blocked",
        status::CANCELLED => "cancelled",
        status::TIMED_OUT => "timed-out",
        status::FACTORY_PIN | status::KNOWN_PUK => "factory-pin",
        status::CANNOT_SHOW | status::NO_ROOM => "cannot-show",
        status::NOT_PENDING => "wrong-key",
        StatusWord::NO_MEMORY | StatusWord::MEMORY_FAILURE | StatusWord::FAULT => "token-fault",
        _ => "token-refused",
    }
}
