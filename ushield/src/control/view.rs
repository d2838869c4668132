//! What travels over the control socket.

use serde::{Deserialize, Serialize};

/// Who serves: the answer of `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// The process.
    pub(crate) pid: u32,
    /// The program's version.
    pub(crate) version: String,
    /// The folder of the tokens; none for tokens in memory.
    pub(crate) state: Option<String>,
    /// Where USB/IP is served, `address:port`.
    pub(crate) listen: String,
    /// Where usbredir is served, for QEMU guests.
    #[serde(default)]
    pub(crate) usbredir: Vec<Redirection>,
    /// The control socket.
    pub(crate) control: String,
}

/// A socket that QEMU guests connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redirection {
    /// `address:port`.
    pub(crate) address: String,
    /// The token that a guest gets; none for the first that is free.
    pub(crate) bus_id: Option<String>,
}

/// The answer of `GET /tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// Its USB/IP bus id, by which hosts attach it: `1-1`.
    pub(crate) bus_id: String,
    /// Its serial number.
    pub(crate) serial: String,
    /// Its product name.
    pub(crate) product: String,
    /// idVendor:idProduct, hexadecimal.
    pub(crate) usb: String,
    /// 1 without a screen, 2 with one.
    pub(crate) generation: u8,
    /// Whether it is on the list of devices.
    pub(crate) plugged: bool,
    /// Whether a host holds it.
    pub(crate) attached: bool,
    /// What its screen shows.
    pub(crate) screen: Option<Screen>,
}

/// What a screen shows: one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Screen {
    /// The lines of this page.
    pub(crate) lines: Vec<String>,
    /// This page, from 1.
    pub(crate) page: usize,
    /// All pages. On a page that is not the last, OK turns the page.
    pub(crate) pages: usize,
}

impl Screen {
    /// The text that `--wait` and `--if-shows` look at.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The page as a box, each line of the box behind `indent`.
    pub(crate) fn draw(&self, indent: &str) -> String {
        terminal::draw(&self.lines, self.page, self.pages, indent)
    }

    /// Whether OK on this page signs.
    pub(crate) const fn last(&self) -> bool {
        self.page >= self.pages
    }
}

/// The answer of `GET /tokens/{id}/screen` and of a press: `null` when the screen is dark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) screen: Option<Screen>,
}

/// A button, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Button {
    /// OK: turns the page; on the last page, signs.
    Ok,
    /// Cancel: nothing is signed.
    Cancel,
}

/// The body of `POST /tokens/{id}/press`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Press {
    pub(crate) button: Button,
    /// A regular expression: press only if the screen's text matches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) if_shows: Option<String>,
}

/// What every refusal carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What happened.
    pub(crate) error: String,
    /// What to do next.
    pub(crate) next: String,
    /// What the screen shows, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Shown>,
}

/// What `--ready-file` holds once the tokens can be attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    #[serde(flatten)]
    pub(crate) health: Health,
    pub(crate) tokens: Vec<Token>,
}
