//! The bank's side: a document is a payment, or is refused for one reason.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use wire::{display::check_order, payment::PaymentOrder};

use crate::{
    Reason, document,
    payer::{Holder, PayerBook},
    replay::{OrderKey, Recorded, ReplayStore, seconds},
    trust::Trust,
    trust_error::TrustError,
};

/// How far the clocks of those who issue and those who verify may be apart.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// How long an order may live, from `issued` to `expires`, unless [`Verifier::with_order_lifetime`] says otherwise.
pub const ORDER_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The longest life that an order can be allowed. A replay store remembers an order as long as it lives.
pub const MAX_ORDER_LIFETIME: Duration = Duration::from_secs(31 * 24 * 3600);

/// Verifies documents against one CA. One verifier serves any number of threads, and remembers certificates whose path it has
/// found. When a new CRL comes, make a new verifier.
pub struct Verifier {
    trust: Trust,
    order_lifetime: Duration,
}

/// The lifetime is zero or over [`MAX_ORDER_LIFETIME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an order cannot be allowed to live for no time, or for over 31 days; set a time above zero and up to 31 days"
)]
pub struct LifetimeError;

/// Whether revocation was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// A current CRL answers for every certificate on the path, and no CRL lists one.
    Checked,
    /// The verifier has no CRL, so that a revoked certificate looks as good as another.
    NotChecked,
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
    /// The order as the bank issued it (DER), where the bank has kept the order. Without it the bank cannot tell an order of its own
    /// from one that the customer's program made up, number, nonce and all.
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
    /// Whether revocation was checked.
    pub revocation: Revocation,
}

impl Verifier {
    /// Reads the CA's certificates (PEM, any number, or one DER) and CRLs (each PEM or DER), in any order.
    ///
    /// Each certificate in the CA file may issue, so each must be a CA's. With any CRL, every certificate on a path must
    /// be covered by one that its issuer's key signed and that is current; without, revocation is not checked. Give
    /// every CRL there is: what an older one revoked stays revoked (docs/decisions/0018-revocation.md).
    ///
    /// # Errors
    /// A file that cannot be read, a certificate that is no CA's, CRLs that contradict each other: see [`TrustError`].
    pub fn new(ca: &[u8], crls: &[&[u8]]) -> Result<Self, TrustError> {
        Ok(Self { trust: Trust::new(ca, crls, CLOCK_SKEW.as_secs())?, order_lifetime: ORDER_LIFETIME })
    }

    /// Allows orders to live as long as this, instead of [`ORDER_LIFETIME`].
    ///
    /// # Errors
    /// Zero, or more than [`MAX_ORDER_LIFETIME`].
    pub fn with_order_lifetime(mut self, lifetime: Duration) -> Result<Self, LifetimeError> {
        if lifetime.is_zero() || lifetime > MAX_ORDER_LIFETIME {
            return Err(LifetimeError);
        }
        self.order_lifetime = lifetime;
        Ok(self)
    }

    /// The CRLs that no certificate of the CA file signed, in words. Such a CRL says nothing, unless a CA whose certificate is in a
    /// document signed it. When the CRL should be that of the bank's own CA, then the CRL is damaged or the CA has a new key.
    pub fn foreign_crls(&self) -> Vec<String> {
        self.trust.foreign_crls()
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
        trusted.leaf.key.check(document.scheme, document.order, document.signature)?;
        if check.issued.is_some_and(|issued| issued != document.order) {
            return Err(Reason::OrderMismatch);
        }
        check_lifetime(&order, self.order_lifetime)?;
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
        let revocation = if self.trust.has_crls() { Revocation::Checked } else { Revocation::NotChecked };
        Ok(Payment { order, order_der: document.order.to_vec(), holder: holder.clone(), revocation })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

fn check_lifetime(order: &PaymentOrder, most: Duration) -> Result<(), Reason> {
    let life = order.expires.to_unix_duration().checked_sub(order.issued.to_unix_duration());
    if life.is_some_and(|life| life <= most) { Ok(()) } else { Err(Reason::OrderLifetime) }
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
