//! The demo's bank: a bank for trials, its orders, and what a thief makes of them.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use host_driver::paths::{self, Scratch};
use payment::{EncodedOrder, PaymentOrder, order::Terms};
use terminal::{Context, Failure};
use wire::algorithm::KeyAlgorithm;

use crate::commands::order::issue;

pub(super) struct Bank {
    /// The CA, and the check of what comes back.
    pub(super) backend: trial_bank::Bank,
    /// ca.pem.
    pub(super) ca: Vec<u8>,
    /// crl.pem.
    pub(super) crl: Vec<u8>,
    /// The CA's folder: it is removed at the end of the demo, with the CA's key.
    _folder: Scratch,
}

impl Bank {
    /// A bank whose payments are of this algorithm.
    pub(super) fn open(folder: &Path, algorithm: KeyAlgorithm) -> Result<Self, Failure> {
        let folder = Scratch(paths::fresh_folder_in(folder, "bank")?);
        let backend = trial_bank::Bank::found_with(&folder.0, "U-shield Demo CA", algorithm)?;
        let ca = file::read(&backend.authority.certificate_path())?;
        let crl = file::read(&backend.authority.crl_path())?;
        Ok(Self { backend, ca, crl, _folder: folder })
    }

    /// The order of ¥100.00 that the customer wants, good for a day.
    pub(super) fn order() -> Result<EncodedOrder, Failure> {
        ordered("20260001", "100.00", "上海水务", "1001244300000000123", "11月水费")
    }

    /// The order that malware puts in the place of the customer's. The bank would take it if the token signed it.
    pub(super) fn order_of_a_thief() -> Result<EncodedOrder, Failure> {
        ordered("20260002", "5000.00", "顺达电子商行", "6217000099998888777", "货款")
    }

    /// Has the bank refuse a payment; returns the reason.
    pub(super) fn refuses(&self, document: &[u8]) -> Result<String, Failure> {
        match self.backend.verify(document, None).what("the bank cannot verify")? {
            Err(reason) => Ok(format!("{}: {reason}", reason.code())),
            Ok(_) => Err(Failure::new("the bank accepted what it must refuse")),
        }
    }
}

fn ordered(
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
    issue(&terms, SystemTime::now())
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
