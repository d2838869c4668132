//! PIV: identifiers, instructions and the two templates that commands carry.
//! Source: NIST SP 800-73-4 parts 1 and 2, SP 800-78-4.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod command;
mod field;
mod slot;

use alloc::vec::Vec;

pub use self::{
    command::{Authenticating, Command, Described},
    field::{Padded, TagList, TwoPadded, has_own_tag, object_tag, put_data},
    slot::{Retired, Slot},
};
use crate::{
    Malformed,
    algorithm::{Curve, KeyAlgorithm},
    tlv,
};

/// The PIV application's full AID, version 1.0 (SP 800-73-4 part 1, 2.2).
pub const AID: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
/// The AID without its version: the shortest truncation that SP 800-73-4 part 1, 2.2 names.
pub const AID_TRUNCATED: usize = 9;
/// The RID alone (NIST's), which stock tools select too.
pub const RID: usize = 5;

/// INS of the PIV commands (SP 800-73-4 part 2, table 2), and of those that Yubico added.
pub mod instruction {
    #![allow(missing_docs)]
    pub const VERIFY: u8 = 0x20;
    pub const CHANGE_REFERENCE_DATA: u8 = 0x24;
    pub const RESET_RETRY_COUNTER: u8 = 0x2C;
    pub const GENERATE_ASYMMETRIC_KEY_PAIR: u8 = 0x47;
    pub const GENERAL_AUTHENTICATE: u8 = 0x87;
    pub const SELECT: u8 = 0xA4;
    pub const GET_RESPONSE: u8 = 0xC0;
    pub const GET_DATA: u8 = 0xCB;
    pub const PUT_DATA: u8 = 0xDB;
    // What Yubico added (docs/decisions/0011-yubico-commands.md).
    pub const GET_METADATA: u8 = 0xF7;
    pub const GET_SERIAL: u8 = 0xF8;
    pub const ATTEST: u8 = 0xF9;
    pub const SET_PIN_RETRIES: u8 = 0xFA;
    pub const RESET: u8 = 0xFB;
    pub const GET_VERSION: u8 = 0xFD;
    pub const IMPORT_ASYMMETRIC_KEY: u8 = 0xFE;
    pub const SET_MANAGEMENT_KEY: u8 = 0xFF;
}

/// P2: the card management key.
pub const MANAGEMENT_KEY: u8 = 0x9B;

/// Cryptographic algorithm identifiers (SP 800-78-4, table 6-2). NIST has none for SM2: 54 is the one that CanoKey's tokens have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Three-key Triple-DES, ECB.
    Tdes = 0x03,
    /// RSA with a 2048-bit modulus.
    Rsa2048 = 0x07,
    /// AES-128, ECB.
    Aes128 = 0x08,
    /// AES-192, ECB.
    Aes192 = 0x0A,
    /// AES-256, ECB.
    Aes256 = 0x0C,
    /// ECC on P-256.
    P256 = 0x11,
    /// ECC on P-384.
    P384 = 0x14,
    /// SM2.
    Sm2 = 0x54,
}

impl Algorithm {
    /// Reads an identifier; 00 is the older name of Triple-DES (SP 800-78-4, table 6-2).
    pub const fn parse(byte: u8) -> Option<Self> {
        Some(match byte {
            0x00 | 0x03 => Self::Tdes,
            0x07 => Self::Rsa2048,
            0x08 => Self::Aes128,
            0x0A => Self::Aes192,
            0x0C => Self::Aes256,
            0x11 => Self::P256,
            0x14 => Self::P384,
            0x54 => Self::Sm2,
            _ => return None,
        })
    }

    /// The algorithm of key pairs that it names; `None` for a cipher.
    pub const fn of_key_pair(self) -> Option<KeyAlgorithm> {
        match self {
            Self::P256 => Some(KeyAlgorithm::P256),
            Self::P384 => Some(KeyAlgorithm::P384),
            Self::Rsa2048 => Some(KeyAlgorithm::Rsa2048),
            Self::Sm2 => Some(KeyAlgorithm::Sm2),
            Self::Tdes | Self::Aes128 | Self::Aes192 | Self::Aes256 => None,
        }
    }
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::P256 => Self::P256,
            KeyAlgorithm::P384 => Self::P384,
            KeyAlgorithm::Rsa2048 => Self::Rsa2048,
            KeyAlgorithm::Sm2 => Self::Sm2,
        }
    }
}

