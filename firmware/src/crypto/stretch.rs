//! From a PIN to a key: Argon2id (RFC 9106) with the device secret as its secret value K, so that a stolen state
//! without the device secret gives nothing to guess against. How much memory and how many passes a new token takes is said in
//! `profile.rs`.

use alloc::vec::Vec;
use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize as _, Zeroizing};

use super::hash::hmac_sha256;
use crate::refusal::Refusal;

/// PINs to stretch, each with its salt.
pub struct Stretch {
    /// PIN and salt of each. A change of the PIN stretches two: the old one and the new one.
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

/// What stretching works in: megabytes, which whoever runs a job keeps from one to the next, or gives back. Wiped after
/// each use, since what it holds leads back to the PIN at the price of one guess.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// Room for so many KiB is set aside at once; more is taken where it is needed.
    pub fn with_room(kib: usize) -> Self {
        let mut blocks = Vec::new();
        // When the room cannot be set aside now, the first use asks for it again and reports that it is missing.
        let _ = blocks.try_reserve_exact(kib);
        Self(blocks)
    }

    /// So many blocks of a KiB.
    fn blocks(&mut self, count: usize) -> Result<&mut [Block], Refusal> {
        let missing = count.saturating_sub(self.0.len());
        self.0.try_reserve_exact(missing).map_err(|_| Refusal::Fault)?;
        if missing > 0 {
            self.0.resize(count, Block::default());
        }
        self.0.get_mut(..count).ok_or(Refusal::Fault)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} KiB)", self.0.len())
    }
}

impl Stretch {
    /// The keys, in the order of the inputs.
    ///
    /// # Errors
    /// `Fault`: a cost that Argon2 does not take, or that there is no memory for.
    pub fn run(&self, memory: &mut Memory) -> Result<Vec<Zeroizing<[u8; 32]>>, Refusal> {
        self.inputs.iter().map(|(pin, salt)| self.one(memory, pin, salt)).collect()
    }

    fn one(&self, memory: &mut Memory, pin: &[u8], salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        let Some((kib, passes)) = self.cost else {
            return Ok(Zeroizing::new(hmac_sha256(&self.secret, &[salt, pin])));
        };
        let params = Params::new(kib, passes, 1, Some(32)).map_err(|_| Refusal::Fault)?;
        argon2id(memory, &*self.secret, params, pin, salt)
    }
}

/// One Argon2id tag.
pub(super) fn argon2id(
    memory: &mut Memory,
    secret: &[u8],
    params: Params,
    password: &[u8],
    salt: &[u8],
) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let blocks = memory.blocks(params.block_count())?;
    let context = Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(|_| Refusal::Fault)?;
    let mut tag = Zeroizing::new([0; 32]);
    let done = context.hash_password_into_with_memory(password, salt, &mut *tag, &mut *blocks);
    blocks.iter_mut().zeroize();
    done.map(|()| tag).map_err(|_| Refusal::Fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn stretch(cost: Option<(u32, u32)>, pins: &[(&[u8], u8)], secret: u8) -> Stretch {
        let inputs = pins.iter().map(|(pin, salt)| (Zeroizing::new(pin.to_vec()), [*salt; 16])).collect();
        Stretch { inputs, secret: Zeroizing::new([secret; 32]), cost }
    }

    /// RFC 9106, 5.3 is in the known answers; here, what the key depends on.
    #[test]
    fn each_input_counts() {
        for cost in [None, Some((64, 1))] {
            let one = |pin, salt, secret| {
                stretch(cost, &[(pin, salt)], secret).run(&mut Memory::default()).unwrap().pop().unwrap()
            };
            let key = one(b"135790", 1, 1);
            assert_eq!(*key, *one(b"135790", 1, 1));
            for other in [one(b"135791", 1, 1), one(b"135790", 2, 1), one(b"135790", 1, 2)] {
                assert_ne!(*key, *other);
            }
            let both =
                stretch(cost, &[(b"135790", 1), (b"246813", 2)], 1).run(&mut Memory::default()).unwrap();
            assert_eq!([*both[0], *both[1]], [*key, *one(b"246813", 2, 1)]);
        }
        let cheap = stretch(Some((64, 1)), &[(b"135790", 1)], 1).run(&mut Memory::default()).unwrap();
        assert_ne!(
            *cheap[0],
            *stretch(Some((64, 2)), &[(b"135790", 1)], 1).run(&mut Memory::default()).unwrap()[0]
        );
    }

    /// In memory: HMAC-SHA256(secret, salt, PIN), with a salt of fixed length before the PIN.
    #[test]
    fn without_cost_it_is_one_hmac() {
        let key = stretch(None, &[(b"135790", 0)], 0).run(&mut Memory::default()).unwrap().pop().unwrap();
        assert_eq!(*key, hmac_sha256([0; 32], &[&hex!("00000000000000000000000000000000 313335373930")]));
    }

    /// The same memory serves any cost, again and again, and holds nothing in between.
    #[test]
    fn memory_is_used_again_and_wiped() {
        let mut memory = Memory::with_room(64);
        for cost in [(64, 1), (32, 2), (128, 1), (64, 1)] {
            let job = stretch(Some(cost), &[(b"135790", 1), (b"246813", 2)], 1);
            assert_eq!(job.run(&mut memory), job.run(&mut Memory::default()), "{cost:?}");
            assert!(memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        }
        assert_eq!(std::format!("{memory:?}"), "Memory(128 KiB)");
    }

    #[test]
    fn a_cost_that_cannot_be() {
        for cost in [(0, 1), (7, 1), (64, 0)] {
            assert_eq!(
                stretch(Some(cost), &[(b"135790", 1)], 1).run(&mut Memory::default()),
                Err(Refusal::Fault),
                "{cost:?}"
            );
        }
        assert_eq!(std::format!("{:?}", stretch(None, &[(b"135790", 1)], 1)), "Stretch(1 inputs, None)");
    }
}
