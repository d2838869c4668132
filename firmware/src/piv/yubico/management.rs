//! SET MANAGEMENT KEY: SP 800-73-4 names no command for it.

use wire::{
    apdu::{Command, StatusWord},
    piv::{Algorithm, MANAGEMENT_KEY},
};

use super::super::{Piv, status::Refused};
use crate::{
    applet::Step,
    application::Application,
    crypto::{ManagementAlgorithm, ManagementKey},
    seams::{CryptoRng, Storage},
};

/// P2: the key works at once.
const NO_TOUCH: u8 = 0xFF;
/// P2: each use of the key wants a touch.
const TOUCH: u8 = 0xFE;

impl Piv {
    /// Data: the algorithm, 9B, the key's length, the key. A key that wants a touch is refused as not supported: an
    /// administrator at a counter's machine has no button to press on a token in its drawer.
    pub(super) fn set_management_key<S: Storage, R: CryptoRng>(
        &mut self,
        application: &mut Application<S, R>,
        command: &Command<'_>,
    ) -> Result<Step, Refused> {
        match (command.p1, command.p2) {
            (0xFF, NO_TOUCH) => {}
            (0xFF, TOUCH) => return Err(StatusWord::NOT_SUPPORTED.into()),
            _ => return Err(StatusWord::WRONG_P1P2.into()),
        }
        self.need_management()?;
        let (&[algorithm, MANAGEMENT_KEY, length], bytes) =
            command.data.split_first_chunk().ok_or(StatusWord::WRONG_DATA)?
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
