//! The commands that Yubico added to PIV and that stock tools send to any token: under the INS, with the bytes, that
//! Yubico documents (docs.yubico.com, YubiKey SDK, PIV commands and APDUs). What is different here, and why, stands in
//! `docs/decisions/0011-yubico-commands.md`.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod attest;
mod import;
mod management;
mod metadata;
mod renewal;

use wire::apdu::StatusWord;

use super::{Piv, data, status::Refused};
use crate::{
    applet::{Step, Turn},
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// GET SERIAL: the serial number, 4 bytes.
    pub(super) fn serial(&self) -> Result<Step, Refused> {
        let serial = u32::from_str_radix(self.application.serial(), 16).map_err(|_| StatusWord::FAULT)?;
        Ok(data(serial.to_be_bytes().to_vec()))
    }
}
