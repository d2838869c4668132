//! The bank's side: a document is a payment, or is refused for one reason.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use wire::{display::check_order, payment::PaymentOrder};

use crate::{
    Reason,
    certificate::check_signature,
    document,
    payer::{Holder, PayerBook},
    replay::{OrderKey, Recorded, ReplayStore, seconds},
    trust::{Trust, TrustError},
};

/// How far the clocks of those who issue and those who verify may be apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Verifies documents against one CA. Made once, used by any number of threads; it remembers certificates whose
/// path it has found. When a new CRL comes, make a new one.
pub struct Verifier {
    trust: Trust,
}

/// What a document is held against.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The time of the verification; for a payment that came just now, `SystemTime::now()`.
    pub at: SystemTime,
    /// Who may pay from which account.
    pub payers: &'a dyn PayerBook,
    /// The orders accepted before.
    pub replay: &'a dyn ReplayStore,
    /// The order as the bank issued it (DER), where the bank has kept it.
    pub issued: Option<&'a [u8]>,
}

/// A document that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Payment {
    /// What to pay.
    pub order: PaymentOrder,
    /// The bytes that were signed: keep them as evidence, with the document.
    pub order_der: Vec<u8>,
    /// Who signed.
    pub holder: Holder,
}

impl Verifier {
    /// Reads the CA's certificates (PEM, any number, or one DER) and CRLs (each PEM or DER).
    ///
    /// With any CRL, every certificate on a path must be covered by one that is not past its next update; without,
    /// revocation is not checked.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn new(ca: &[u8], crls: &[&[u8]]) -> Result<Self, TrustError> {
        Ok(Self { trust: Trust::new(ca, crls)? })
    }

    /// Verifies one document. The order is recorded in the replay store only when everything else is good.
    ///
    /// # Errors
    /// The first check that fails, in the order of [`Reason::ALL`].
    pub fn verify(&self, document: &[u8], check: &Check<'_>) -> Result<Payment, Reason> {
        let document = document::read(document)?;
        let order = PaymentOrder::parse(document.order).map_err(|_| Reason::OrderMalformed)?;
        check_order(&order).map_err(|_| Reason::OrderUnshowable)?;
        let at = seconds(check.at);
        let trusted = self.trust.check(document.signer, &document.certificates, at)?;
        check_signature(&trusted.leaf.key, document.order, document.signature)?;
        if check.issued.is_some_and(|issued| issued != document.order) {
            return Err(Reason::OrderMismatch);
        }
        check_time(&order, at)?;
        let holder = &trusted.leaf.holder;
        match check.payers.may_pay(holder, &order.payer_account) {
            Ok(true) => {}
            Ok(false) => return Err(Reason::PayerMismatch),
            Err(_) => return Err(Reason::PayerUnavailable),
        }
        match check.replay.record(
            OrderKey::of(&order),
            UNIX_EPOCH + order.expires.to_unix_duration(),
            check.at,
        ) {
            Ok(Recorded::First) => {}
            Ok(Recorded::Again) => return Err(Reason::OrderReplayed),
            Err(_) => return Err(Reason::ReplayUnavailable),
        }
        Ok(Payment { order, order_der: document.order.to_vec(), holder: holder.clone() })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

fn check_time(order: &PaymentOrder, at: u64) -> Result<(), Reason> {
    if order.issued.to_unix_duration().as_secs() > at.saturating_add(CLOCK_SKEW.as_secs()) {
        return Err(Reason::OrderNotYetValid);
    }
    if order.expires.to_unix_duration().as_secs() < at {
        return Err(Reason::OrderExpired);
    }
    Ok(())
}
