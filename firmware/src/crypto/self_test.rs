//! The self-test at power-up (GM/T 0027 5.5): a known answer of each algorithm, and the random source.

use core::sync::atomic::{AtomicBool, Ordering};

use super::{known_answer, random_source};
use crate::{refusal::Refusal, seams::CryptoRng};

/// Whether the arithmetic has passed. The arithmetic cannot change while the program runs, and a program may make tokens by
/// the hundred, so one test is enough. Two threads that come at once both test, and come to the same result.
static ARITHMETIC: AtomicBool = AtomicBool::new(false);

/// Tests the arithmetic, once in the life of the program, and the random source each time. It draws 1,024 bytes
/// each time, whether or not the arithmetic was tested: the same seed gives the same token.
///
/// # Errors
/// `Fault`: the token must not work.
pub fn self_test<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<(), Refusal> {
    test_arithmetic()?;
    random_source::check(rng)
}

/// The part of [`self_test`] that is done once in the life of the program. A program that is about to make tokens may call this on
/// another core meanwhile.
///
/// # Errors
/// `Fault`: a token of this program must not work, and none does, because each token asks here, too.
pub fn test_arithmetic() -> Result<(), Refusal> {
    if !ARITHMETIC.load(Ordering::Relaxed) {
        known_answer::check()?;
        ARITHMETIC.store(true, Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};

    /// The first token of a program and the later ones draw the same from their source.
    #[test]
    fn it_draws_the_same_each_time() {
        let next = || {
            let mut rng = ChaCha20Rng::from_seed([8; 32]);
            assert_eq!(self_test(&mut rng), Ok(()));
            rng.next_u64()
        };
        assert_eq!(next(), next());
    }
}
