//! The wish that an operation ends. The page's thread expresses the wish; the operation's thread looks for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether somebody wants the operation to end. Clones share the wish.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Wishes the end.
    pub fn wish(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end is wished.
    pub fn is_wished(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
