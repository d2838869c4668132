//! The bank's side: a document is a payment, or is refused for one reason.

use std::{
    fmt,
    time::{Duration, SystemTime},
};
use wire::{display::check_order, payment::PaymentOrder};

use crate::{
    Reason,
    certificate::Leaf,
    document,
    payer::PayerBook,
    replay::{ReplayStore, seconds},
    trust::Trust,
    trust_error::TrustError,
    verified::{Payment, Revocation, Verified},
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

/// What a document is held against, whoever remembers the orders that were accepted.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// The time of the verification; for a payment that came just now, `SystemTime::now()`.
    pub at: SystemTime,
    /// Who may pay from which account.
    pub payers: &'a dyn PayerBook,
    /// The order as the bank issued it (DER), where the bank has kept the order. Without it the bank cannot tell an order of its own
    /// from one that the customer's program made up, number, nonce and all.
    pub issued: Option<&'a [u8]>,
}

/// What a document is held against, with a store of the orders that were accepted. The fields are those of [`Against`].
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The time of the verification.
    pub at: SystemTime,
    /// Who may pay from which account.
    pub payers: &'a dyn PayerBook,
    /// The orders accepted before.
    pub replay: &'a dyn ReplayStore,
    /// The order as the bank issued it (DER).
    pub issued: Option<&'a [u8]>,
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

    /// Verifies one document, and records its order in the store when everything else is good: [`Self::examine`], then
    /// [`Verified::record`]. A caller that posts the payment in a database should call [`Self::examine`] itself, and record the order in
    /// the transaction of the posting: between this call and a posting elsewhere the process may be killed.
    ///
    /// # Errors
    /// The first check that fails, in the order of [`Reason::ALL`].
    pub fn verify(&self, document: &[u8], check: &Check<'_>) -> Result<Payment, Reason> {
        let Check { at, payers, replay, issued } = *check;
        self.examine(document, &Against { at, payers, issued })?.record(replay)
    }

    /// Makes every check but the last one, and records nothing. The caller records [`Verified::order_key`], and takes the payment only
    /// if that key was not recorded before.
    ///
    /// # Errors
    /// The first check that fails, in the order of [`Reason::ALL`].
    pub fn examine(&self, document: &[u8], against: &Against<'_>) -> Result<Verified, Reason> {
        let document = document::read(document)?;
        let order = PaymentOrder::parse(document.order).map_err(|_| Reason::OrderMalformed)?;
        check_order(&order).map_err(|_| Reason::OrderUnshowable)?;
        let at = seconds(against.at);
        let trusted = self.trust.check(document.signer, &document.certificates, at)?;
        let Leaf { holder, signer, key } = &trusted.leaf;
        key.check(document.scheme, document.order, document.signature)?;
        if against.issued.is_some_and(|issued| issued != document.order) {
            return Err(Reason::OrderMismatch);
        }
        check_lifetime(&order, self.order_lifetime)?;
        check_time(&order, at)?;
        match against.payers.may_pay(holder, &order.payer_account) {
            Ok(true) => {}
            Ok(false) => return Err(Reason::PayerMismatch),
            Err(_) => return Err(Reason::PayerUnavailable),
        }
        let revocation = if self.trust.has_crls() { Revocation::Checked } else { Revocation::NotChecked };
        let (order_der, holder, signer) = (document.order.to_vec(), holder.clone(), signer.clone());
        Ok(Verified::new(Payment { order, order_der, holder, signer, revocation }, against.at))
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
