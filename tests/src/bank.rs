//! A bank: its CA, the orders it issues, and its check of what comes back.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use authority::ca::{Authority, found_for_trial};
use der::asn1::{GeneralizedTime, OctetString, PrintableString};
use payment::{Check, MemoryReplay, Payment, Reason, SameId, Verifier};
use tempfile::TempDir;
use wire::{
    currency,
    payment::{PAYMENT_ORDER, PaymentOrder},
};

/// The user's ID of everyone who enrols in a story, and, at this bank, the account too.
pub const USER_ID: &str = "6222020000000001";
/// The name of everyone who enrols in a story.
pub const NAME: &str = "张三";

/// A bank.
pub struct Bank {
    folder: TempDir,
    /// Its CA.
    pub authority: Authority,
    replay: MemoryReplay,
    orders: AtomicU64,
}

impl Default for Bank {
    fn default() -> Self {
        Self::new()
    }
}

impl Bank {
    /// Founds a bank with a CA of its own.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = found_for_trial(&folder.path().join("ca"), "Test CA").expect("a new CA");
        Self { folder, authority, replay: MemoryReplay::new(1_000), orders: AtomicU64::new(1) }
    }

    /// An order of now for ten minutes: a new number and nonce each time.
    pub fn order(&self, payee: &str, amount: &str, currency_code: &str, memo: &str) -> PaymentOrder {
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let mut nonce = [0x5A; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        let time = |time: SystemTime| GeneralizedTime::from_system_time(time).expect("before 9999");
        let exponent = currency::exponent(currency_code).expect("a currency of ISO 4217");
        let now = SystemTime::now();
        PaymentOrder {
            kind: PAYMENT_ORDER,
            number: format!("T{number:06}"),
            nonce: OctetString::new(nonce).expect("16 bytes"),
            payer_account: USER_ID.into(),
            payee_name: payee.into(),
            payee_account: "6222021234567890123".into(),
            amount: currency::minor_units(amount, exponent).expect("an amount"),
            currency: PrintableString::new(currency_code).expect("ASCII"),
            issued: time(now),
            expires: time(now + Duration::from_secs(600)),
            memo: memo.into(),
        }
    }

    /// Verifies a sealed payment against the order that this bank issued.
    pub fn verify(&self, sealed: &[u8], issued: &[u8]) -> Result<Payment, Reason> {
        let place = self.folder.path().join("ca");
        let read = |name| fs::read(place.join(name)).expect("a file of the CA");
        let verifier = Verifier::new(&read("ca.pem"), &[&read("crl.pem")]).expect("the CA's own files");
        let check =
            Check { at: SystemTime::now(), payers: &SameId, replay: &self.replay, issued: Some(issued) };
        verifier.verify(sealed, &check)
    }
}
