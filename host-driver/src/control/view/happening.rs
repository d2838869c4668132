//! The lines of `GET /events`.

use firmware::seams::Declined;
use serde::{Deserialize, Serialize};

use super::{Screen, Token, Tries};
use crate::journal::{self, Entry, Event, Exchange};

/// One line: something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The token's USB/IP bus id; none in a line that is not about one token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The first line: all tokens as they are.
    Tokens {
        /// The tokens.
        tokens: Vec<Token>,
    },
    /// The token was plugged in.
    Plugged,
    /// The token was pulled out. A host that held it holds it no more.
    Unplugged,
    /// A host holds the token.
    Attached {
        /// The host: its address, or its process.
        host: String,
    },
    /// The host has given the token back.
    Released,
    /// The screen shows a page; none when the screen is dark.
    Screen {
        /// The page.
        screen: Option<Screen>,
    },
    /// The holder has confirmed what the last page showed.
    Confirmed,
    /// The holder has pressed Cancel.
    Cancelled,
    /// Nobody pressed in time.
    TimedOut,
    /// The host gave its question up, or has gone.
    Withdrawn,
    /// The token has other tries left.
    Tries {
        /// The tries.
        tries: Tries,
    },
    /// A command and its answer, without secrets.
    Apdu(Exchange),
    /// The last line.
    End {
        /// Why there is no more.
        reason: EndReason,
        /// How many lines are missing before this one.
        missed: u64,
    },
}

/// Why there are no more lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The listener read so slowly that lines are missing. It may ask again.
    Slow,
    /// The server ends.
    Stopped,
}

impl Happening {
    /// Something that is not about one token, and happens now.
    pub fn now(what: What) -> Self {
        Self { at: journal::now(), token: None, what }
    }

    /// Appends the line.
    pub(crate) fn write(&self, text: &mut Vec<u8>) {
        // Writing into memory does not fail, and every value here has a form in JSON.
        let _ = serde_json::to_writer(&mut *text, self);
        text.push(b'\n');
    }
}

impl From<Entry> for Happening {
    fn from(entry: Entry) -> Self {
        let what = match entry.event {
            Event::Plugged => What::Plugged,
            Event::Unplugged => What::Unplugged,
            Event::Attached { host } => What::Attached { host },
            Event::Released => What::Released,
            Event::Screen(screen) => What::Screen { screen: screen.as_ref().map(Screen::from) },
            Event::Answered(Ok(())) => What::Confirmed,
            Event::Answered(Err(Declined::Cancelled)) => What::Cancelled,
            Event::Answered(Err(Declined::TimedOut)) => What::TimedOut,
            Event::Answered(Err(Declined::Aborted)) => What::Withdrawn,
            Event::Tries(tries) => What::Tries { tries: tries.into() },
            Event::Exchange(exchange) => What::Apdu(exchange),
        };
        Self { at: entry.at, token: Some(entry.token.to_string()), what }
    }
}
