//! What a bank's backend does with a signed payment. It depends on the `payment` crate and nothing else of U-shield.

use std::{fs, path::Path, time::SystemTime};

use payment::{Check, MemoryReplay, SameId, Verifier};

/// Verifies the payment in `folder`, as `ushield demo --out FOLDER` leaves it; the amount and who signed.
pub fn verify(folder: &Path) -> Result<(String, String), Box<dyn std::error::Error>> {
    let read = |name| fs::read(folder.join(name));
    // Once, for all threads; again when a new CRL comes.
    let verifier = Verifier::new(&read("ca.pem")?, &[&read("crl.pem")?])?;
    // One store for all who accept payments: in earnest a table with a unique index, behind `payment::ReplayStore`.
    let replay = MemoryReplay::default();

    let issued = read("order.der")?; // the order as the bank issued and kept it
    let check = Check {
        at: SystemTime::now(),
        payers: &SameId, // who may pay from which account: `payment::PayerBook`
        replay: &replay,
        issued: Some(&issued),
    };
    match verifier.verify(&read("payment.cms")?, &check) {
        Ok(payment) => Ok((payment.order.decimal_amount(), payment.holder.user_id)),
        // `code` is stable: log it. When `could_not_tell`, the same document may be good later (an old CRL).
        Err(reason) => Err(format!("{}: {reason}", reason.code()).into()),
    }
}
