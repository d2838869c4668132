//! What a verifier gives: a payment, and before that a document of which only one thing is not known yet, whether its order was
//! accepted before.

use std::time::{SystemTime, UNIX_EPOCH};
use wire::payment::PaymentOrder;

use crate::{
    Reason,
    payer::{Holder, Signer},
    replay::{OrderKey, Recorded, ReplayStore},
};

/// Whether revocation was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// A current CRL answers for every certificate on the path, and no CRL lists one.
    Checked,
    /// The verifier has no CRL, so that a revoked certificate looks as good as another.
    NotChecked,
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
    /// The certificate of the key that signed, as the books of its CA name it.
    pub signer: Signer,
    /// Whether revocation was checked.
    pub revocation: Revocation,
}

/// A document that passed every check but the last one: whether its order was accepted before is not known. Nothing but
/// [`crate::Verifier::examine`] makes such a value, so whoever holds one has a document that was verified.
///
/// A bank records [`Self::order_key`] in a column that is UNIQUE, in the transaction that posts the payment, and looks there at its own
/// table of certificates, by [`Self::signer`]. [`Self::into_payment`] is called when that transaction is committed.
#[derive(Debug)]
#[must_use = "the order is not recorded yet, so nothing was accepted"]
pub struct Verified {
    payment: Payment,
    at: SystemTime,
}

impl Verified {
    pub(crate) const fn new(payment: Payment, at: SystemTime) -> Self {
        Self { payment, at }
    }

    /// What is to be paid.
    pub const fn order(&self) -> &PaymentOrder {
        &self.payment.order
    }

    /// The bytes that were signed.
    pub fn order_der(&self) -> &[u8] {
        &self.payment.order_der
    }

    /// The order's name, of which a bank accepts one payment.
    pub fn order_key(&self) -> OrderKey {
        OrderKey::of(&self.payment.order)
    }

    /// When the order expires. Until then its key must be remembered.
    pub fn expires(&self) -> SystemTime {
        UNIX_EPOCH + self.payment.order.expires.to_unix_duration()
    }

    /// Who signed.
    pub const fn holder(&self) -> &Holder {
        &self.payment.holder
    }

    /// The certificate of the key that signed. A bank that is its own CA asks its own books whether the certificate stands, in the
    /// transaction of the posting: a verifier answers from the CRLs that it was made with.
    pub const fn signer(&self) -> &Signer {
        &self.payment.signer
    }

    /// Records the order in a store, and gives the payment.
    ///
    /// # Errors
    /// [`Reason::OrderReplayed`], or [`Reason::ReplayUnavailable`].
    pub fn record(self, replay: &dyn ReplayStore) -> Result<Payment, Reason> {
        match replay.record(self.order_key(), self.expires(), self.at) {
            Ok(Recorded::First) => Ok(self.payment),
            Ok(Recorded::Again) => Err(Reason::OrderReplayed),
            Err(_) => Err(Reason::ReplayUnavailable),
        }
    }

    /// The payment, for a caller that has recorded the order's key itself and found it new.
    pub fn into_payment(self) -> Payment {
        self.payment
    }
}
