//! The bodies of requests and answers on the control socket.

mod happening;

use serde::{Deserialize, Serialize};

pub use happening::{EndReason, Happening, What};

/// Who serves: the answer of `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The number of the process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// The folder of the tokens; none for tokens in memory.
    pub state: Option<String>,
    /// Where USB/IP is served, `address:port`.
    pub listen: String,
    /// Where USB/IP is served to programs of the same user: `unix:PATH`, as `USHIELD_USBIP` takes it; none where there is no
    /// Unix socket.
    #[serde(default)]
    pub unix: Option<String>,
    /// Where usbredir is served, for QEMU guests.
    #[serde(default)]
    pub usbredir: Vec<Redirection>,
    /// The control socket.
    pub control: String,
    /// The page that draws the tokens, without the secret that opens it; none where there is no page.
    #[serde(default)]
    pub panel: Option<String>,
}

/// The answer of `POST /panel/link`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// A link to the page that draws the tokens, for one use.
    pub link: String,
}

/// A socket that QEMU guests connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirection {
    /// `address:port`.
    pub address: String,
    /// The token that a guest gets; none for the first that is free.
    pub bus_id: Option<String>,
}

/// The answer of `GET /tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// All tokens, plugged in or not.
    pub tokens: Vec<Token>,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its USB/IP bus id, by which hosts attach it: `1-1`.
    pub bus_id: String,
    /// Its serial number.
    pub serial: String,
    /// Its product name.
    pub product: String,
    /// idVendor:idProduct, hexadecimal.
    pub usb: String,
    /// 1 without a screen, 2 with one.
    pub generation: u8,
    /// Whether it is on the list of devices.
    pub plugged: bool,
    /// Whether a host holds it.
    pub attached: bool,
    /// What its screen shows.
    pub screen: Option<Screen>,
    /// The size of its screen; none where it has no screen.
    #[serde(default)]
    pub display: Option<Display>,
    /// The tries left; none where the token failed its self-test.
    #[serde(default)]
    pub tries: Option<Tries>,
}

/// The size of a screen, in cells. A wide character, such as a Chinese one, takes two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// Cells of a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// How often PIN and PUK may still be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// Tries left of the PIN; at 0 the PIN is locked.
    pub pin: u8,
    /// Tries left of the PUK.
    pub puk: u8,
    /// The most tries of the PIN.
    pub pin_most: u8,
    /// The most tries of the PUK.
    pub puk_most: u8,
}

impl From<[u8; 4]> for Tries {
    fn from([pin, puk, pin_most, puk_most]: [u8; 4]) -> Self {
        Self { pin, puk, pin_most, puk_most }
    }
}

/// What a screen shows: one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// The lines of this page.
    pub lines: Vec<String>,
    /// This page, from 1.
    pub page: usize,
    /// All pages. On a page that is not the last, OK turns the page.
    pub pages: usize,
    /// For each line the cells of each character: `2` for a wide one, `1` for another.
    #[serde(default)]
    pub cells: Vec<String>,
}

impl Screen {
    /// The text that `--wait` and `--if-shows` look at.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The page as a box, each line of the box behind `indent`.
    pub fn draw(&self, indent: &str) -> String {
        terminal::draw(&self.lines, self.page, self.pages, indent)
    }

    /// Whether both are the same page of the same text. Cells follow from the text.
    pub fn is(&self, other: &Self) -> bool {
        (&self.lines, self.page, self.pages) == (&other.lines, other.page, other.pages)
    }

    /// Whether OK on this page signs.
    pub const fn last(&self) -> bool {
        self.page >= self.pages
    }
}

/// The answer of `GET /tokens/{id}/screen` and of a press: `null` when the screen is dark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The page, if there is one.
    pub screen: Option<Screen>,
}

/// A button, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Button {
    /// OK: turns the page; on the last page, signs.
    Ok,
    /// Cancel: nothing is signed.
    Cancel,
}

/// The body of `POST /tokens/{id}/press`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Press {
    /// The button to press.
    pub button: Button,
    /// A regular expression: press only if the screen's text matches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_shows: Option<String>,
}

/// What every refusal carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// What happened.
    pub error: String,
    /// What to do next.
    pub next: String,
    /// What the screen shows, where that is the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
}

/// What `--ready-file` holds once the tokens can be attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Who serves.
    #[serde(flatten)]
    pub health: Health,
    /// The tokens.
    pub tokens: Vec<Token>,
}
