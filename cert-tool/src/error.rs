//! The one error of this crate: what happened, why, how things stand now, what to do next.

use std::fmt;

use terminal::Failure;
use wire::display::printed;

/// Why something was refused or failed, for programs; people read the [`Error`]'s text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A PIN, PUK or passphrase was wrong; tries left where the token counts them.
    PinWrong(Option<u8>),
    /// No tries are left: the bank's counter has to unblock the token.
    PinBlocked,
    /// The PIN is still the one from the factory.
    FactoryPin,
    /// Cancel was pressed on the token.
    Cancelled,
    /// Nobody pressed a button in time.
    TimedOut,
    /// The token cannot show the subject honestly, so it does not sign.
    CannotShow,
    /// No token was found, it was unplugged, or the line broke.
    TokenGone,
    /// Somebody else holds the token.
    TokenBusy,
    /// The token failed its self-test or reported a fault of its own.
    TokenFault,
    /// The token refused with a status word that has no name here.
    TokenRefused,
    /// The token is of another brand than the one asked for.
    OtherBrand,
    /// The token carries the ID of somebody else.
    OtherHolder,
    /// The token carries no ID, and one is needed.
    NotEnrolled,
    /// A certificate and the key that it should be for do not belong together.
    WrongKey,
    /// Nothing shows that a key was made on a token of a trusted factory.
    NotAttested,
    /// The authority refuses to issue.
    IssuerRefused,
    /// What was read back differs from what was installed.
    NotTheSame,
    /// A file is there already.
    Exists,
    /// A file or folder is missing.
    Missing,
    /// A file is damaged, of an unknown version, or not what its name says.
    Damaged,
    /// A file could be read by others than its owner.
    TooOpen,
    /// The disk is full, or reading or writing failed.
    Disk,
    /// Another process holds the lock.
    Locked,
    /// What was asked for breaks a rule.
    Invalid,
}

impl Reason {
    /// The stable name, for `--json`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PinWrong(_) => "pin-wrong",
            Self::PinBlocked => "pin-blocked",
            Self::FactoryPin => "factory-pin",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed-out",
            Self::CannotShow => "cannot-show",
            Self::TokenGone => "token-gone",
            Self::TokenBusy => "token-busy",
            Self::TokenFault => "token-fault",
            Self::TokenRefused => "token-refused",
            Self::OtherBrand => "other-brand",
            Self::OtherHolder => "other-holder",
            Self::NotEnrolled => "not-enrolled",
            Self::WrongKey => "wrong-key",
            Self::NotAttested => "not-attested",
            Self::IssuerRefused => "issuer-refused",
            Self::NotTheSame => "not-the-same",
            Self::Exists => "exists",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::TooOpen => "too-open",
            Self::Disk => "disk",
            Self::Locked => "locked",
            Self::Invalid => "invalid",
        }
    }
}

/// What happened, why, how things stand, what to do next.
#[derive(Debug, thiserror::Error)]
pub struct Error(Box<Account>);

#[derive(Debug)]
struct Account {
    reason: Reason,
    what: String,
    why: String,
    state: Option<String>,
    next: String,
}

impl Error {
    /// An error; each text is a sentence without its full stop.
    pub fn new(
        reason: Reason,
        what: impl Into<String>,
        why: impl fmt::Display,
        next: impl Into<String>,
    ) -> Self {
        Self(Box::new(Account {
            reason,
            what: what.into(),
            why: why.to_string(),
            state: None,
            next: next.into(),
        }))
    }

    /// The same error, saying how things stand now.
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        let state = state.into();
        self.0.state = Some(match self.0.state.take() {
            Some(before) => format!("{before}; {state}"),
            None => state,
        });
        self
    }

    /// For programs.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// What happened.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Why.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// How things stand now, where that is in question.
    pub fn state(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    /// What to do next.
    pub fn next(&self) -> &str {
        &self.0.next
    }
}

impl From<file::Error> for Error {
    fn from(error: file::Error) -> Self {
        let reason = match error.code() {
            "exists" => Reason::Exists,
            "damaged" => Reason::Damaged,
            "too-open" => Reason::TooOpen,
            "missing" => Reason::Missing,
            _ => Reason::Disk,
        };
        Self::new(reason, error.what(), error.why(), error.next())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let reason = if failure.code() == Some("pin-blocked") { Reason::PinBlocked } else { Reason::Invalid };
        Self::new(
            reason,
            failure.what(),
            failure.why().unwrap_or_default(),
            failure.hint().unwrap_or_default(),
        )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Account { reason, what, why, state, next } = *error.0;
        let failure = Self::new(what).coded(reason.code()).because(why).next(next);
        match state {
            Some(state) => failure.with_state(state),
            None => failure,
        }
    }
}

/// Four lines at most: a line end in one of the texts is a stranger's, and is escaped.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  why:  {}", printed(self.what()), printed(self.why()))?;
        if let Some(state) = self.state() {
            write!(f, "\n  now:  {}", printed(state))?;
        }
        write!(f, "\n  next: {}", printed(self.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_now_and_next() {
        let error = Error::new(Reason::Disk, "not written", "no room", "make room")
            .with_state("the former is there")
            .with_state("nothing was sent");
        assert_eq!(
            error.to_string(),
            "not written\n  why:  no room\n  now:  the former is there; nothing was sent\n  next: make room"
        );
        assert_eq!(error.reason().code(), "disk");
    }
}
