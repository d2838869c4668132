//! Random numbers (v2.40, 5.15): the token's.

use cryptoki_sys as ck;
use zeroize::Zeroizing;

use super::Slot;
use crate::ckr::{Ckr, Result};

impl Slot {
    /// C_SeedRandom: the token's source takes no seed.
    pub fn seed_random(&mut self, handle: ck::CK_SESSION_HANDLE, _seed: Result<&[u8]>) -> Result<()> {
        self.session(handle)?;
        Err(Ckr::RANDOM_SEED_NOT_SUPPORTED)
    }

    /// C_GenerateRandom.
    pub fn random(&mut self, handle: ck::CK_SESSION_HANDLE, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        self.session(handle)?;
        self.token()?.random(length)
    }
}