/// When a key wants the PIN (SP 800-73-4 part 1, table 4b), by the numbers that stock tools know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinPolicy {
    /// Never.
    Never = 1,
    /// Once since the last reset.
    Once = 2,
    /// Just before each use.
    Always = 3,
}

impl PinPolicy {
    /// Reads the number.
    pub const fn parse(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Never,
            2 => Self::Once,
            3 => Self::Always,
            _ => return None,
        })
    }
}

/// BER-TLV tags of the data objects (SP 800-73-4 part 1, table 3).
pub mod object {
    #![allow(missing_docs)]
    pub const DISCOVERY: u32 = 0x7E;
    pub const BIOMETRIC_GROUP_TEMPLATE: u32 = 0x7F61;
    pub const AUTHENTICATION_CERTIFICATE: u32 = 0x5F_C105;
    pub const CARD_AUTHENTICATION_CERTIFICATE: u32 = 0x5F_C101;
    pub const CHUID: u32 = 0x5F_C102;
    pub const FINGERPRINTS: u32 = 0x5F_C103;
    pub const SECURITY_OBJECT: u32 = 0x5F_C106;
    pub const CCC: u32 = 0x5F_C107;
    pub const FACIAL_IMAGE: u32 = 0x5F_C108;
    pub const PRINTED_INFORMATION: u32 = 0x5F_C109;
    pub const SIGNATURE_CERTIFICATE: u32 = 0x5F_C10A;
    pub const KEY_MANAGEMENT_CERTIFICATE: u32 = 0x5F_C10B;
    pub const KEY_HISTORY: u32 = 0x5F_C10C;
    /// The certificate of retired key 1. Those of the other nineteen keys have the tags behind it.
    pub const FIRST_RETIRED_CERTIFICATE: u32 = 0x5F_C10D;
    pub const IRIS_IMAGES: u32 = 0x5F_C121;
}

/// Tags inside commands and answers (SP 800-73-4 part 2).
pub mod tag {
    #![allow(missing_docs)]
    pub const TAG_LIST: u32 = 0x5C;
    pub const DATA: u32 = 0x53;
    pub const APPLICATION_PROPERTY_TEMPLATE: u32 = 0x61;
    pub const CONTROL_REFERENCE_TEMPLATE: u32 = 0xAC;
    pub const ALGORITHM: u32 = 0x80;
    pub const PUBLIC_KEY: u32 = 0x7F49;
    pub const MODULUS: u32 = 0x81;
    pub const EXPONENT: u32 = 0x82;
    pub const POINT: u32 = 0x86;
    pub const DYNAMIC_AUTHENTICATION_TEMPLATE: u32 = 0x7C;
    pub const WITNESS: u32 = 0x80;
    pub const CHALLENGE: u32 = 0x81;
    pub const RESPONSE: u32 = 0x82;
    pub const EXPONENTIATION: u32 = 0x85;
    pub const CERTIFICATE: u32 = 0x70;
    pub const CERTIFICATE_INFO: u32 = 0x71;
    pub const ERROR_DETECTION_CODE: u32 = 0xFE;
}

/// A public key as GENERATE ASYMMETRIC KEY PAIR answers it (SP 800-73-4 part 2, 3.3.2), inside tag 7F49. The template does
/// not say of which algorithm it is, so whoever reads it says so: who made the key, LIST, GET METADATA or a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// An elliptic key.
    Point {
        /// The curve that the point lies on, if it is one: nobody has computed with it yet.
        curve: Curve,
        /// The uncompressed point (SEC 1, 2.3.3), as long as the curve has it.
        point: &'a [u8],
    },
    /// An RSA key: modulus and public exponent, big-endian.
    Rsa {
        /// The modulus n.
        modulus: &'a [u8],
        /// The public exponent e.
        exponent: &'a [u8],
    },
}

