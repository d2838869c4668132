//! The stable names of reasons, for programs that read our JSON. People read the texts of a [`Failure`].

use std::fmt;

use crate::failure::Failure;

/// Why a program refused or failed. What a file or the authority refused has its own list (`file::Error`,
/// `authority::Reason`), with the same names where the reasons are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A PIN or PUK was wrong.
    PinWrong,
    /// No tries are left: the bank's counter has to unblock the token.
    PinBlocked,
    /// The PIN is still the one from the factory, or the PUK is one that everybody knows.
    FactoryPin,
    /// Cancel was pressed on the token.
    Cancelled,
    /// Nobody pressed a button in time.
    TimedOut,
    /// The token cannot show a text honestly, so it does not sign.
    CannotShow,
    /// No token was found, it was unplugged, or the line broke.
    TokenGone,
    /// Another program holds the token.
    TokenBusy,
    /// The token failed its self-test or reported a fault of its own.
    TokenFault,
    /// The token refused with a status word that has no name here, or its answer was not understood.
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
    /// The authority refuses to issue, or issued something else than was asked for.
    IssuerRefused,
    /// What was read back differs from what was installed.
    NotTheSame,
    /// A file or folder is missing.
    Missing,
    /// The disk is full, or reading or writing failed.
    Disk,
    /// What was asked for breaks a rule.
    Invalid,
    /// The command line was not understood.
    Usage,
}

impl Reason {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PinWrong => "pin-wrong",
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
            Self::Missing => "missing",
            Self::Disk => "disk",
            Self::Invalid => "invalid",
            Self::Usage => "usage",
        }
    }

    /// A failure for this reason; each text is a sentence without its full stop.
    pub fn failure(
        self,
        what: impl Into<String>,
        why: impl fmt::Display,
        next: impl Into<String>,
    ) -> Failure {
        Failure::new(what).coded(self.code()).because(why).next(next)
    }
}
