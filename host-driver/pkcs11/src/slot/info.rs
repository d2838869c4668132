//! Slot and token management (v2.40, 5.5), but for PINs.

use card::{holding::Holding, road::Road};
use cryptoki_sys as ck;
use wire::{display::tamed, shield::Information};

use super::{Slot, login::Wrong};
use crate::ckr::{Ckr, Result};

/// Who made this library.
pub const MANUFACTURER: &str = "U-shield";
/// The version of this library: major and minor of the package.
pub const VERSION: ck::CK_VERSION = ck::CK_VERSION {
    major: digit(env!("CARGO_PKG_VERSION_MAJOR")),
    minor: digit(env!("CARGO_PKG_VERSION_MINOR")),
};

const fn digit(text: &str) -> u8 {
    match text.as_bytes() {
        [one] => *one - b'0',
        [ten, one] => (*ten - b'0') * 10 + *one - b'0',
        _ => 0,
    }
}

/// A field of N bytes of UTF-8, filled with blanks, without a zero at its end (3.1): as many whole characters as fit.
/// Programs print the field as it is, and a token may say anything of itself, so that nothing that a terminal obeys
/// is left in the field.
pub fn field<const N: usize>(text: &str) -> [u8; N] {
    let text: String = text.chars().map(tamed).collect();
    let mut field = [b' '; N];
    let end = (0..=text.len().min(N)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    field
}

impl Slot {
    /// C_GetSlotInfo.
    pub fn slot_info(&self) -> ck::CK_SLOT_INFO {
        let what = match self.place.road() {
            Some(Road::UsbIp { address, bus_id }) => format!("U-shield reader {address}/{bus_id}"),
            Some(road) => format!("U-shield {road}"),
            None => "U-shield reader, empty".into(),
        };
        ck::CK_SLOT_INFO {
            slotDescription: field(&what),
            manufacturerID: field(MANUFACTURER),
            flags: ck::CKF_REMOVABLE_DEVICE
                | ck::CKF_HW_SLOT
                | if self.place.is_present() { ck::CKF_TOKEN_PRESENT } else { 0 },
            hardwareVersion: ck::CK_VERSION { major: 1, minor: 0 },
            firmwareVersion: VERSION,
        }
    }

    /// C_GetTokenInfo.
    pub fn token_info(&mut self) -> Result<ck::CK_TOKEN_INFO> {
        let information = self.place.for_a_moment(Holding::information)?;
        let count = |writes: Option<bool>| {
            let counted =
                self.sessions.values().filter(|session| writes.is_none_or(|writes| session.writes == writes));
            ck::CK_ULONG::try_from(counted.count()).unwrap_or(ck::CK_ULONG::MAX)
        };
        let [shortest, longest] = information.pin_length.map(ck::CK_ULONG::from);
        Ok(ck::CK_TOKEN_INFO {
            // The label belongs to the token, wherever the token is plugged in. A label by the slot would pass to
            // another token.
            label: match information.label.as_str() {
                "" => field(&information.serial),
                given => field(given),
            },
            manufacturerID: field(&information.brand),
            model: field(&format!("U-shield gen {}", information.generation)),
            serialNumber: field(&information.serial),
            flags: flags(&information, self.wrong),
            ulMaxSessionCount: ck::CK_EFFECTIVELY_INFINITE,
            ulSessionCount: count(None),
            ulMaxRwSessionCount: ck::CK_EFFECTIVELY_INFINITE,
            ulRwSessionCount: count(Some(true)),
            ulMaxPinLen: longest,
            ulMinPinLen: shortest,
            ulTotalPublicMemory: ck::CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: ck::CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: ck::CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: ck::CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: ck::CK_VERSION { major: information.generation, minor: 0 },
            firmwareVersion: ck::CK_VERSION { major: information.version, minor: 0 },
            utcTime: [b'0'; 16],
        })
    }

    /// That there is a token to ask about.
    pub fn check_token(&self) -> Result<()> {
        if self.place.is_present() { Ok(()) } else { Err(Ckr::TOKEN_NOT_PRESENT) }
    }
}

/// The flags of CK_TOKEN_INFO (3.2, table 6). The officer's PIN is the PUK. A count is low once a wrong PIN was
/// entered. The tries that are left tell of a PIN that the token saw, and `wrong` tells of a PIN that the token did
/// not see.
fn flags(information: &Information, wrong: Wrong) -> ck::CK_FLAGS {
    let [pin, puk, pin_most, puk_most] = information.tries;
    let mut flags =
        ck::CKF_RNG | ck::CKF_LOGIN_REQUIRED | ck::CKF_USER_PIN_INITIALIZED | ck::CKF_TOKEN_INITIALIZED;
    let tries = |left: u8, most: u8, wrong: bool, [low, last, locked]: [ck::CK_FLAGS; 3]| {
        let low = if wrong || left < most { low } else { 0 };
        match left {
            0 => low | locked,
            1 => low | last,
            _ => low,
        }
    };
    const USER: [ck::CK_FLAGS; 3] =
        [ck::CKF_USER_PIN_COUNT_LOW, ck::CKF_USER_PIN_FINAL_TRY, ck::CKF_USER_PIN_LOCKED];
    const OFFICER: [ck::CK_FLAGS; 3] =
        [ck::CKF_SO_PIN_COUNT_LOW, ck::CKF_SO_PIN_FINAL_TRY, ck::CKF_SO_PIN_LOCKED];
    flags |= tries(pin, pin_most, wrong.user, USER) | tries(puk, puk_most, wrong.officer, OFFICER);
    if information.has(Information::FACTORY_PIN) {
        flags |= ck::CKF_USER_PIN_TO_BE_CHANGED;
    }
    if !information.has(Information::HEALTHY) {
        flags |= ck::CKF_ERROR_STATE;
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::algorithm::KeyAlgorithm;

    #[test]
    fn fields_hold_whole_characters() {
        assert_eq!(&field::<4>("ab"), b"ab  ");
        assert_eq!(&field::<4>("abcdef"), b"abcd");
        assert_eq!(field::<4>("工行"), [0xE5, 0xB7, 0xA5, b' ']);
    }

    #[test]
    fn tries_as_flags() {
        let mut information = Information {
            version: 1,
            brand: String::new(),
            serial: String::new(),
            generation: 2,
            tries: [6, 5, 6, 5],
            pin_length: [6, 8],
            state_version: 1,
            flags: Information::HEALTHY,
            label: String::new(),
            algorithm: KeyAlgorithm::P256,
        };
        let usual = flags(&information, Wrong::NONE);
        let more = |information: &Information| flags(information, Wrong::NONE) & !usual;
        information.tries = [5, 1, 6, 5];
        assert_eq!(
            more(&information),
            ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_SO_PIN_COUNT_LOW | ck::CKF_SO_PIN_FINAL_TRY
        );
        information.tries = [0, 5, 6, 5];
        assert_eq!(more(&information), ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_USER_PIN_LOCKED);
        // What the token never saw was wrong all the same.
        information.tries = [6, 5, 6, 5];
        let wrong = |user, officer| flags(&information, Wrong { user, officer }) & !usual;
        assert_eq!(wrong(true, false), ck::CKF_USER_PIN_COUNT_LOW);
        assert_eq!(wrong(false, true), ck::CKF_SO_PIN_COUNT_LOW);
    }

    #[test]
    fn what_a_token_says_of_itself_moves_no_cursor() {
        assert_eq!(&field::<12>("a\u{1b}[2J\n\u{202e}b"), b"a?[2J??b    ");
    }
}
