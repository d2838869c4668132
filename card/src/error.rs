//! What can go wrong between a host and its token, each with what to do next.

use std::{fmt, io};

use wire::{Malformed, apdu::StatusWord, ccid::slot_error, shield::status};

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token said no.
    #[error("{}", Explained(*.0))]
    Refused(StatusWord),
    /// The token said no to a PUK.
    #[error("{}", ExplainedPuk(*.0))]
    PukRefused(StatusWord),
    /// The reader said no: bError of CCID.
    #[error("{0}")]
    Slot(SlotError),
    /// An endpoint answered STALL: the token does not take this request.
    #[error("the token refused a USB request (STALL); unplug it and plug it in again")]
    Stalled,
    /// The line broke: the token was unplugged, or the server went away.
    #[error(
        "the connection to the token was lost ({0}); is the token still plugged in? Plug it in and try again"
    )]
    Broken(io::Error),
    /// Nothing came in time. Holds what was waited for.
    #[error("no answer in time: {0}; try again, and if that fails unplug the token and plug it in again")]
    TimedOut(&'static str),
    /// The peer broke the standard.
    #[error(
        "the token answered nonsense ({0}); the device may be no U-shield token, or one of another version"
    )]
    Nonsense(Malformed),
    /// Another program holds the token.
    #[error(
        "the token is busy: another program holds it. Close that program (or detach the token from the kernel: \
         `ushield detach`) and try again"
    )]
    Busy,
    /// Another program that shares the card reset the card: what was selected and verified is lost.
    #[error(
        "another program reset the token in between, and the token forgot the PIN: this command did nothing; try again"
    )]
    WasReset,
    /// There is no such token, or nobody serves any. Holds what to do.
    #[error("{0}")]
    NotFound(String),
    /// More than one token fits. Holds how to name one.
    #[error("{0}")]
    Ambiguous(String),
    /// The system does not let this user open the token. Holds what to do.
    #[error("{0}")]
    Forbidden(String),
    /// The user's config file cannot be used. Holds why, and what to do.
    #[error("{0}")]
    Settings(String),
    /// The caller's data cannot be sent, and nothing was sent.
    #[error("{0}")]
    Invalid(&'static str),
}

impl Error {
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

/// A status word in plain English.
struct Explained(StatusWord);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.tries() {
            Some(0) => {
                f.write_str("wrong PIN: no try is left, and the PIN is locked; take the token to the counter (`ushield pin unblock`)")
            }
            Some(1) => f.write_str("wrong PIN: 1 try left, then the PIN locks"),
            Some(left) => write!(f, "wrong PIN: {left} tries left"),
            None => f.write_str(explanation(self.0)),
        }?;
        write!(f, " (SW {})", self.0)
    }
}

/// A status word in plain English, where the reference data was the PUK, which nothing unlocks.
struct ExplainedPuk(StatusWord);

impl fmt::Display for ExplainedPuk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.tries() {
            None | Some(0) => {
                f.write_str("the PUK is locked: nothing unlocks it, the bank issues another token")
            }
            Some(1) => f.write_str("wrong PUK: 1 try left, then the PUK locks for good"),
            Some(left) => write!(f, "wrong PUK: {left} tries left"),
        }?;
        write!(f, " (SW {})", self.0)
    }
}

