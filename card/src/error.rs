//! What can go wrong between a host and its token, each with what to do next.

mod account;

use std::{fmt, io};

use wire::{Malformed, apdu::StatusWord, ccid::slot_error};

pub use account::Account;

/// Why a command did not succeed. [`Error::account`] has the words for people; `Display` is all of them in one line.
#[derive(Debug)]
pub enum Error {
    /// The token said no.
    Refused(StatusWord),
    /// The token said no to a PUK.
    PukRefused(StatusWord),
    /// The reader said no: bError of CCID.
    Slot(SlotError),
    /// An endpoint answered STALL: the token does not take this request.
    Stalled,
    /// The line broke: the token was unplugged, or the server went away.
    Broken(io::Error),
    /// Nothing came in time. Holds what was waited for.
    TimedOut(&'static str),
    /// The peer broke the standard.
    Nonsense(Malformed),
    /// Another program holds the token.
    Busy,
    /// Another program that shares the card reset the card: what was selected and verified is lost.
    WasReset,
    /// Another program that shares the card used the card: what was selected and verified may be lost. Nothing was sent.
    Disturbed,
    /// There is no such token, or nobody serves any. Holds what to do.
    NotFound(String),
    /// More than one token fits. Holds how to name one.
    Ambiguous(String),
    /// The system does not let this user open the token. Holds what to do.
    Forbidden(String),
    /// The user's config file cannot be used. Holds why, and what to do.
    Settings(String),
    /// The caller's data cannot be sent, and nothing was sent.
    Invalid(&'static str),
}

impl Error {
    /// What happened, why, and what to do next.
    pub fn account(&self) -> Account {
        match self {
            Self::Refused(word) => Account::of(*word),
            Self::PukRefused(word) => Account::of_puk(*word),
            Self::Slot(error) => error.account(),
            Self::Stalled => {
                Account::new("the token refused a USB request (STALL)", "unplug it and plug it in again")
            }
            Self::Broken(error) => Account::new(
                format!("the connection to the token was lost ({error})"),
                "look whether the token is still plugged in (`ushield ls`), and run the same command again",
            ),
            Self::TimedOut(what) => Account::new(
                format!("no answer in time: {what}"),
                "try again, and if that fails unplug the token and plug it in again",
            ),
            Self::Nonsense(fault) => Account::new(
                format!("the token answered nonsense ({fault})"),
                "unplug the token, plug it in and try again; the device may be no U-shield token, or one of another version",
            ),
            Self::Busy => Account::new(
                "the token is busy: another program holds it",
                "close that program (or detach the token from the kernel: `ushield detach`) and try again",
            ),
            Self::WasReset => Account::new(
                "another program reset the token in between, and the token forgot the PIN: this command did nothing",
                "try again",
            ),
            Self::Disturbed => Account::new(
                "another program used the token in between, and the token may have forgotten the PIN: this command did \
                 nothing",
                "try again",
            ),
            Self::NotFound(text) | Self::Ambiguous(text) | Self::Forbidden(text) | Self::Settings(text) => {
                Account::whole(text.clone())
            }
            Self::Invalid(text) => Account::whole(*text),
        }
    }

    /// The status word, if the token gave one.
    pub const fn status(&self) -> Option<StatusWord> {
        match self {
            Self::Refused(status) | Self::PukRefused(status) => Some(*status),
            _ => None,
        }
    }

    /// The tries left of the PIN (or PUK) that was just refused. '63Cx' tells them, and 6983 says that none is left.
    pub fn tries(&self) -> Option<u8> {
        match self.status()? {
            StatusWord::BLOCKED => Some(0),
            status => status.tries(),
        }
    }

    /// A structure that the peer sent breaks its standard.
    pub(crate) const fn nonsense(structure: &'static str, fault: &'static str) -> Self {
        Self::Nonsense(Malformed::new(structure, fault))
    }

    /// The same refusal, of a command whose reference data was the PUK.
    pub(crate) fn of_puk(self) -> Self {
        match self {
            Self::Refused(status) if status.tries().is_some() || status == StatusWord::BLOCKED => {
                Self::PukRefused(status)
            }
            other => other,
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Nonsense(malformed)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::TimedOut("the connection"),
            _ => Self::Broken(error),
        }
    }
}

/// One line: what happened, the status word, what to do next.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { what, next, .. } = self.account();
        f.write_str(&what)?;
        if let Some(word) = self.status() {
            write!(f, " (SW {word})")?;
        }
        next.map_or(Ok(()), |next| write!(f, "; {next}"))
    }
}

