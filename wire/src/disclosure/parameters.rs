//! P1 and P2 of the commands that are known. A host may put two bytes of anything there, too.

use crate::{
    apdu::{CLASS_CHAIN, Command},
    pin::Reference,
    piv::{Algorithm, MANAGEMENT_KEY, Slot, instruction as iso},
    shield::{self, Container, MAX_DATA, Place, Uses, instruction as own, what},
};

/// P1 and P2 of GET DATA and PUT DATA (SP 800-73-4 part 2, 3.1.2 and 3.3.1): the current DF.
const CURRENT: (u8, u8) = (0x3F, 0xFF);
/// Yubico's key that signs attestations.
const ATTESTATION_KEY: u8 = 0xF9;
/// Most tries that ISO 7816-4's status word 63CX can tell.
const MOST_TRIES: u8 = 0x0F;

/// Whether P1 and P2 have values that the command's standard, or its maker, gives a meaning.
pub(super) fn are_known(command: &Command<'_>) -> bool {
    let (ins, p1, p2) = (command.instruction, command.p1, command.p2);
    match command.class & !CLASS_CHAIN {
        0 => standard(ins, p1, p2),
        shield::CLASS => of_the_shield(ins, p1, p2),
        _ => false,
    }
}

fn standard(ins: u8, p1: u8, p2: u8) -> bool {
    match ins {
        // ISO 7816-4, tables 62 and 63.
        iso::SELECT => matches!(p1, 0..=4 | 8 | 9) && p2 <= 0x0F,
        iso::GET_DATA | iso::PUT_DATA => (p1, p2) == CURRENT,
        iso::GENERATE_ASYMMETRIC_KEY_PAIR => p1 == 0 && is_key(p2),
        iso::VERIFY => matches!(p1, 0 | 0xFF) && is_reference(p2),
        iso::CHANGE_REFERENCE_DATA => p1 <= 1 && is_reference(p2),
        iso::RESET_RETRY_COUNTER => p1 <= 3 && is_reference(p2),
        iso::GENERAL_AUTHENTICATE => is_cipher(p1) && (is_key(p2) || p2 == MANAGEMENT_KEY),
        iso::GET_RESPONSE | own::GET_CHALLENGE => (p1, p2) == (0, 0),
        _ => of_yubico(ins, p1, p2),
    }
}

/// The commands that Yubico added.
fn of_yubico(ins: u8, p1: u8, p2: u8) -> bool {
    match ins {
        iso::GET_METADATA => p1 == 0 && (is_key(p2) || is_reference(p2) || p2 == MANAGEMENT_KEY),
        iso::GET_SERIAL | iso::RESET | iso::GET_VERSION => (p1, p2) == (0, 0),
        iso::ATTEST => is_key(p1) && p2 == 0,
        iso::SET_PIN_RETRIES => p1 <= MOST_TRIES && p2 <= MOST_TRIES,
        iso::IMPORT_ASYMMETRIC_KEY => is_cipher(p1) && is_key(p2),
        iso::SET_MANAGEMENT_KEY => p1 == 0xFF && p2 >= 0xFE,
        _ => false,
    }
}

fn of_the_shield(ins: u8, p1: u8, p2: u8) -> bool {
    let of_container = |known: bool| known && Container::parse(p2).is_some();
    match ins {
        own::VERIFY | own::CHANGE_REFERENCE_DATA | own::RESET_RETRY_COUNTER => p1 == 0 && is_reference(p2),
        own::SIGN_PAYMENT
        | own::GET_INFORMATION
        | own::INSTALL_CERTIFICATES
        | own::CREATE_DATA
        | own::INITIALISE => (p1, p2) == (0, 0),
        own::SIGN_REQUEST | own::GENERATE => of_container(p1 == 0),
        own::GET_OBJECT => of_container(p1 <= shield::get::CERTIFICATE_NOTES),
        own::ATTEST => (p1, p2) == (0, 0) || of_container(p1 <= shield::attest::PENDING_KEY),
        own::CREATE_KEY | own::IMPORT_KEY | own::PUT_CERTIFICATE => Place::parse(p1, p2).is_some(),
        own::USE_KEY => of_container(Uses::from_bits(p1).is_some()),
        own::SET_NAME => of_container(matches!(p1, what::KEY | what::CERTIFICATE)),
        own::DELETE if p1 == what::DATA => is_number(p2),
        own::DELETE => of_container(p1 <= what::KEY | what::CERTIFICATE),
        own::LIST => matches!((p1, p2), (0 | what::DATA, 0) | (0, 1)),
        own::READ_DATA | own::UPDATE_DATA => p1 == 0 && is_number(p2),
        _ => false,
    }
}

/// The global PIN, the PIN, the PUK, and the biometric references (SP 800-73-4 part 1, table 4b).
const fn is_reference(p2: u8) -> bool {
    Reference::parse(p2).is_some() || matches!(p2, 0 | 0x96..=0x98)
}

const fn is_key(reference: u8) -> bool {
    Slot::parse(reference).is_some() || reference == ATTESTATION_KEY
}

const fn is_cipher(byte: u8) -> bool {
    Algorithm::parse(byte).is_some() || super::is_asymmetric(byte)
}

const fn is_number(of_data: u8) -> bool {
    of_data <= MAX_DATA
}
