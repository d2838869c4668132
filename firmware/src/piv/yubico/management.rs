//! SET MANAGEMENT KEY: SP 800-73-4 names no command for it.

use wire::{
    apdu::StatusWord,
    piv::{Algorithm, MANAGEMENT_KEY},
};

use super::super::{Piv, status::Refused};
use crate::{
    applet::{Step, Turn},
    crypto::{ManagementAlgorithm, ManagementKey},
    seams::{CryptoRng, Storage},
};

impl<S: Storage, R: CryptoRng> Turn<'_, Piv, S, R> {
    /// Data: the algorithm, 9B, the key's length, the key. A key that wants a touch is refused as not supported: an
    /// administrator at a counter's machine has no button to press on a token in its drawer.
    pub(in crate::piv) fn set_management_key(&mut self, touch: bool, key: &[u8]) -> Result<Step, Refused> {
        if touch {
            return Err(StatusWord::NOT_SUPPORTED.into());
        }
        self.applet.need_management()?;
        let (&[algorithm, MANAGEMENT_KEY, length], bytes) =
            key.split_first_chunk().ok_or(StatusWord::WRONG_DATA)?
        else {
            return Err(StatusWord::WRONG_DATA.into());
        };
        let algorithm = Algorithm::parse(algorithm).ok_or(StatusWord::WRONG_DATA)?;
        let algorithm = ManagementAlgorithm::try_from(algorithm).map_err(|_| StatusWord::WRONG_DATA)?;
        if usize::from(length) != bytes.len() {
            return Err(StatusWord::WRONG_DATA.into());
        }
        self.application.set_management_key(&ManagementKey::new(algorithm, bytes)?)?;
        Ok(StatusWord::OK.into())
    }
}
