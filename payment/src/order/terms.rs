//! The issuing of an order, as a bank does it.

use std::time::{Duration, SystemTime};

use super::{EncodedOrder, Malformed, OrderError, OrderJson, check_order, format_time, fresh_nonce};

/// What a bank and its customer have agreed on: an order without its nonce and times. The texts are those of [`OrderJson`].
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The bank's order number.
    pub number: &'a str,
    /// The payer's account.
    pub payer_account: &'a str,
    /// The payee's name.
    pub payee_name: &'a str,
    /// The payee's account.
    pub payee_account: &'a str,
    /// The amount in decimal.
    pub amount: &'a str,
    /// ISO 4217 alphabetic code.
    pub currency: &'a str,
    /// What the payment is for.
    pub memo: &'a str,
    /// How long the payer has.
    pub lifetime: Duration,
}

impl Terms<'_> {
    /// Issues the order, with a new nonce. The bank keeps what comes of this, and compares it with what was signed.
    ///
    /// # Errors
    /// A term breaks a rule of [`super::PaymentOrder::check`], a text is one that no token shows, or the system's random source
    /// failed.
    pub fn issue(&self, now: SystemTime) -> Result<EncodedOrder, OrderError> {
        let too_late = || Malformed::new("lifetime", "ends after the year 9999");
        let json = OrderJson {
            number: self.number.into(),
            nonce: fresh_nonce()?,
            payer_account: self.payer_account.into(),
            payee_name: self.payee_name.into(),
            payee_account: self.payee_account.into(),
            amount: self.amount.into(),
            currency: self.currency.into(),
            issued: format_time(now)?,
            expires: format_time(now.checked_add(self.lifetime).ok_or_else(too_late)?)?,
            memo: self.memo.into(),
        };
        let order = EncodedOrder::try_from(&json)?;
        check_order(order.order())?;
        Ok(order)
    }
}