impl<'a> PublicKey<'a> {
    /// Reads a template with its tag 7F49 that holds a key of this algorithm.
    ///
    /// # Errors
    /// Another tag, or no key of this algorithm inside: a point or a modulus of another length, or none.
    pub fn parse(algorithm: KeyAlgorithm, template: &'a [u8]) -> Result<Self, Malformed> {
        let wrong = |fault| Malformed::new("public key template", fault);
        let inside = tlv::only(template, tag::PUBLIC_KEY)?;
        if let Some(curve) = algorithm.curve() {
            return match tlv::find(inside, tag::POINT) {
                Some(point) if point.len() == curve.point() => Ok(Self::Point { curve, point }),
                _ => Err(wrong("no point of the key's curve")),
            };
        }
        match (tlv::find(inside, tag::MODULUS), tlv::find(inside, tag::EXPONENT)) {
            (Some(modulus), Some(exponent)) if Some(modulus.len()) == algorithm.modulus() => {
                Ok(Self::Rsa { modulus, exponent })
            }
            _ => Err(wrong("no modulus of the key's length with its exponent")),
        }
    }

    /// The template, with its tag.
    pub fn bytes(&self) -> Vec<u8> {
        let mut inside = Vec::new();
        match self {
            Self::Point { point, .. } => tlv::put(&mut inside, tag::POINT, point),
            Self::Rsa { modulus, exponent } => {
                tlv::put(&mut inside, tag::MODULUS, modulus);
                tlv::put(&mut inside, tag::EXPONENT, exponent);
            }
        }
        tlv::object(tag::PUBLIC_KEY, &inside)
    }
}

/// The data of a certificate object as PUT DATA stores it (SP 800-73-4 part 1, table 10): the certificate,
/// not compressed, and an empty error detection code.
pub fn certificate_object(certificate: &[u8]) -> Vec<u8> {
    let mut out = tlv::object(tag::CERTIFICATE, certificate);
    tlv::put(&mut out, tag::CERTIFICATE_INFO, &[0]);
    tlv::put(&mut out, tag::ERROR_DETECTION_CODE, &[]);
    out
}

/// The content of the Key History Object (SP 800-73-4 part 1, 3.3.3 and table 20): the retired keys from 82 on whose
/// certificates are on the card, `on_card` of them, and none whose certificates are elsewhere.
pub fn key_history(on_card: u8) -> Vec<u8> {
    let mut out = tlv::object(0xC1, &[on_card]); // keysWithOnCardCerts
    tlv::put(&mut out, 0xC2, &[0]); // keysWithOffCardCerts
    tlv::put(&mut out, tag::ERROR_DETECTION_CODE, &[]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    /// The same 65 bytes are a point for who says P-256 or SM2, and for nobody else.
    #[test]
    fn public_keys() {
        let rsa = PublicKey::Rsa { modulus: &[0xC0; 256], exponent: &[1, 0, 1] };
        assert_eq!(PublicKey::parse(KeyAlgorithm::Rsa2048, &rsa.bytes()), Ok(rsa));
        let point = PublicKey::Point { curve: Curve::P256, point: &[4; 65] };
        assert_eq!(point.bytes()[..5], hex!("7F49 43 86 41"));
        assert_eq!(PublicKey::parse(KeyAlgorithm::P256, &point.bytes()), Ok(point));
        let other = PublicKey::Point { curve: Curve::Sm2, point: &[4; 65] };
        assert_eq!(PublicKey::parse(KeyAlgorithm::Sm2, &point.bytes()), Ok(other));
        assert_ne!(other, point);
        for (algorithm, template) in [
            (KeyAlgorithm::P384, &point.bytes()[..]),
            (KeyAlgorithm::Rsa2048, &point.bytes()),
            (KeyAlgorithm::P256, &rsa.bytes()),
            (KeyAlgorithm::P256, &hex!("7F49 03 860104")),
            (KeyAlgorithm::Rsa2048, &hex!("7F49 09 8103 C10203 8202 0101")),
            (KeyAlgorithm::P256, &hex!("7F4900")),
            (KeyAlgorithm::Rsa2048, &hex!("7F4900")),
        ] {
            assert!(PublicKey::parse(algorithm, template).is_err(), "{algorithm:?} {template:02X?}");
        }
    }

    #[test]
    fn the_identifiers_of_key_pairs() {
        for algorithm in KeyAlgorithm::ALL {
            let identifier = Algorithm::from(algorithm);
            assert_eq!(identifier.of_key_pair(), Some(algorithm));
            assert_eq!(Algorithm::parse(identifier as u8), Some(identifier));
        }
        assert_eq!(Algorithm::Aes128.of_key_pair(), None);
    }

    #[test]
    fn a_certificate_object_ends_with_its_error_detection_code() {
        assert_eq!(certificate_object(&[0x30, 0]), hex!("70 02 3000 71 01 00 FE 00"));
    }
}
