//! The return values of the standard (5.1), and the one place that says which of them each error of `card` becomes.

use card::{Error, SlotError, holding};
use cryptoki_sys::{self as ck, CK_RV};
use wire::{apdu::StatusWord, shield::status};

/// A CK_RV that is not CKR_OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ckr(pub CK_RV);

/// What the functions below the skin return.
pub type Result<T> = core::result::Result<T, Ckr>;

macro_rules! names {
    ($($name:ident = $value:ident),* $(,)?) => { impl Ckr { $(pub const $name: Self = Self(ck::$value);)* } };
}

names! {
    ARGUMENTS_BAD = CKR_ARGUMENTS_BAD,
    ATTRIBUTE_READ_ONLY = CKR_ATTRIBUTE_READ_ONLY,
    ATTRIBUTE_SENSITIVE = CKR_ATTRIBUTE_SENSITIVE,
    ATTRIBUTE_TYPE_INVALID = CKR_ATTRIBUTE_TYPE_INVALID,
    ATTRIBUTE_VALUE_INVALID = CKR_ATTRIBUTE_VALUE_INVALID,
    ACTION_PROHIBITED = CKR_ACTION_PROHIBITED,
    BUFFER_TOO_SMALL = CKR_BUFFER_TOO_SMALL,
    CANT_LOCK = CKR_CANT_LOCK,
    CRYPTOKI_ALREADY_INITIALIZED = CKR_CRYPTOKI_ALREADY_INITIALIZED,
    CRYPTOKI_NOT_INITIALIZED = CKR_CRYPTOKI_NOT_INITIALIZED,
    CURVE_NOT_SUPPORTED = CKR_CURVE_NOT_SUPPORTED,
    DATA_INVALID = CKR_DATA_INVALID,
    DATA_LEN_RANGE = CKR_DATA_LEN_RANGE,
    DEVICE_ERROR = CKR_DEVICE_ERROR,
    DEVICE_MEMORY = CKR_DEVICE_MEMORY,
    DEVICE_REMOVED = CKR_DEVICE_REMOVED,
    ENCRYPTED_DATA_INVALID = CKR_ENCRYPTED_DATA_INVALID,
    ENCRYPTED_DATA_LEN_RANGE = CKR_ENCRYPTED_DATA_LEN_RANGE,
    FUNCTION_FAILED = CKR_FUNCTION_FAILED,
    FUNCTION_CANCELED = CKR_FUNCTION_CANCELED,
    FUNCTION_NOT_PARALLEL = CKR_FUNCTION_NOT_PARALLEL,
    FUNCTION_NOT_SUPPORTED = CKR_FUNCTION_NOT_SUPPORTED,
    FUNCTION_REJECTED = CKR_FUNCTION_REJECTED,
    GENERAL_ERROR = CKR_GENERAL_ERROR,
    HOST_MEMORY = CKR_HOST_MEMORY,
    KEY_FUNCTION_NOT_PERMITTED = CKR_KEY_FUNCTION_NOT_PERMITTED,
    KEY_HANDLE_INVALID = CKR_KEY_HANDLE_INVALID,
    KEY_INDIGESTIBLE = CKR_KEY_INDIGESTIBLE,
    KEY_NOT_WRAPPABLE = CKR_KEY_NOT_WRAPPABLE,
    KEY_SIZE_RANGE = CKR_KEY_SIZE_RANGE,
    KEY_TYPE_INCONSISTENT = CKR_KEY_TYPE_INCONSISTENT,
    KEY_UNEXTRACTABLE = CKR_KEY_UNEXTRACTABLE,
    MECHANISM_INVALID = CKR_MECHANISM_INVALID,
    MECHANISM_PARAM_INVALID = CKR_MECHANISM_PARAM_INVALID,
    NO_EVENT = CKR_NO_EVENT,
    OBJECT_HANDLE_INVALID = CKR_OBJECT_HANDLE_INVALID,
    OPERATION_ACTIVE = CKR_OPERATION_ACTIVE,
    OPERATION_NOT_INITIALIZED = CKR_OPERATION_NOT_INITIALIZED,
    PIN_EXPIRED = CKR_PIN_EXPIRED,
    PIN_INCORRECT = CKR_PIN_INCORRECT,
    PIN_INVALID = CKR_PIN_INVALID,
    PIN_LEN_RANGE = CKR_PIN_LEN_RANGE,
    PIN_LOCKED = CKR_PIN_LOCKED,
    SESSION_EXISTS = CKR_SESSION_EXISTS,
    SESSION_HANDLE_INVALID = CKR_SESSION_HANDLE_INVALID,
    SESSION_PARALLEL_NOT_SUPPORTED = CKR_SESSION_PARALLEL_NOT_SUPPORTED,
    SESSION_READ_ONLY = CKR_SESSION_READ_ONLY,
    SESSION_READ_ONLY_EXISTS = CKR_SESSION_READ_ONLY_EXISTS,
    SESSION_READ_WRITE_SO_EXISTS = CKR_SESSION_READ_WRITE_SO_EXISTS,
    SIGNATURE_INVALID = CKR_SIGNATURE_INVALID,
    SIGNATURE_LEN_RANGE = CKR_SIGNATURE_LEN_RANGE,
    SLOT_ID_INVALID = CKR_SLOT_ID_INVALID,
    STATE_UNSAVEABLE = CKR_STATE_UNSAVEABLE,
    TEMPLATE_INCOMPLETE = CKR_TEMPLATE_INCOMPLETE,
    TEMPLATE_INCONSISTENT = CKR_TEMPLATE_INCONSISTENT,
    TOKEN_NOT_PRESENT = CKR_TOKEN_NOT_PRESENT,
    UNWRAPPING_KEY_HANDLE_INVALID = CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    UNWRAPPING_KEY_TYPE_INCONSISTENT = CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    USER_ALREADY_LOGGED_IN = CKR_USER_ALREADY_LOGGED_IN,
    USER_ANOTHER_ALREADY_LOGGED_IN = CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    USER_NOT_LOGGED_IN = CKR_USER_NOT_LOGGED_IN,
    USER_TYPE_INVALID = CKR_USER_TYPE_INVALID,
    WRAPPED_KEY_INVALID = CKR_WRAPPED_KEY_INVALID,
    WRAPPED_KEY_LEN_RANGE = CKR_WRAPPED_KEY_LEN_RANGE,
    WRAPPING_KEY_HANDLE_INVALID = CKR_WRAPPING_KEY_HANDLE_INVALID,
    WRAPPING_KEY_TYPE_INCONSISTENT = CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
}

