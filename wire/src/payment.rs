//! What the payment key signs: the `PaymentOrder`, DER, one encoding. Its ASN.1 module stands in
//! `docs/payment-order.asn1`; the rules for its text are [`PaymentOrder::check`]'s.

use alloc::{string::String, vec::Vec};
use der::{
    Decode, Encode, Sequence,
    asn1::{GeneralizedTime, ObjectIdentifier, OctetString, PrintableString},
};

use crate::{Malformed, currency};

/// id-paymentOrder, the first field of every order: it tells an order from a CertificationRequestInfo, which
/// opens with an INTEGER. The arc is RFC 5612's, for documentation and examples: a bank puts its own.
pub const PAYMENT_ORDER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.20.1");
/// id-kp-payment: the one extended key usage of a payment certificate (same arc).
pub const PAYMENT_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.20.2");

/// Longest order, in bytes of DER; each field's own limit keeps an honest one below it.
pub const MAX_ORDER: usize = 2048;

/// A payment order from the bank.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaymentOrder {
    /// [`PAYMENT_ORDER`].
    pub kind: ObjectIdentifier,
    /// The bank's order number, 1 to 64 characters.
    pub number: String,
    /// The bank's nonce, 16 to 32 bytes: no order is signed for twice.
    pub nonce: OctetString,
    /// The payer's account, 1 to 64 characters.
    pub payer_account: String,
    /// The payee's name, 1 to 128 characters.
    pub payee_name: String,
    /// The payee's account, 1 to 64 characters.
    pub payee_account: String,
    /// The amount in minor units of the currency, greater than zero.
    pub amount: u64,
    /// The currency, ISO 4217 alphabetic code.
    pub currency: PrintableString,
    /// When the bank issued the order.
    pub issued: GeneralizedTime,
    /// When it expires: later than `issued`.
    pub expires: GeneralizedTime,
    /// A memo, 0 to 256 characters.
    pub memo: String,
}

impl PaymentOrder {
    /// Reads an order and checks it.
    ///
    /// # Errors
    /// Bytes that are not the one encoding of a valid order.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_ORDER {
            return Err(wrong("is longer than 2,048 bytes"));
        }
        let order = Self::from_der(bytes).map_err(|_| wrong("is not the DER of a PaymentOrder"))?;
        order.check()?;
        // DER has one encoding; that the decoder took these bytes is not yet proof that they are it.
        if order.to_der().ok().as_deref() != Some(bytes) {
            return Err(wrong("is not in DER"));
        }
        Ok(order)
    }

    /// The order's one encoding.
    ///
    /// # Errors
    /// The order breaks a rule of [`Self::check`].
    pub fn bytes(&self) -> Result<Vec<u8>, Malformed> {
        self.check()?;
        let bytes = self.to_der().map_err(|_| wrong("cannot be encoded"))?;
        if bytes.len() > MAX_ORDER { Err(wrong("is longer than 2,048 bytes")) } else { Ok(bytes) }
    }

    /// The rules beyond the ASN.1: sizes, a known currency, an amount above zero, times in order.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), Malformed> {
        let size = |text: &str, least: usize, most: usize| (least..=most).contains(&text.chars().count());
        let rules = [
            (self.kind == PAYMENT_ORDER, "has another type"),
            (size(&self.number, 1, 64), "number is not of 1 to 64 characters"),
            ((16..=32).contains(&self.nonce.as_bytes().len()), "nonce is not of 16 to 32 bytes"),
            (size(&self.payer_account, 1, 64), "payer account is not of 1 to 64 characters"),
            (size(&self.payee_name, 1, 128), "payee name is not of 1 to 128 characters"),
            (size(&self.payee_account, 1, 64), "payee account is not of 1 to 64 characters"),
            (self.amount > 0, "amount is zero"),
            (currency::exponent(self.currency.as_str()).is_some(), "currency is not in ISO 4217"),
            (self.expires.to_unix_duration() > self.issued.to_unix_duration(), "expires before it is issued"),
            (size(&self.memo, 0, 256), "memo is over 256 characters"),
        ];
        rules.into_iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, fault)| Err(wrong(fault)))
    }

    /// The amount with its decimals: "100.00".
    pub fn decimal_amount(&self) -> String {
        currency::decimal(self.amount, currency::exponent(self.currency.as_str()).unwrap_or(0))
    }
}

const fn wrong(fault: &'static str) -> Malformed {
    Malformed::new("payment order", fault)
}
