//! For tests, of this crate and of others (feature `fixtures`): a flash whose power can be cut, a person before the screen, an order,
//! and the codes of the tokens that tests make.

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
#[cfg(test)]
mod application;
mod order;
mod holder;
mod flash;

use chacha20::{ChaCha20Rng, rand_core::SeedableRng};

#[cfg(test)]
pub(crate) use application::{application, work};
pub use flash::{Cut, Flash, SharedFlash};
pub use holder::{Holder, Mood};
pub use order::order;

use crate::profile::Profile;

/// The device secret of all tokens in tests.
pub const SECRET: [u8; 32] = [0x5E; 32];
/// The PIN of tokens made with one.
pub const PIN: &[u8] = b"135790";
/// The PUK that the counter keeps.
pub const PUK: &[u8] = b"87654312";

/// Randomness from a seed.
pub fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// The default brand, without the cost of stretching PINs. Stretching has tests of its own.
pub fn profile() -> Profile {
    Profile { stretch: None, ..Profile::standard() }
}
