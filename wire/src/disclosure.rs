//! What of an exchange anybody may read. Captures and traces show that and blank everything else, by this one rule.
//!
//! No command is open by its INS alone: its data must have the form that the standard gives it, because a host may put
//! anything anywhere. What is not known is not shown.

mod parameters;

use crate::{
    apdu::{CLASS_CHAIN, Command},
    payment::PaymentOrder,
    piv::{self, instruction as iso, object},
    pkix::CertificationRequestInfo,
    shield::{self, instruction as own},
    tlv,
};

/// The applications that stock hosts look for. A host may name one by the beginning of its AID (ISO 7816-4, 8.2.1.2), from
/// its provider's five bytes on.
const APPLICATIONS: [&[u8]; 18] = [
    &piv::AID,
    // GlobalPlatform's issuer security domain.
    &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00],
    // PKCS #15.
    b"\xA0\x00\x00\x00\x63PKCS-15",
    // CAC: its access control applet and its first certificates; GSC-IS' card capability container.
    &[0xA0, 0x00, 0x00, 0x00, 0x79, 0x10, 0x00],
    &[0xA0, 0x00, 0x00, 0x00, 0x79, 0x01, 0x00],
    &[0xA0, 0x00, 0x00, 0x00, 0x79, 0x01, 0x01],
    &[0xA0, 0x00, 0x00, 0x00, 0x79, 0x01, 0x02],
    &[0xA0, 0x00, 0x00, 0x01, 0x16, 0xDB, 0x00],
    // Microsoft's GIDS, and its plug and play.
    b"\xA0\x00\x00\x03\x97BTFY\x02\x01",
    b"\xA0\x00\x00\x03\x97BTFY\x02\x02",
    b"\xA0\x00\x00\x03\x97CID_\x01\x00",
    // Yubico's OTP, OATH, HSM and management.
    &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01],
    &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01, 0x01],
    &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x07, 0x01],
    &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17],
    // FIDO.
    &[0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01],
    // OpenPGP, without its version and number.
    &[0xD2, 0x76, 0x00, 0x01, 0x24, 0x01],
    &shield::AID,
];
/// Bytes of a registered application provider's identifier (ISO 7816-4, 8.2.1.2).
const PROVIDER: usize = 5;

/// What may be shown of a command and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disclosure {
    /// Bytes of the header: CLA and INS, or P1 and P2 as well.
    pub header: usize,
    /// Bytes of the data field, from its beginning.
    pub data: usize,
    /// Whether the data of the answer may be shown. Its status word always may.
    pub answer: bool,
}

impl Disclosure {
    /// CLA and INS of a command that nobody here knows.
    const UNKNOWN: Self = Self { header: 2, data: 0, answer: false };
    const HEADER: Self = Self { header: 4, data: 0, answer: false };

    /// What may be shown of a command that is whole and stands alone.
    pub fn of(command: &Command<'_>) -> Self {
        if !parameters::are_known(command) {
            return Self::UNKNOWN;
        }
        // Of a part of a chain nobody knows what it is.
        let whole = command.class & CLASS_CHAIN == 0;
        let found = match command.class & !CLASS_CHAIN {
            0 => standard(command),
            shield::CLASS => of_the_shield(command),
            // Under secure messaging, and on other classes, nothing is known.
            _ => Self::UNKNOWN,
        };
        if whole { found } else { Self { data: 0, answer: false, ..found } }
    }

    /// Whether the answer may be shown. `former` tells that of the command before: GET RESPONSE brings the rest of that
    /// command's answer.
    pub const fn shows_answer(&self, command: &Command<'_>, former: bool) -> bool {
        if command.instruction == iso::GET_RESPONSE { former && self.header == 4 } else { self.answer }
    }
}

/// A command whose data is open if it has its form; the answer too.
const fn formed(command: &Command<'_>, good: bool) -> Disclosure {
    if good { Disclosure { header: 4, data: command.data.len(), answer: true } } else { Disclosure::HEADER }
}

fn standard(command: &Command<'_>) -> Disclosure {
    let data = command.data;
    match command.instruction {
        iso::SELECT => {
            let by_name = command.p1 == 0x04 && is_application(data);
            Disclosure { answer: true, ..formed(command, by_name) }
        }
        iso::GET_DATA => match named(data) {
            Some(tag) => Disclosure { answer: is_public(tag), ..formed(command, true) },
            None => Disclosure::HEADER,
        },
        // Which object; what is in it may be private (SP 800-73-4 part 1, table 2).
        iso::PUT_DATA => Disclosure { data: object_name(data), ..Disclosure::HEADER },
        iso::GENERATE_ASYMMETRIC_KEY_PAIR => formed(command, is_key_template(data)),
        iso::VERIFY
        | iso::CHANGE_REFERENCE_DATA
        | iso::RESET_RETRY_COUNTER
        | iso::GENERAL_AUTHENTICATE
        | iso::GET_RESPONSE
        | own::GET_CHALLENGE
        | iso::SET_PIN_RETRIES
        | iso::RESET
        | iso::IMPORT_ASYMMETRIC_KEY
        | iso::SET_MANAGEMENT_KEY => Disclosure::HEADER,
        iso::GET_METADATA | iso::GET_SERIAL | iso::ATTEST | iso::GET_VERSION => {
            formed(command, data.is_empty())
        }
        _ => Disclosure::UNKNOWN,
    }
}

