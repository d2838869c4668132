//! Long computations, handed out so that the token answers everything else meanwhile. They hold all they need and
//! draw no randomness of their own: the same job gives the same outcome on any thread.

use alloc::vec::Vec;
use core::fmt;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    key::PrivateKey,
    stretch::{Memory, Stretch},
};
use crate::refusal::Refusal;

/// A computation that takes from milliseconds to seconds.
#[derive(Debug)]
pub enum Job {
    /// PINs into keys.
    Stretch(Stretch),
    /// A new RSA key pair.
    GenerateRsa(GenerateRsa),
}

/// What a [`Job`] brought.
#[derive(Debug)]
pub enum Outcome {
    /// The stretched keys, in the order of the inputs.
    Stretched(Vec<Zeroizing<[u8; 32]>>),
    /// The new key pair.
    RsaKey(Result<PrivateKey, Refusal>),
    /// It could not be computed: no memory, or a cost that Argon2 does not take.
    Failed(Refusal),
}

/// A new RSA key pair from a seed. Wiped when dropped.
pub struct GenerateRsa {
    /// Random; the key follows from it.
    pub seed: Zeroizing<[u8; 32]>,
}

impl GenerateRsa {
    fn run(&self) -> Outcome {
        let mut seed = *self.seed;
        let mut rng = ChaCha20Rng::from_seed(seed);
        seed.zeroize();
        Outcome::RsaKey(PrivateKey::generate_rsa(&mut rng))
    }
}

impl fmt::Debug for GenerateRsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GenerateRsa")
    }
}

impl Job {
    /// Whether the job takes microseconds and no memory: PINs of a token that lives in memory only are not stretched.
    pub const fn is_quick(&self) -> bool {
        matches!(self, Self::Stretch(Stretch { cost: None, .. }))
    }

    /// [`Self::run_in`], in memory of its own.
    pub fn run(self) -> Outcome {
        self.run_in(&mut Memory::default())
    }

    /// Computes, in this memory where it wants any. May be called on any thread.
    pub fn run_in(self, memory: &mut Memory) -> Outcome {
        match self {
            Self::Stretch(stretch) => stretch.run(memory).map_or_else(Outcome::Failed, Outcome::Stretched),
            Self::GenerateRsa(generate) => generate.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generate(seed: u8) -> PrivateKey {
        match Job::GenerateRsa(GenerateRsa { seed: Zeroizing::new([seed; 32]) }).run() {
            Outcome::RsaKey(Ok(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(generate(1).public_key(), generate(1).public_key());
        assert_ne!(generate(1).public_key(), generate(2).public_key());
    }

    #[test]
    fn a_stretching_that_fails_says_so() {
        let job = |cost| {
            let inputs = alloc::vec![(Zeroizing::new(b"135790".to_vec()), [0; 16])];
            Job::Stretch(Stretch { inputs, secret: Zeroizing::new([0; 32]), cost })
        };
        assert!(matches!(job(None).run(), Outcome::Stretched(keys) if keys.len() == 1));
        assert!(matches!(job(Some((0, 0))).run(), Outcome::Failed(Refusal::Fault)));
    }
}