/// What happened and what to do next. Sources: ISO 7816-4, table 6; docs/shield-applet.md.
const fn explanation(status: StatusWord) -> &'static str {
    match status {
        status::CANCELLED => "Cancel was pressed on the token: nothing was signed",
        status::TIMED_OUT => "nobody pressed a button on the token in time: nothing was signed; try again",
        status::FACTORY_PIN => "change the factory PIN first: `ushield pin change`",
        status::KNOWN_PUK => {
            "a reset gave the token a PUK that everybody knows: change the PUK first (`ushield pin change --puk`)"
        }
        status::CANNOT_SHOW => {
            "the token cannot show this text honestly (control or zero-width characters, letters that pass for others, \
             or a name that reads like an amount), so it does not sign it; have the order issued in plain text"
        }
        status::NO_ROOM => {
            "the token's screen has no room for this text, such as an amount that is longer than a line of it, so it \
             does not sign it; have the order issued in parts, or use a token with a larger screen"
        }
        status::NOT_PENDING => {
            "no key waits for this certificate on the token, or it is for another key: run `cert-tool enrol` again"
        }
        status::WEAK_PIN => {
            "the new PIN is too easy or has a wrong length: choose another, without repeated or ascending digits"
        }
        StatusWord::BLOCKED => {
            "the PIN is locked: no try is left; take the token to the counter (`ushield pin unblock`)"
        }
        StatusWord::SECURITY_NOT_SATISFIED => {
            "the token wants its PIN (or management key) first: enter it and try again"
        }
        StatusWord::CONDITIONS_NOT_SATISFIED => {
            "the key does not do this: the payment key signs payment orders and its own certificate request only"
        }
        StatusWord::NOT_ALLOWED => "the command was aborted or does not fit now; try again",
        StatusWord::WRONG_DATA => "the token does not accept this data",
        StatusWord::NOT_FOUND => "there is no such object or application on the token",
        StatusWord::NO_SUCH_KEY => "there is no such key on the token yet: make one with `cert-tool enrol`",
        StatusWord::NO_MEMORY => "the token has no room left",
        StatusWord::MEMORY_FAILURE => {
            "the token could not write its state: free some disk space or plug it in again; what it held before is intact"
        }
        StatusWord::FAULT => "the token failed its self-test or found a damaged record, and works no more",
        StatusWord::NOT_SUPPORTED | StatusWord::WRONG_INSTRUCTION | StatusWord::WRONG_CLASS => {
            "the token does not know this command; the token may be of another version"
        }
        StatusWord::WRONG_LENGTH => "the token does not take a command of this length",
        StatusWord::WRONG_P1P2 => "the token does not know this reference",
        _ => "the token refused the command",
    }
}

/// Why a reader failed a command (CCID 1.1, table 6.2-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlotError {
    /// No card in the slot.
    #[error("no card is in the reader: put one in and try again")]
    Absent,
    /// The card does not answer.
    #[error("the card does not answer: take it out, put it in and try again")]
    Mute,
    /// The slot still works on another command.
    #[error("the reader still works on another command: try again in a moment")]
    Busy,
    /// The command was aborted.
    #[error("the command was aborted; try again")]
    Aborted,
    /// Another bError.
    #[error("the reader failed the command (CCID bError {0:02X})")]
    Other(u8),
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
        assert_eq!(text(0x63C5), "wrong PIN: 5 tries left (SW 63C5)");
        assert!(text(0x63C1).contains("1 try left"));
        for (word, says) in [
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

    #[test]
    fn tries_left() {
        assert_eq!(Error::Refused(StatusWord(0x63C2)).tries(), Some(2));
        assert_eq!(Error::Refused(StatusWord::BLOCKED).tries(), Some(0));
        assert_eq!(Error::Refused(StatusWord::FAULT).tries(), None);
        assert_eq!(Error::Busy.tries(), None);
        let puk = Error::Refused(StatusWord(0x63C2)).of_puk();
        assert_eq!((puk.tries(), puk.to_string()), (Some(2), "wrong PUK: 2 tries left (SW 63C2)".into()));
        assert!(matches!(Error::Refused(status::WEAK_PIN).of_puk(), Error::Refused(_)));
    }

    #[test]
    fn a_timeout_is_not_a_lost_line() {
        assert!(matches!(Error::from(io::Error::from(io::ErrorKind::WouldBlock)), Error::TimedOut(_)));
        assert!(matches!(Error::from(io::Error::from(io::ErrorKind::ConnectionReset)), Error::Broken(_)));
    }
}