fn of_the_shield(command: &Command<'_>) -> Disclosure {
    let data = command.data;
    match command.instruction {
        own::SIGN_PAYMENT => formed(command, PaymentOrder::parse(data).is_ok()),
        own::SIGN_REQUEST => formed(command, CertificationRequestInfo::parse(data).is_ok()),
        own::GENERATE => formed(command, matches!(*data, [0x80, 1, algorithm] if is_asymmetric(algorithm))),
        own::GET_INFORMATION | own::ATTEST => formed(command, data.is_empty()),
        own::GET_OBJECT => formed(command, data.is_empty() && command.p1 <= shield::get::PENDING_PUBLIC_KEY),
        own::VERIFY
        | own::CHANGE_REFERENCE_DATA
        | own::RESET_RETRY_COUNTER
        | own::INSTALL_CERTIFICATES
        | own::CREATE_KEY
        | own::IMPORT_KEY
        | own::USE_KEY
        | own::PUT_CERTIFICATE
        | own::SET_NAME
        | own::DELETE
        | own::LIST
        | own::CREATE_DATA
        | own::READ_DATA
        | own::UPDATE_DATA
        | own::INITIALISE => Disclosure::HEADER,
        _ => Disclosure::UNKNOWN,
    }
}

/// Whether this names an application that hosts look for, by its AID or the beginning of it.
fn is_application(name: &[u8]) -> bool {
    let known = || APPLICATIONS.iter().any(|full| full.starts_with(name));
    name.is_empty() || (name.len() >= PROVIDER && known())
}

