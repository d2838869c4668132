//! What stock tools send beyond the standard, under the INS that they know: the version of this command set, the
//! serial number, and a new management key, for whose change SP 800-73-4 names no command.
//!
//! There is no RESET that makes a blocked token new: PIN and PUK guard the payment key too.

use wire::{
    apdu::{Command, StatusWord},
    piv::{Algorithm, MANAGEMENT_KEY},
};

use super::{Piv, data, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    crypto::{ManagementAlgorithm, ManagementKey},
    seams::{CryptoRng, Storage},
};

const GET_SERIAL: u8 = 0xF8;
const GET_VERSION: u8 = 0xFD;
const SET_MANAGEMENT_KEY: u8 = 0xFF;

/// The command set that tools find here, by the numbers that they go by: with a serial number, without metadata.
const VERSION: [u8; 3] = [5, 0, 0];

impl Piv {
    pub(super) fn extension<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        match (command.instruction, command.p1, command.p2) {
            (GET_VERSION, 0, 0) => Ok(data(VERSION.to_vec())),
            (GET_SERIAL, 0, 0) => {
                let serial = u32::from_str_radix(application.serial(), 16).map_err(|_| StatusWord::FAULT)?;
                Ok(data(serial.to_be_bytes().to_vec()))
            }
            (SET_MANAGEMENT_KEY, 0xFF, 0xFF) => self.set_management_key(application, command.data),
            (GET_VERSION | GET_SERIAL | SET_MANAGEMENT_KEY, ..) => Err(StatusWord::WRONG_P1P2.into()),
            _ => Err(StatusWord::WRONG_INSTRUCTION.into()),
        }
    }

    /// Data: the algorithm, 9B, the key's length, the key.
    fn set_management_key<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        data: &[u8],
    ) -> Result<Step, Refused> {
        self.need_management()?;
        let (&[algorithm, MANAGEMENT_KEY, length], bytes) =
            data.split_first_chunk().ok_or(StatusWord::WRONG_DATA)?
        else {
            return Err(StatusWord::WRONG_DATA.into());
        };
        let algorithm = Algorithm::parse(algorithm).ok_or(StatusWord::WRONG_DATA)?;
        let algorithm = ManagementAlgorithm::try_from(algorithm).map_err(|_| StatusWord::WRONG_DATA)?;
        if usize::from(length) != bytes.len() {
            return Err(StatusWord::WRONG_DATA.into());
        }
        application.set_management_key(&ManagementKey::new(algorithm, bytes)?)?;
        Ok(StatusWord::OK.into())
    }
}
