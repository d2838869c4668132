//! The demo's bank: issues personal IDs and orders, and verifies what comes back.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use authority::ca::{Authority, found_for_trial};
use host_driver::paths::{self, Scratch};
use payment::{Check, EncodedOrder, MemoryReplay, Payment, PaymentOrder, Reason, SameId, Verifier};
use terminal::{Context, Failure};

use crate::commands::order::Terms;

pub(super) struct Bank {
    pub(super) authority: Authority,
    /// ca.pem.
    pub(super) ca: Vec<u8>,
    /// crl.pem.
    pub(super) crl: Vec<u8>,
    verifier: Verifier,
    replay: MemoryReplay,
    /// The CA's folder: it is removed at the end of the demo, with the CA's key.
    _folder: Scratch,
}

impl Bank {
    pub(super) fn open(folder: &Path) -> Result<Self, Failure> {
        let folder = Scratch(paths::fresh_folder_in(folder, "bank")?);
        let authority = found_for_trial(&folder.0, "U-shield Demo CA")?;
        let ca = file::read(&folder.0.join("ca.pem"))?;
        let crl = file::read(&authority.crl_path())?;
        let verifier = Verifier::new(&ca, &[&crl]).what("the bank cannot verify")?;
        Ok(Self { authority, ca, crl, verifier, replay: MemoryReplay::default(), _folder: folder })
    }

    /// The order of ¥100.00 that the customer wants, good for a day.
    pub(super) fn order() -> Result<EncodedOrder, Failure> {
        issue("20260001", "100.00", "上海水务", "1001244300000000123", "11月水费")
    }

    /// The order that malware puts in the place of the customer's. The bank would take it if the token signed it.
    pub(super) fn order_of_a_thief() -> Result<EncodedOrder, Failure> {
        issue("20260002", "5000.00", "顺达电子商行", "6217000099998888777", "货款")
    }

    /// Verifies a payment as a bank's backend does. A good payment is remembered.
    pub(super) fn verify(&self, document: &[u8], issued: Option<&[u8]>) -> Result<Payment, Reason> {
        let check = Check { at: SystemTime::now(), payers: &SameId, replay: &self.replay, issued };
        self.verifier.verify(document, &check)
    }

    /// Has the bank refuse a payment; returns the reason.
    pub(super) fn refuses(&self, document: &[u8]) -> Result<String, Failure> {
        match self.verify(document, None) {
            Err(reason) => Ok(format!("{}: {reason}", reason.code())),
            Ok(_) => Err(Failure::new("the bank accepted what it must refuse")),
        }
    }
}

fn issue(
    number: &str,
    amount: &str,
    payee: &str,
    account: &str,
    memo: &str,
) -> Result<EncodedOrder, Failure> {
    let terms = Terms {
        number,
        payer_account: super::USER_ID,
        payee_name: payee,
        payee_account: account,
        amount,
        currency: "CNY",
        memo,
        lifetime: Duration::from_secs(86_400),
    };
    terms.issue(SystemTime::now())
}

/// Multiplies the amount inside a signed document by three, as a thief on the network would. Everything else stays as it was.
pub(super) fn raise_amount(order: &EncodedOrder, document: &[u8]) -> Result<Vec<u8>, Failure> {
    let what = "the amount could not be changed";
    let raised = PaymentOrder { amount: order.order().amount * 3, ..order.order().clone() };
    let after = raised.bytes().what(what)?;
    let at = document.windows(order.len()).position(|window| *window == **order);
    match at {
        Some(at) if order.len() == after.len() => {
            let mut changed = document.to_vec();
            changed[at..at + after.len()].copy_from_slice(&after);
            Ok(changed)
        }
        _ => Err(Failure::new(what)),
    }
}