/// The object that GET DATA asks for: a tag list with one tag (SP 800-73-4 part 2, 3.1.2).
fn named(data: &[u8]) -> Option<u32> {
    match *data {
        [0x5C, 1, tag] => known(u32::from(tag)),
        [0x5C, 2, a, b] => known(u32::from_be_bytes([0, 0, a, b])),
        [0x5C, 3, a, b, c] => known(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    }
}

/// A tag in the ranges that PIV and Yubico name.
fn known(tag: u32) -> Option<u32> {
    let known = matches!(tag, object::DISCOVERY | object::BIOMETRIC_GROUP_TEMPLATE | 0x5F_C100..=0x5F_C1FF | 0x5F_FF00..=0x5F_FF1F);
    known.then_some(tag)
}

/// Bytes of the tag list that begins PUT DATA; none where it begins otherwise.
fn object_name(data: &[u8]) -> usize {
    let head = |length| data.get(..length).is_some_and(|head| named(head).is_some());
    [5, 4, 3].into_iter().find(|length| head(*length)).unwrap_or(0)
}

/// Whether GENERATE ASYMMETRIC KEY PAIR has its template: algorithm, and Yubico's PIN and touch policy, each at most once
/// and with a value that has a meaning (SP 800-73-4 part 2, 3.3.2).
fn is_key_template(data: &[u8]) -> bool {
    let Ok(template) = tlv::only(data, 0xAC) else { return false };
    let mut seen = [false; 3];
    tlv::Reader::new(template).all(|found| {
        let Ok(object) = found else { return false };
        let place = match (object.tag, object.value) {
            (0x80, [algorithm]) if is_asymmetric(*algorithm) => seen.first_mut(),
            (0xAA, [0..=5]) => seen.get_mut(1),
            (0xAB, [0..=3]) => seen.get_mut(2),
            _ => None,
        };
        place.is_some_and(|seen| !core::mem::replace(seen, true))
    })
}

/// Whether key pairs are made by this algorithm (SP 800-78-5, table 7; the last two are Yubico's Ed25519 and X25519).
const fn is_asymmetric(algorithm: u8) -> bool {
    matches!(algorithm, 0x05..=0x07 | 0x11 | 0x14 | 0x16 | 0xE0 | 0xE1)
}

/// Whether anybody may read this object (SP 800-73-4 part 1, table 2): a certificate, the CHUID, the CCC, the discovery
/// object, the security object, the key history. Printed information, where stock tools keep a management key, is not one.
const fn is_public(tag: u32) -> bool {
    matches!(
        tag,
        object::DISCOVERY
            | object::BIOMETRIC_GROUP_TEMPLATE
            | object::CHUID
            | object::CCC
            | object::AUTHENTICATION_CERTIFICATE
            | object::CARD_AUTHENTICATION_CERTIFICATE
            | object::SIGNATURE_CERTIFICATE
            | object::KEY_MANAGEMENT_CERTIFICATE
            | object::KEY_HISTORY
            | object::SECURITY_OBJECT
            // The twenty retired keys' certificates, and Yubico's of the attestation key.
            | 0x5F_C10D..=0x5F_C120 | 0x5F_FF01
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn of(apdu: &[u8]) -> (usize, usize, bool) {
        let found = Disclosure::of(&Command::parse(apdu).unwrap());
        (found.header, found.data, found.answer)
    }

    #[test]
    fn known_commands_in_their_form_are_open() {
        for (apdu, data, answer) in [
            (&hex!("00A4040005 A000000308")[..], 5, true),
            (&hex!("00A4040009 F0555348 49454C44 01"), 9, true),
            (&hex!("00CB3FFF05 5C035FC105 00"), 5, true),
            (&hex!("00CB3FFF03 5C017E 00"), 3, true),
            (&hex!("00CB3FFF05 5C035FC109 00"), 5, false), // PRINTED INFORMATION
            (&hex!("0047009A05 AC03800111 00"), 5, true),
            (&hex!("0047009A0B AC09800111AA0102AB0101 00"), 11, true),
            (&hex!("00FD000000"), 0, true),
            (&hex!("80F2000000"), 0, true),
            (&hex!("80CA015000"), 0, true),
            (&hex!("8046009A03 800111 00"), 3, true),
            (&hex!("00DB3FFF07 5C035FC1055300"), 5, false),
        ] {
            assert_eq!(of(apdu), (4, data, answer), "{apdu:02X?}");
        }
    }

    #[test]
    fn the_same_commands_with_anything_else_in_them_are_not() {
        for apdu in [
            &hex!("00A4040006 313335323436")[..],
            &hex!("00A4000006 A00000030800"),
            &hex!("00A4040004 F0555348"),
            // A provider's bytes, a known name, and something behind them.
            &hex!("00A404000B A000000308 313335323436"),
            &hex!("00A404000F A000000308000010000100 31333532"),
            &hex!("00A404000A A000000527 2001013133"),
            &hex!("00A404000A D27600012401 31333532"),
            &hex!("00A404000A F05553484945 4C313335"),
            &hex!("00A4040011 A000000308000010000100000000000000"),
            &hex!("00CB3FFF06 313335323436"),
            &hex!("00CB3FFF06 5C033133353234"),
            &hex!("00CB3FFF05 5C03313335"),
            &hex!("0047009A06 313335323436"),
            &hex!("0047009A08 AC06810431333532"),
            // A digit in each value; twice the same tag.
            &hex!("0047009A08 AC06800131800133"),
            &hex!("0047009A05 AC03800131"),
            &hex!("0047009A08 AC06800111800111"),
            &hex!("0047009A08 AC06AA0131AB0133"),
            &hex!("0047009A0E AC0C800111AA0102AA0103AB0101"),
            &hex!("8046009A03 800131"),
            &hex!("00FD000006 313335323436"),
            &hex!("80F2000006 313335323436"),
            &hex!("802A000006 313335323436"),
            &hex!("802B009A06 313335323436"),
            &hex!("80CA035000"),
            &hex!("8046009A06 800431333532"),
            &hex!("00DB3FFF06 313335323436"),
            &hex!("0020008006 313335323436"),
            &hex!("00C0000006 313335323436"),
        ] {
            let (header, data, answer) = of(apdu);
            assert_eq!((header, data), (4, 0), "{apdu:02X?}");
            assert!(!answer || apdu[1] == 0xA4, "{apdu:02X?}");
        }
        // A part of a chain, and commands that nobody here knows.
        assert_eq!(of(&hex!("10CB3FFF05 5C035FC105 00")), (4, 0, false));
        for apdu in [
            &hex!("00A4313305 A000000308")[..],
            &hex!("00CB313305 5C035FC105"),
            &hex!("00DB3F3307 5C035FC1055300"),
            &hex!("0047003305 AC03800111"),
            &hex!("00203133"),
            &hex!("0020003106 313335323436"),
            &hex!("00243133"),
            &hex!("002C3133"),
            &hex!("00873133"),
            &hex!("00C03133"),
            &hex!("00843133"),
            &hex!("00F73133"),
            &hex!("00F83133"),
            &hex!("00F93133"),
            &hex!("00FA3133"),
            &hex!("00FB3133"),
            &hex!("00FD3133"),
            &hex!("00FE3133"),
            &hex!("00FF3133"),
            &hex!("80F23133"),
            &hex!("80CA0133"),
            &hex!("80E40433"),
            &hex!("80B00033"),
            &hex!("80F43133"),
        ] {
            assert_eq!(of(apdu), (2, 0, false), "{apdu:02X?}");
        }
        for apdu in [&hex!("00F2313302 3133")[..], &hex!("80993133"), &hex!("0CA40400"), &hex!("31333532")] {
            assert_eq!(of(apdu), (2, 0, false), "{apdu:02X?}");
        }
    }
}
