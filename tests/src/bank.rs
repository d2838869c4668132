//! A bank for trials in a folder of its own, which numbers its orders.

use std::{
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use payment::{EncodedOrder, Payment, Reason, order::Terms};
use tempfile::TempDir;
use wire::algorithm::KeyAlgorithm;

/// The user's ID of everyone who enrols in a story, and, at this bank, the account too.
pub const USER_ID: &str = "6222020000000001";
/// The name of everyone who enrols in a story.
pub const NAME: &str = "张三";

/// A bank.
pub struct Bank {
    bank: trial_bank::Bank,
    orders: AtomicU64,
    _folder: TempDir,
}

impl Default for Bank {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Bank {
    type Target = trial_bank::Bank;

    fn deref(&self) -> &Self::Target {
        &self.bank
    }
}

impl DerefMut for Bank {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.bank
    }
}

impl Bank {
    /// Founds a bank with a CA of its own, whose payments are of P-256.
    pub fn new() -> Self {
        Self::of(KeyAlgorithm::P256)
    }

    /// The same, with payments of this algorithm.
    pub fn of(algorithm: KeyAlgorithm) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bank =
            trial_bank::Bank::found_with(&folder.path().join("ca"), "Test CA", algorithm).expect("a new CA");
        Self { bank, orders: AtomicU64::new(1), _folder: folder }
    }

    /// An order of now for ten minutes: a new number and nonce each time.
    pub fn order(&self, payee: &str, amount: &str, currency: &str, memo: &str) -> EncodedOrder {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let terms = Terms {
            number: &format!("T{number:06}"),
            payer_account: USER_ID,
            payee_name: payee,
            payee_account: "6222021234567890123",
            amount,
            currency,
            memo,
            lifetime: Duration::from_secs(600),
        };
        terms.issue(SystemTime::now()).expect("an order that keeps the rules")
    }

    /// Verifies a sealed payment against the order that this bank issued.
    pub fn verify(&self, sealed: &[u8], issued: &[u8]) -> Result<Payment, Reason> {
        self.bank.verify(sealed, Some(issued)).expect("the CA's own files")
    }
}
