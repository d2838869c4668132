//! The commands that Yubico added to PIV and that stock tools send to any token: under the INS, with the bytes, that
//! Yubico documents (docs.yubico.com, YubiKey SDK, PIV commands and APDUs). What is different here, and why, stands in
//! `docs/decisions/0011-yubico-commands.md`.

// The order is the law: a module uses only modules listed below it.
mod attest;
mod import;
mod management;
mod metadata;
mod renewal;

use wire::apdu::{Command, StatusWord};

use super::{Piv, data, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    attestation,
    seams::{CryptoRng, Storage},
};

/// INS of the commands here.
mod instruction {
    pub(super) const GET_METADATA: u8 = 0xF7;
    pub(super) const GET_SERIAL: u8 = 0xF8;
    pub(super) const ATTEST: u8 = 0xF9;
    pub(super) const SET_PIN_RETRIES: u8 = 0xFA;
    pub(super) const RESET: u8 = 0xFB;
    pub(super) const GET_VERSION: u8 = 0xFD;
    pub(super) const IMPORT_ASYMMETRIC_KEY: u8 = 0xFE;
    pub(super) const SET_MANAGEMENT_KEY: u8 = 0xFF;
}

impl Piv {
    pub(super) fn yubico<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        match (command.instruction, command.p1, command.p2) {
            (instruction::GET_VERSION, 0, 0) => Ok(data(attestation::VERSION.to_vec())),
            (instruction::GET_SERIAL, 0, 0) => {
                let serial = u32::from_str_radix(application.serial(), 16).map_err(|_| StatusWord::FAULT)?;
                Ok(data(serial.to_be_bytes().to_vec()))
            }
            (instruction::GET_METADATA, 0, reference) => metadata::get(application, reference),
            (instruction::ATTEST, ..) => attest::attest(application, command),
            (instruction::IMPORT_ASYMMETRIC_KEY, ..) => self.import(application, command),
            (instruction::SET_PIN_RETRIES, ..) => self.set_pin_retries(application, command),
            (instruction::RESET, ..) => self.reset(application, command),
            (instruction::SET_MANAGEMENT_KEY, ..) => self.set_management_key(application, command),
            (instruction::GET_VERSION | instruction::GET_SERIAL | instruction::GET_METADATA, ..) => {
                Err(StatusWord::WRONG_P1P2.into())
            }
            _ => Err(StatusWord::WRONG_INSTRUCTION.into()),
        }
    }
}
