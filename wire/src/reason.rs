//! Why our programs refuse or fail, for programs: the stable names in their JSON. People read the texts beside the names.
//!
//! The names are a contract, so they stand once, below everything that gives them: files, the authority and the programs. A payment
//! document is refused for other reasons, which the crate `payment` lists. docs/reasons.md shows this list.

/// Why a program refused or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A PIN, a PUK or a passphrase was wrong.
    SecretWrong,
    /// No tries are left: the PUK, or the bank's counter, unblocks the PIN.
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
    /// A file is there already.
    Exists,
    /// A file or folder is missing.
    Missing,
    /// A file is damaged, of an unknown version, or not what its name says.
    Damaged,
    /// A file or folder is open to others than its owner, or is not the user's own.
    TooOpen,
    /// The disk is full, or reading or writing failed.
    Disk,
    /// Another process holds the lock.
    Locked,
    /// What was asked for breaks a rule.
    Invalid,
    /// The command line was not understood.
    Usage,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 25] = [
        Self::SecretWrong,
        Self::PinBlocked,
        Self::FactoryPin,
        Self::Cancelled,
        Self::TimedOut,
        Self::CannotShow,
        Self::TokenGone,
        Self::TokenBusy,
        Self::TokenFault,
        Self::TokenRefused,
        Self::OtherBrand,
        Self::OtherHolder,
        Self::NotEnrolled,
        Self::WrongKey,
        Self::NotAttested,
        Self::IssuerRefused,
        Self::NotTheSame,
        Self::Exists,
        Self::Missing,
        Self::Damaged,
        Self::TooOpen,
        Self::Disk,
        Self::Locked,
        Self::Invalid,
        Self::Usage,
    ];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SecretWrong => "pin-wrong",
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
            Self::Usage => "usage",
        }
    }
}