impl std::error::Error for Error {}

/// Why a reader failed a command (CCID 1.1, table 6.2-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError {
    /// No card in the slot.
    Absent,
    /// The card does not answer.
    Mute,
    /// The slot still works on another command.
    Busy,
    /// The command was aborted.
    Aborted,
    /// Another bError.
    Other(u8),
}

impl SlotError {
    fn account(self) -> Account {
        match self {
            Self::Absent => Account::new("no card is in the reader", "put one in and try again"),
            Self::Mute => Account::new("the card does not answer", "take it out, put it in and try again"),
            Self::Busy => Account::new("the reader still works on another command", "try again in a moment"),
            Self::Aborted => Account::new("the command was aborted", "try again"),
            Self::Other(error) => Account::new(
                format!("the reader failed the command (CCID bError {error:02X})"),
                "unplug the reader, plug it in and try again",
            ),
        }
    }
}

impl From<u8> for SlotError {
    fn from(error: u8) -> Self {
        match error {
            slot_error::ICC_MUTE => Self::Mute,
            slot_error::CMD_SLOT_BUSY => Self::Busy,
            slot_error::CMD_ABORTED => Self::Aborted,
            other => Self::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let text = |word| Error::Refused(StatusWord(word)).to_string();
        assert!(text(0x63C5).starts_with("wrong PIN: 5 tries left (SW 63C5); "));
        assert!(text(0x63C1).contains("1 try left"));
        for (word, says) in [
            (0x63C5, "with the right PIN"),
            (0x63C0, "ushield pin unblock"),
            (0x6983, "ushield pin unblock"),
            (0x9D01, "Cancel was pressed"),
            (0x9D02, "in time"),
            (0x9D03, "ushield pin change"),
            (0x9D04, "honestly"),
            (0x9D08, "no room"),
            (0x6A88, "cert-tool enrol"),
            (0x6A99, "SW 6A99"),
        ] {
            assert!(text(word).contains(says), "{word:04X}: {}", text(word));
        }
    }

    /// Of all status words, and of a PIN and of a PUK: people are told what to do next, and no text ends like a sentence.
    #[test]
    fn each_status_word_says_what_to_do_next() {
        for word in (0..=u16::MAX).map(StatusWord) {
            for error in [Error::Refused(word), Error::PukRefused(word)] {
                let Account { what, why, next } = error.account();
                let next = next.unwrap_or_default();
                for text in [&*what, why.unwrap_or("x"), &*next] {
                    assert!(!text.is_empty() && !text.ends_with('.'), "{word}: {text:?}");
                }
            }
        }
    }

    #[test]
    fn tries_left() {
        assert_eq!(Error::Refused(StatusWord(0x63C2)).tries(), Some(2));
        assert_eq!(Error::Refused(StatusWord::BLOCKED).tries(), Some(0));
        assert_eq!(Error::Refused(StatusWord::FAULT).tries(), None);
        assert_eq!(Error::Busy.tries(), None);
        let puk = Error::Refused(StatusWord(0x63C2)).of_puk();
        assert_eq!((puk.tries(), &*puk.account().what), (Some(2), "wrong PUK: 2 tries left"));
        assert!(matches!(Error::Refused(StatusWord(0x9D06)).of_puk(), Error::Refused(_)));
    }

    #[test]
    fn a_timeout_is_not_a_lost_line() {
        assert!(matches!(Error::from(io::Error::from(io::ErrorKind::WouldBlock)), Error::TimedOut(_)));
        assert!(matches!(Error::from(io::Error::from(io::ErrorKind::ConnectionReset)), Error::Broken(_)));
    }
}
