//! What a command is called, by the standard that has it.

use wire::{
    apdu::CLASS_CHAIN,
    piv::instruction as iso,
    shield::{self, instruction as own},
};

/// The name of a command, where its class and instruction are known.
pub(super) const fn name(class: u8, instruction: u8) -> Option<&'static str> {
    match class & !CLASS_CHAIN {
        0 => standard(instruction),
        shield::CLASS => of_the_shield(instruction),
        _ => None,
    }
}

const fn standard(instruction: u8) -> Option<&'static str> {
    Some(match instruction {
        iso::SELECT => "SELECT",
        iso::GET_DATA => "GET DATA",
        iso::PUT_DATA => "PUT DATA",
        iso::GENERATE_ASYMMETRIC_KEY_PAIR => "GENERATE KEY PAIR",
        iso::GENERAL_AUTHENTICATE => "GENERAL AUTHENTICATE",
        iso::GET_RESPONSE => "GET RESPONSE",
        iso::GET_METADATA => "GET METADATA",
        iso::GET_SERIAL => "GET SERIAL",
        iso::ATTEST => "ATTEST",
        iso::SET_PIN_RETRIES => "SET PIN RETRIES",
        iso::RESET => "RESET",
        iso::GET_VERSION => "GET VERSION",
        iso::IMPORT_ASYMMETRIC_KEY => "IMPORT KEY",
        iso::SET_MANAGEMENT_KEY => "SET MANAGEMENT KEY",
        own::GET_CHALLENGE => "GET CHALLENGE",
        _ => return of_both(instruction),
    })
}

const fn of_the_shield(instruction: u8) -> Option<&'static str> {
    Some(match instruction {
        own::SIGN_PAYMENT => "SIGN PAYMENT",
        own::SIGN_REQUEST => "SIGN REQUEST",
        own::GENERATE => "GENERATE",
        own::GET_OBJECT => "GET OBJECT",
        own::INSTALL_CERTIFICATES => "INSTALL CERTIFICATES",
        own::ATTEST => "ATTEST",
        own::GET_INFORMATION => "GET INFORMATION",
        own::CREATE_KEY => "CREATE KEY",
        own::IMPORT_KEY => "IMPORT KEY",
        own::USE_KEY => "USE KEY",
        own::PUT_CERTIFICATE => "PUT CERTIFICATE",
        own::SET_NAME => "SET NAME",
        own::DELETE => "DELETE",
        own::LIST => "LIST",
        own::CREATE_DATA => "CREATE DATA",
        own::READ_DATA => "READ DATA",
        own::UPDATE_DATA => "UPDATE DATA",
        own::INITIALISE => "INITIALISE",
        _ => return of_both(instruction),
    })
}

const fn of_both(instruction: u8) -> Option<&'static str> {
    Some(match instruction {
        own::VERIFY => "VERIFY",
        own::CHANGE_REFERENCE_DATA => "CHANGE REFERENCE DATA",
        own::RESET_RETRY_COUNTER => "RESET RETRY COUNTER",
        _ => return None,
    })
}
