//! Health tests of the random source before it is used: GM/T 0027 5.3.4; SP 800-90B 4.3 (1,024 samples at start-up)
//! and 4.4. The source claims full entropy, 8 bits a byte. A right source fails once in about 10¹⁰ starts.

use crate::{refusal::Refusal, seams::CryptoRng};

const SAMPLES: usize = 1024;
/// SP 800-90B 4.4.1: 1 + ⌈40 / 8⌉, for a false alarm once in 2⁴⁰.
const REPETITIONS: usize = 6;
/// SP 800-90B 4.4.2: the window for sources that are not binary.
const WINDOW: usize = 512;
/// 1 + CRITBINOM(512, 2⁻⁸, 1 − 2⁻⁴⁰).
const OCCURRENCES: usize = 19;
/// How far the ones may be from half of the 8,192 bits: 6.6 standard deviations.
const BIAS: u32 = 300;

/// Draws the samples and judges them.
pub(super) fn check<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<(), Refusal> {
    let mut samples = [0; SAMPLES];
    rng.fill_bytes(&mut samples);
    let healthy = !repeats(&samples) && samples.chunks(WINDOW).all(proportionate) && balanced(&samples);
    if healthy { Ok(()) } else { Err(Refusal::Fault) }
}

/// The repetition count test (4.4.1): the same value six times running.
fn repeats(samples: &[u8]) -> bool {
    samples.windows(REPETITIONS).any(|run| run.iter().all(|sample| run.first() == Some(sample)))
}

/// The adaptive proportion test (4.4.2): how often the first value of a window comes in it.
fn proportionate(window: &[u8]) -> bool {
    window.iter().filter(|sample| window.first() == Some(sample)).count() < OCCURRENCES
}

/// The frequency test (GM/T 0005, 4.4.1): as many ones as zeros.
fn balanced(samples: &[u8]) -> bool {
    let ones: u32 = samples.iter().map(|sample| sample.count_ones()).sum();
    let bits = u32::try_from(samples.len()).unwrap_or(0).saturating_mul(8);
    ones.abs_diff(bits / 2) <= BIAS
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::convert::Infallible;
    use rand_core::{SeedableRng as _, TryCryptoRng, TryRng};

    /// A source that gives what it is told to.
    struct Source<F>(F, usize);

    impl<F: FnMut(usize) -> u8> TryRng for Source<F> {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            let mut bytes = [0; 4];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u32::from_le_bytes(bytes))
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            let mut bytes = [0; 8];
            self.try_fill_bytes(&mut bytes)?;
            Ok(u64::from_le_bytes(bytes))
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            for byte in bytes {
                *byte = (self.0)(self.1);
                self.1 += 1;
            }
            Ok(())
        }
    }

    impl<F: FnMut(usize) -> u8> TryCryptoRng for Source<F> {}

    fn judge(source: impl FnMut(usize) -> u8) -> Result<(), Refusal> {
        check(&mut Source(source, 0))
    }

    #[test]
    fn a_right_source_passes() {
        for seed in 0..=255 {
            assert_eq!(check(&mut chacha20::ChaCha20Rng::from_seed([seed; 32])), Ok(()), "seed {seed}");
        }
    }

    #[test]
    fn a_broken_source_fails() {
        let counter = |at: usize| (at.wrapping_mul(167) >> 1) as u8;
        assert_eq!(judge(counter), Ok(()), "the base of the cases below");
        assert_eq!(judge(|_| 0x5A), Err(Refusal::Fault), "stuck");
        assert_eq!(
            judge(|at| if (500..506).contains(&at) { 7 } else { counter(at) }),
            Err(Refusal::Fault),
            "a run"
        );
        assert_eq!(judge(|at| (at % 16) as u8 * 17), Err(Refusal::Fault), "sixteen values");
        assert_eq!(judge(|at| counter(at) | 0x10 << (at % 4)), Err(Refusal::Fault), "too many ones");
    }
}
