//! The answers of an IFD handler (`ifdhandler.h`), and which of them each error of `card` becomes.

use std::ffi::{c_long, c_ulong};

use card::{Error, SlotError};

/// `DWORD` of pcsc-lite (`wintypes.h`): 32 bits on Apple's systems, `unsigned long` on all others.
#[cfg(not(target_vendor = "apple"))]
pub type Dword = c_ulong;
/// `DWORD` of pcsc-lite.
#[cfg(target_vendor = "apple")]
pub type Dword = u32;

/// `RESPONSECODE`.
#[cfg(not(target_vendor = "apple"))]
pub type Code = c_long;
/// `RESPONSECODE`.
#[cfg(target_vendor = "apple")]
pub type Code = i32;

/// IFD_SUCCESS.
pub const SUCCESS: Code = 0;
/// IFD_ERROR_TAG: the tag is not known.
pub const TAG: Code = 600;
/// IFD_ERROR_VALUE_READ_ONLY.
pub const READ_ONLY: Code = 602;
/// IFD_PROTOCOL_NOT_SUPPORTED.
pub const PROTOCOL_NOT_SUPPORTED: Code = 607;
/// IFD_ERROR_POWER_ACTION: the card does not take power.
pub const POWER_ACTION: Code = 608;
/// IFD_COMMUNICATION_ERROR.
pub const COMMUNICATION: Code = 612;
/// IFD_RESPONSE_TIMEOUT.
pub const RESPONSE_TIMEOUT: Code = 613;
/// IFD_NOT_SUPPORTED.
pub const NOT_SUPPORTED: Code = 614;
/// IFD_ICC_PRESENT.
pub const PRESENT: Code = 615;
/// IFD_ICC_NOT_PRESENT.
pub const NOT_PRESENT: Code = 616;
/// IFD_NO_SUCH_DEVICE.
pub const NO_SUCH_DEVICE: Code = 617;
/// IFD_ERROR_INSUFFICIENT_BUFFER.
pub const INSUFFICIENT_BUFFER: Code = 618;

/// The answer of an exchange that failed.
pub const fn of(error: &Error) -> Code {
    match error {
        // A token that is away looks like a card that was drawn: pcscd goes on asking, and finds the card when the
        // token is back.
        Error::Slot(SlotError::Absent) | Error::Broken(_) | Error::NotFound(_) | Error::Busy => NOT_PRESENT,
        Error::TimedOut(_) => RESPONSE_TIMEOUT,
        _ => COMMUNICATION,
    }
}

/// The answer when the card could not be powered. pcscd then shows the user a card that is there and unpowered.
pub const fn of_power(error: &Error) -> Code {
    match error {
        Error::Slot(_) => POWER_ACTION,
        other => of(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_token_that_is_away_is_no_card() {
        let lost = Error::Broken(io::ErrorKind::ConnectionReset.into());
        assert_eq!((of(&lost), of_power(&lost)), (NOT_PRESENT, NOT_PRESENT));
        assert_eq!(of(&Error::TimedOut("it")), RESPONSE_TIMEOUT);
        assert_eq!(of(&Error::Stalled), COMMUNICATION);
        assert_eq!(of_power(&Error::Slot(SlotError::Mute)), POWER_ACTION);
    }
}
