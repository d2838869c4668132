//! The self-test at power-up (GM/T 0027 5.5): a known answer of each algorithm, and the random source.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::{
    known_answer::{self, Test},
    random_source,
};
use crate::{refusal::Refusal, seams::CryptoRng};

/// The arithmetic cannot change while the program runs, and a program may make tokens by the hundred, so one test is enough.
static ARITHMETIC: Examination = Examination::new(&known_answer::ALL);

/// Tests the arithmetic, once in the life of the program, and the random source each time. It draws 1,024 bytes
/// each time, whether or not the arithmetic was tested: the same seed gives the same token.
///
/// # Errors
/// `Fault`: the token must not work.
pub fn self_test<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<(), Refusal> {
    ARITHMETIC.pass()?;
    random_source::check(rng)
}

/// Does a part of [`self_test`] ahead: the known answers that no other thread has begun. A program that is about to make tokens may
/// call this on several cores meanwhile. A wrong answer is told by the first token, which asks for all of them again.
pub fn test_arithmetic_ahead() {
    ARITHMETIC.help();
}

/// Known answers, of which each is asked for once.
struct Examination {
    tests: &'static [Test],
    /// So many of them were begun by somebody who helps.
    begun: AtomicUsize,
    /// So many were right.
    right: AtomicUsize,
}

impl Examination {
    const fn new(tests: &'static [Test]) -> Self {
        Self { tests, begun: AtomicUsize::new(0), right: AtomicUsize::new(0) }
    }

    /// Asks for those that nobody has begun.
    fn help(&self) {
        while let Some(test) = self.tests.get(self.begun.fetch_add(1, Ordering::Relaxed)) {
            if test() == Ok(true) {
                self.right.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Asks for all of them, unless all were right before. Two threads that come at once both ask, and come to the same result.
    fn pass(&self) -> Result<(), Refusal> {
        let all = self.tests.len();
        if self.right.load(Ordering::Relaxed) < all {
            for test in self.tests {
                if !test()? {
                    return Err(Refusal::Fault);
                }
            }
            self.right.store(all, Ordering::Relaxed);
        }
        Ok(())
    }
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

    static ASKED: AtomicUsize = AtomicUsize::new(0);

    #[expect(clippy::unnecessary_wraps, reason = "a known answer may find that it cannot be asked for")]
    fn right() -> Result<bool, Refusal> {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    #[test]
    fn who_helps_saves_the_token_the_test_and_hides_no_fault() {
        let asked = || ASKED.swap(0, Ordering::Relaxed);
        let examination = Examination::new(&[right as Test; 100]);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| examination.help());
            }
        });
        assert_eq!(asked(), 100, "each once");
        assert_eq!((examination.pass(), asked()), (Ok(()), 0));
        // Nobody has helped, or somebody is still at it: the token asks for itself.
        let examination = Examination::new(&[right as Test; 3]);
        examination.begun.store(2, Ordering::Relaxed);
        examination.help();
        assert_eq!(asked(), 1);
        assert_eq!((examination.pass(), asked()), (Ok(()), 3));
        assert_eq!((examination.pass(), asked()), (Ok(()), 0));
        for fault in [(|| Ok(false)) as Test, || Err(Refusal::Fault)] {
            let tests: &'static [Test] = std::vec![right, fault, right].leak();
            let examination = Examination::new(tests);
            examination.help();
            for _ in 0..2 {
                assert_eq!(examination.pass(), Err(Refusal::Fault));
            }
        }
    }
}
