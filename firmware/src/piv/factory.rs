//! The two data objects that a token has from the factory, so that stock hosts take it for a PIV card: the CHUID and
//! the CCC. Both are computed from the serial number, so they need no record until somebody replaces them.

use alloc::vec::Vec;

use hex_literal::hex;
use wire::{piv::object, tlv};

use crate::crypto::sha256;

/// The FASC-N of a card outside the federal government (SP 800-73-4 part 1, 3.1.2; TIG SCEPACS 6.1): agency,
/// system and credential all nines, credential series 0, issue 1, person 0, category 3, organisation 0,
/// association 1. 40 characters of BCD with parity.
const FASC_N: [u8; 25] = hex!("d4e739da739ced39ce739d836858210842108421c84210c3eb");
/// A test token's CHUID does not expire.
const EXPIRY: &[u8; 8] = b"20991231";
/// The GSC-RID, a manufacturer that is not registered, and a card type (GSC-IS 2.1, table 8-1: cardEdge 02).
const CARD_IDENTIFIER: [u8; 7] = hex!("a000000116 ff 02");

/// The content of an object as the factory made it; `None` for those that it left absent.
pub(super) fn object(tag: u32, serial: &str) -> Option<Vec<u8>> {
    match tag {
        object::CHUID => Some(chuid(serial)),
        object::CCC => Some(ccc(serial)),
        _ => None,
    }
}

/// The Card Holder Unique Identifier (part 1, table 9), without an issuer, so its signature is empty.
fn chuid(serial: &str) -> Vec<u8> {
    let mut out = tlv::object(0x30, &FASC_N);
    tlv::put(&mut out, 0x34, &guid(serial));
    tlv::put(&mut out, 0x35, EXPIRY);
    tlv::put(&mut out, 0x3E, &[]);
    tlv::put(&mut out, 0xFE, &[]);
    out
}

/// The Card Capability Container (part 1, table 8): the PIV data model, 10, and nothing beside it.
fn ccc(serial: &str) -> Vec<u8> {
    let mut identifier = CARD_IDENTIFIER.to_vec();
    identifier.extend_from_slice(derived(b"card", serial).first_chunk::<14>().unwrap_or(&[0; 14]));
    let mut out = tlv::object(0xF0, &identifier);
    let fields: [(u32, &[u8]); 12] = [
        (0xF1, &[0x21]), // container version 2.1
        (0xF2, &[0x21]), // grammar version 2.1
        (0xF3, &[]),     // applications
        (0xF4, &[0x00]), // no PKCS#15
        (0xF5, &[0x10]), // the PIV data model
        (0xF6, &[]),
        (0xF7, &[]),
        (0xFA, &[]),
        (0xFB, &[]),
        (0xFC, &[]),
        (0xFD, &[]),
        (0xFE, &[]),
    ];
    for (tag, value) in fields {
        tlv::put(&mut out, tag, value);
    }
    out
}

/// The card's UUID (part 1, 3.4.1), of version 4, because the serial number that it is computed from is random.
fn guid(serial: &str) -> [u8; 16] {
    let mut guid = *derived(b"guid", serial).first_chunk::<16>().unwrap_or(&[0; 16]);
    guid[6] = guid[6] & 0x0F | 0x40;
    guid[8] = guid[8] & 0x3F | 0x80;
    guid
}

fn derived(purpose: &[u8], serial: &str) -> [u8; 32] {
    sha256(&[b"ushield ", purpose, b" ", serial.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TIG SCEPACS 2.3, 6.1: five bits a character, least significant first, odd parity; the last is the LRC.
    #[test]
    fn the_fasc_n_is_well_formed() {
        let bits: Vec<u8> =
            FASC_N.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
        let characters: Vec<&[u8]> = bits.chunks(5).collect();
        assert_eq!(characters.len(), 40);
        for character in &characters {
            assert_eq!(character.iter().sum::<u8>() % 2, 1, "odd parity");
        }
        let value =
            |at: usize| characters[at].iter().take(4).enumerate().map(|(bit, on)| on << bit).sum::<u8>();
        let field = |range: core::ops::Range<usize>| range.map(value).collect::<Vec<_>>();
        let (start, separator, end) = (0b1011, 0b1101, 0b1111);
        assert_eq!([value(0), value(38)], [start, end]);
        for at in [5, 10, 17, 19, 21] {
            assert_eq!(value(at), separator, "at {at}");
        }
        assert_eq!(field(1..5), [9; 4]);
        assert_eq!(field(11..17), [9; 6]);
        for bit in 0..4 {
            assert_eq!(
                characters.iter().map(|character| character[bit]).sum::<u8>() % 2,
                0,
                "LRC, bit {bit}"
            );
        }
    }

    #[test]
    fn two_tokens_differ() {
        let one = object(object::CHUID, "00000001").unwrap();
        assert_eq!(one.len(), 59);
        assert_eq!(object(object::CHUID, "00000001").unwrap(), one);
        assert_ne!(object(object::CHUID, "00000002").unwrap(), one);
        let guid = tlv::find(&one, 0x34).unwrap();
        assert_eq!((guid[6] >> 4, guid[8] >> 6), (4, 2));
        assert_ne!(object(object::CCC, "00000001"), object(object::CCC, "00000002"));
        assert_eq!(tlv::find(&object(object::CCC, "00000001").unwrap(), 0xF0).unwrap().len(), 21);
        assert_eq!(object(object::SECURITY_OBJECT, "00000001"), None);
    }
}
