//! From a PIN to a key: Argon2id (RFC 9106) with the device secret as its secret value K, so that a stolen state
//! without the device secret gives nothing to guess against.

use alloc::{vec, vec::Vec};
use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use super::hash::hmac_sha256;
use crate::refusal::Refusal;

/// PINs to stretch, each with its salt.
pub struct Stretch {
    /// PIN and salt. Several at once, because a change of the PIN needs the old and the new.
    pub inputs: Vec<(Zeroizing<Vec<u8>>, [u8; 16])>,
    /// The device secret's share.
    pub secret: Zeroizing<[u8; 32]>,
    /// Memory in KiB and passes. `None` for a token that lives in memory only: one HMAC, because nobody can steal
    /// a state that is nowhere.
    pub cost: Option<(u32, u32)>,
}

impl fmt::Debug for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stretch({} inputs, {:?})", self.inputs.len(), self.cost)
    }
}

impl Stretch {
    /// The keys, in the order of the inputs.
    ///
    /// # Errors
    /// `Fault`: a cost that Argon2 does not take, or that there is no memory for.
    pub fn run(&self) -> Result<Vec<Zeroizing<[u8; 32]>>, Refusal> {
        self.inputs.iter().map(|(pin, salt)| self.one(pin, salt)).collect()
    }

    fn one(&self, pin: &[u8], salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        let Some((memory, passes)) = self.cost else {
            return Ok(Zeroizing::new(hmac_sha256(&*self.secret, &[salt, pin])));
        };
        let params = Params::new(memory, passes, 1, Some(32)).map_err(|_| Refusal::Fault)?;
        argon2id(&*self.secret, params, pin, salt)
    }
}

/// One Argon2id tag. Its memory is wiped, since what it holds leads back to the PIN at the price of one guess.
pub(super) fn argon2id(
    secret: &[u8],
    params: Params,
    password: &[u8],
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let mut blocks = Zeroizing::new(vec![Block::default(); params.block_count()]);
    let context = Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(|_| Refusal::Fault)?;
    let mut tag = Zeroizing::new([0; 32]);
    context
        .hash_password_into_with_memory(password, salt, &mut *tag, blocks.as_mut_slice())
        .map_err(|_| Refusal::Fault)?;
    Ok(tag)
}
