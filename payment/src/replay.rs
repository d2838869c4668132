//! What stops an order from being paid twice.

use aws_lc_rs::digest::{Context, SHA256};
use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};
use wire::payment::PaymentOrder;

/// Names an order: SHA-256 over [`OrderKey::VERSION`] and the length and bytes of payer's account, number and nonce.
///
/// The account is in the key so that nobody blocks another customer's order by an order of their own with the same number
/// and nonce. The signature is not in the key: whoever knows one signature of ECDSA (r, s) knows another one (r, n-s), and the signer
/// can make more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderKey([u8; 32]);

impl OrderKey {
    /// How keys are made. A store that outlives this program keeps the version beside each key. When the version changes, the same
    /// order has another key: orders that were recorded under the old version have to be kept out until they have expired.
    pub const VERSION: u8 = 2;

    /// The key of an order.
    pub fn of(order: &PaymentOrder) -> Self {
        let mut digest = Context::new(&SHA256);
        digest.update(&[Self::VERSION]);
        for part in [order.payer_account.as_bytes(), order.number.as_bytes(), order.nonce.as_bytes()] {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest.finish().as_ref());
        Self(key)
    }

    /// The key's 32 bytes, for a database.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::order::hex(&self.0))
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderKey({self})")
    }
}

/// A store or a book did not answer, so nothing is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store or the book did not answer")]
pub struct Unavailable;

/// Whether an order was recorded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The order was not known, and is recorded now.
    First,
    /// The order was recorded before.
    Again,
}

/// Remembers the orders that were accepted. One store serves all who accept payments. A database with a unique index is
/// such a store: whether its insert succeeds is the answer.
pub trait ReplayStore: Send + Sync {
    /// Looks an order up and records the order, in one atomic step. The store may forget the order after `expires`. `at` is
    /// the time of the verification, and never later than `expires`.
    ///
    /// # Errors
    /// The store cannot tell, or cannot promise to remember.
    fn record(&self, order: OrderKey, expires: SystemTime, at: SystemTime) -> Result<Recorded, Unavailable>;
}

/// A store in memory, for one process. The store forgets an order that has expired, and every order when the process ends. It
/// never holds more orders than its capacity.
pub struct MemoryReplay {
    capacity: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    orders: HashSet<OrderKey>,
    by_expiry: BTreeSet<(u64, OrderKey)>,
    /// Orders that expired before this second are forgotten.
    horizon: u64,
}

impl MemoryReplay {
    /// A store for `capacity` orders that have not expired, about 150 bytes each. A full store refuses, because
    /// an order that was forgotten could be paid again.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, held: Mutex::default() }
    }
}

/// For 100,000 orders.
impl Default for MemoryReplay {
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl fmt::Debug for MemoryReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryReplay(at most {})", self.capacity)
    }
}

impl ReplayStore for MemoryReplay {
    fn record(&self, order: OrderKey, expires: SystemTime, at: SystemTime) -> Result<Recorded, Unavailable> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.forget(seconds(at));
        if held.orders.contains(&order) {
            return Ok(Recorded::Again);
        }
        // Either the clock went back to a time whose orders are forgotten, this one perhaps among them, or there is no room.
        if seconds(expires) < held.horizon || held.orders.len() >= self.capacity {
            return Err(Unavailable);
        }
        held.orders.insert(order);
        held.by_expiry.insert((seconds(expires), order));
        Ok(Recorded::First)
    }
}

impl Held {
    fn forget(&mut self, at: u64) {
        self.horizon = self.horizon.max(at);
        while let Some(&(expires, order)) = self.by_expiry.first()
            && expires < self.horizon
        {
            self.by_expiry.pop_first();
            self.orders.remove(&order);
        }
    }
}

/// Seconds since 1970, rounded down; 0 before it.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    const fn key(byte: u8) -> OrderKey {
        OrderKey([byte; 32])
    }

    #[test]
    fn an_order_is_recorded_once_until_it_expires() {
        let store = MemoryReplay::new(2);
        assert_eq!(store.record(key(1), at(100), at(50)), Ok(Recorded::First));
        assert_eq!(store.record(key(1), at(100), at(100)), Ok(Recorded::Again));
        assert_eq!(store.record(key(2), at(200), at(100)), Ok(Recorded::First));
        // Full: neither is forgotten, the third is not accepted.
        assert_eq!(store.record(key(3), at(300), at(100)), Err(Unavailable));
        assert_eq!(store.record(key(1), at(100), at(100)), Ok(Recorded::Again));
        // The first has expired and makes room.
        assert_eq!(store.record(key(3), at(300), at(101)), Ok(Recorded::First));
        // The clock goes back: the first is forgotten, so the store cannot tell.
        assert_eq!(store.record(key(1), at(100), at(60)), Err(Unavailable));
        assert_eq!(store.record(key(2), at(200), at(60)), Ok(Recorded::Again));
    }

    #[test]
    fn of_two_threads_one_is_first() {
        let store = MemoryReplay::default();
        let first = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| store.record(key(7), at(9), at(1)))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).filter(|r| *r == Ok(Recorded::First)).count()
        });
        assert_eq!(first, 1);
    }
}
