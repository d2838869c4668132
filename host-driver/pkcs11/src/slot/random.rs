//! Random numbers from the token (v2.40, 5.15).

use cryptoki_sys as ck;
use zeroize::Zeroizing;

use super::Slot;
use crate::{ckr::Result, hash::Hash};

/// What C_SeedRandom brought. The token's source takes no seed. So the seeds are mixed in here, on the way from the
/// token to the program: others must know both the seeds and the token's numbers in order to know the result.
pub(super) type Seeds = Zeroizing<Vec<u8>>;

impl Slot {
    /// C_SeedRandom.
    pub fn seed_random(&mut self, handle: ck::CK_SESSION_HANDLE, seed: Result<&[u8]>) -> Result<()> {
        self.session(handle)?;
        self.seeds = next(&self.seeds, seed?);
        Ok(())
    }

    /// C_GenerateRandom.
    pub fn random(&mut self, handle: ck::CK_SESSION_HANDLE, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        self.session(handle)?;
        let mut random = self.token()?.random(length)?;
        if !self.seeds.is_empty() {
            mix(&mut random, &self.seeds);
            self.seeds = next(&self.seeds, b"");
        }
        Ok(random)
    }
}

/// The seeds so far, and one more. Together they are as long as one digest.
fn next(seeds: &Seeds, seed: &[u8]) -> Seeds {
    Zeroizing::new(Hash::Sha512.of(&[b"next", seeds, seed]))
}

fn mix(random: &mut [u8], seeds: &Seeds) {
    let mask = Zeroizing::new(Hash::Sha512.mask(seeds, random.len()));
    random.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_changes_what_comes_after_it() {
        let mut seen: Vec<[u8; 32]> = Vec::new();
        let mut seeds = Seeds::default();
        for seed in [&b"one"[..], b"one", b"", b"two"] {
            seeds = next(&seeds, seed);
            let mut random = [7; 32];
            mix(&mut random, &seeds);
            assert!(!seen.contains(&random));
            seen.push(random);
        }
        // Mixed in, not put in the place of what the token gave.
        let (mut one, mut other) = ([7; 32], [8; 32]);
        mix(&mut one, &seeds);
        mix(&mut other, &seeds);
        assert_ne!(one, other);
    }
}