impl From<Error> for Ckr {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(status) | Error::PukRefused(status) => refused(status),
            // The line is gone, and the token with the line: every session that was open on the token is told so
            // (5.1.3).
            Error::Broken(_) | Error::Slot(SlotError::Absent) => Self::DEVICE_REMOVED,
            Error::NotFound(_) => Self::TOKEN_NOT_PRESENT,
            Error::Slot(SlotError::Aborted) => Self::FUNCTION_CANCELED,
            Error::Invalid(_) => Self::ARGUMENTS_BAD,
            // The user's config file cannot be read.
            Error::Settings(_) => Self::FUNCTION_FAILED,
            Error::Slot(_)
            | Error::Stalled
            | Error::TimedOut(_)
            | Error::Nonsense(_)
            | Error::Busy
            | Error::WasReset
            | Error::Disturbed
            | Error::Ambiguous(_)
            | Error::Forbidden(_) => Self::DEVICE_ERROR,
        }
    }
}

impl From<holding::Error> for Ckr {
    fn from(error: holding::Error) -> Self {
        match error {
            holding::Error::NoToken => Self::TOKEN_NOT_PRESENT,
            holding::Error::NoPlace => Self::SLOT_ID_INVALID,
            holding::Error::ImpossiblePin => Self::PIN_INCORRECT,
            holding::Error::PinLength => Self::PIN_LEN_RANGE,
            holding::Error::LoggedOut => Self::USER_NOT_LOGGED_IN,
            holding::Error::PaymentKey => Self::KEY_FUNCTION_NOT_PERMITTED,
            holding::Error::Poisoned => Self::GENERAL_ERROR,
            holding::Error::Card(error) => error.into(),
        }
    }
}

/// Each status word that the token gives (docs/shield-applet.md; SP 800-73-4 part 2).
fn refused(status: StatusWord) -> Ckr {
    match status {
        _ if status.tries().is_some() => Ckr::PIN_INCORRECT,
        StatusWord::BLOCKED => Ckr::PIN_LOCKED,
        StatusWord::SECURITY_NOT_SATISFIED => Ckr::USER_NOT_LOGGED_IN,
        StatusWord::CONDITIONS_NOT_SATISFIED => Ckr::KEY_FUNCTION_NOT_PERMITTED,
        StatusWord::WRONG_DATA => Ckr::DATA_INVALID,
        StatusWord::NO_MEMORY => Ckr::DEVICE_MEMORY,
        StatusWord::NO_SUCH_KEY => Ckr::KEY_HANDLE_INVALID,
        StatusWord::NOT_FOUND => Ckr::OBJECT_HANDLE_INVALID,
        StatusWord::NOT_ALLOWED => Ckr::FUNCTION_CANCELED,
        status::CANCELLED => Ckr::FUNCTION_REJECTED,
        status::TIMED_OUT => Ckr::FUNCTION_CANCELED,
        status::FACTORY_PIN => Ckr::PIN_EXPIRED,
        status::WEAK_PIN => Ckr::PIN_INVALID,
        _ => Ckr::DEVICE_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_word_has_its_number() {
        for (word, ckr) in [
            (0x63C2, Ckr::PIN_INCORRECT),
            (0x6983, Ckr::PIN_LOCKED),
            (0x6982, Ckr::USER_NOT_LOGGED_IN),
            (0x6985, Ckr::KEY_FUNCTION_NOT_PERMITTED),
            (0x6A80, Ckr::DATA_INVALID),
            (0x6A84, Ckr::DEVICE_MEMORY),
            (0x9D01, Ckr::FUNCTION_REJECTED),
            (0x9D03, Ckr::PIN_EXPIRED),
            (0x9D06, Ckr::PIN_INVALID),
            (0x6F00, Ckr::DEVICE_ERROR),
        ] {
            assert_eq!(Ckr::from(Error::Refused(StatusWord(word))), ckr, "{word:04X}");
        }
    }

    #[test]
    fn a_lost_line_is_a_token_that_was_pulled_out() {
        let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(Ckr::from(Error::Broken(lost)), Ckr::DEVICE_REMOVED);
        assert_eq!(Ckr::from(Error::TimedOut("an answer")), Ckr::DEVICE_ERROR);
    }
}
