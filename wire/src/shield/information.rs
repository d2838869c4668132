//! What the token says of itself (GET INFORMATION).

use alloc::{string::String, vec::Vec};

use super::field;
use crate::{Malformed, algorithm::KeyAlgorithm, apdu::StatusWord, piv::Algorithm, shield::status, tlv};

/// What the token says of itself (GET INFORMATION).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Information {
    /// Tag 80: the version of the command set.
    pub version: u8,
    /// Tag 81: the brand's name, UTF-8.
    pub brand: String,
    /// Tag 82: the serial number, ASCII.
    pub serial: String,
    /// Tag 83: 1 for a token without a screen, 2 for one with a screen and buttons.
    pub generation: u8,
    /// Tag 84: PIN tries left, PUK tries left, and the most of each.
    pub tries: [u8; 4],
    /// Tag 85: the shortest and longest PIN, in bytes.
    pub pin_length: [u8; 2],
    /// Tag 86: the format version of the stored state.
    pub state_version: u8,
    /// Tag 87: the flags below.
    pub flags: u8,
    /// Tag 88: the label that INITIALISE gave the token, UTF-8; empty (and absent) before.
    pub label: String,
    /// Tag 89: the algorithm of the payment key, by its number in PIV; absent where it is P-256, as in every token of a time before
    /// there was another one.
    pub algorithm: KeyAlgorithm,
}

impl Information {
    /// Flag: the self-test passed; without it the token refuses to work.
    pub const HEALTHY: u8 = 0x01;
    /// Flag: the PIN is still the factory's.
    pub const FACTORY_PIN: u8 = 0x02;
    /// Flag: a payment key waits for its certificate.
    pub const PENDING: u8 = 0x04;
    /// Flag: the payment key and its certificate are installed.
    pub const ENROLLED: u8 = 0x08;
    /// Flag: an emulated token, for tests.
    pub const TEST_TOKEN: u8 = 0x10;
    /// Flag: a reset set the PUK that everybody knows, and it was not changed since.
    pub const KNOWN_PUK: u8 = 0x20;

    /// Whether a flag is set.
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The status word with which this token is going to refuse its payment key, as far as the token tells beforehand: a fault, a
    /// locked PIN, the factory PIN, or the PUK that everybody knows. A host asks before it asks anybody for a PIN.
    pub const fn refusal(&self) -> Option<StatusWord> {
        if !self.has(Self::HEALTHY) {
            return Some(StatusWord::FAULT);
        }
        if self.tries[0] == 0 {
            return Some(StatusWord::BLOCKED);
        }
        if self.has(Self::FACTORY_PIN) {
            return Some(status::FACTORY_PIN);
        }
        if self.has(Self::KNOWN_PUK) { Some(status::KNOWN_PUK) } else { None }
    }

    /// The answer's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        tlv::put(&mut out, 0x80, &[self.version]);
        tlv::put(&mut out, 0x81, self.brand.as_bytes());
        tlv::put(&mut out, 0x82, self.serial.as_bytes());
        tlv::put(&mut out, 0x83, &[self.generation]);
        tlv::put(&mut out, 0x84, &self.tries);
        tlv::put(&mut out, 0x85, &self.pin_length);
        tlv::put(&mut out, 0x86, &[self.state_version]);
        tlv::put(&mut out, 0x87, &[self.flags]);
        field::put(&mut out, 0x88, self.label.as_bytes());
        if self.algorithm != KeyAlgorithm::P256 {
            tlv::put(&mut out, 0x89, &[Algorithm::from(self.algorithm) as u8]);
        }
        out
    }

    /// Reads the answer; tags that it does not know are passed over, so that newer tokens stay readable.
    ///
    /// # Errors
    /// A tag is missing or has another length, or the algorithm is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let wrong = || Malformed::new("token information", "an object is missing or of another length");
        let byte = |tag| match tlv::find(bytes, tag) {
            Some(&[byte]) => Ok(byte),
            _ => Err(wrong()),
        };
        let text = |tag| {
            let field = tlv::find(bytes, tag).ok_or_else(wrong)?;
            core::str::from_utf8(field).map(String::from).map_err(|_| wrong())
        };
        Ok(Self {
            version: byte(0x80)?,
            brand: text(0x81)?,
            serial: text(0x82)?,
            generation: byte(0x83)?,
            tries: tlv::find(bytes, 0x84).and_then(|field| field.try_into().ok()).ok_or_else(wrong)?,
            pin_length: tlv::find(bytes, 0x85).and_then(|field| field.try_into().ok()).ok_or_else(wrong)?,
            state_version: byte(0x86)?,
            flags: byte(0x87)?,
            label: if tlv::find(bytes, 0x88).is_some() { text(0x88)? } else { String::new() },
            algorithm: match tlv::find(bytes, 0x89) {
                None => KeyAlgorithm::P256,
                Some(_) => {
                    Algorithm::parse(byte(0x89)?).and_then(Algorithm::of_key_pair).ok_or_else(wrong)?
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shield::VERSION;

    fn information() -> Information {
        Information {
            version: VERSION,
            brand: "上行".into(),
            serial: "00C0FFEE".into(),
            generation: 2,
            tries: [6, 6, 6, 6],
            pin_length: [6, 8],
            state_version: 1,
            flags: Information::HEALTHY | Information::PENDING,
            label: "我的".into(),
            algorithm: KeyAlgorithm::P256,
        }
    }

    #[test]
    fn a_token_tells_what_it_is_going_to_refuse() {
        assert_eq!(information().refusal(), None);
        let with = |flags, left| Information { flags, tries: [left, 6, 6, 6], ..information() }.refusal();
        let (healthy, all) = (Information::HEALTHY, Information::FACTORY_PIN | Information::KNOWN_PUK);
        assert_eq!(with(all, 0), Some(StatusWord::FAULT));
        assert_eq!(with(healthy | all, 0), Some(StatusWord::BLOCKED));
        assert_eq!(with(healthy | all, 1), Some(status::FACTORY_PIN));
        assert_eq!(with(healthy | Information::KNOWN_PUK, 1), Some(status::KNOWN_PUK));
    }

    #[test]
    fn information_travels() {
        let information = information();
        assert_eq!(Information::parse(&information.bytes()), Ok(information.clone()));
        let mut newer = information.bytes();
        tlv::put(&mut newer, 0x9F01, &[1]);
        assert_eq!(Information::parse(&newer), Ok(information));
        assert!(Information::parse(&[]).is_err());
    }

    /// What a token of P-256 says has not changed by a byte. An algorithm that nobody knows is no reason to guess one.
    #[test]
    fn the_algorithm_stands_there_where_it_is_not_p256() {
        let p256 = information();
        assert_eq!(tlv::find(&p256.bytes(), 0x89), None);
        let sm2 = Information { algorithm: KeyAlgorithm::Sm2, ..p256 };
        assert_eq!(tlv::find(&sm2.bytes(), 0x89), Some(&[0x54][..]));
        assert_eq!(Information::parse(&sm2.bytes()), Ok(sm2.clone()));
        for unknown in [0x55, Algorithm::Aes128 as u8] {
            let mut bytes = sm2.bytes();
            *bytes.last_mut().unwrap() = unknown;
            assert!(Information::parse(&bytes).is_err(), "{unknown:02X}");
        }
    }
}
