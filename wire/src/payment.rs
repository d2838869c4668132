//! What the payment key signs: the `PaymentOrder`, DER, one encoding. Its ASN.1 module stands in
//! `docs/payment-order.asn1`; the rules for its text are [`PaymentOrder::check`]'s.

mod encoded;

use alloc::{string::String, vec::Vec};
use der::{
    Decode, Encode, Sequence,
    asn1::{GeneralizedTime, ObjectIdentifier, OctetString, PrintableString},
};

use crate::{Malformed, currency};

pub use encoded::EncodedOrder;

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
    /// The bank's nonce, 16 to 32 bytes: the bank takes no order twice. The token does not count.
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::time::Duration;
    use hex_literal::hex;
    use proptest::prelude::*;

    /// Made by OpenSSL 3.0, `asn1parse -genconf`, from the fields below.
    const BY_OPENSSL: &[u8] = &hex!(
        "308199060a2b0601040181fd5914010c0d32303236303630312d303030310410000102030405060708090a0b0c0d0e0f0c10363232"
        "323032303030303030303030310c0ce4b88ae6b5b7e6b0b4e58aa10c133632323230323132333435363738393031323302022710"
        "1303434e59180f32303236303630313038303030305a180f32303236303630313038313030305a0c0a36e69c88e6b0b4e8b4b9"
    );

    fn time(seconds: u64) -> GeneralizedTime {
        GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap()
    }

    fn order() -> PaymentOrder {
        PaymentOrder {
            kind: PAYMENT_ORDER,
            number: "20260601-0001".into(),
            nonce: OctetString::new((0..16).collect::<Vec<u8>>()).unwrap(),
            payer_account: "6222020000000001".into(),
            payee_name: "上海水务".into(),
            payee_account: "6222021234567890123".into(),
            amount: 10_000,
            currency: PrintableString::new("CNY").unwrap(),
            issued: time(1_780_300_800),
            expires: time(1_780_301_400),
            memo: "6月水费".into(),
        }
    }

    #[test]
    fn openssl_writes_the_same_bytes() {
        assert_eq!(order().bytes().unwrap(), BY_OPENSSL);
        assert_eq!(PaymentOrder::parse(BY_OPENSSL).unwrap(), order());
        assert_eq!(order().decimal_amount(), "100.00");
    }

    #[test]
    fn an_encoded_order_is_its_bytes() {
        let encoded = EncodedOrder::new(order()).unwrap();
        assert_eq!((&*encoded, encoded.order()), (BY_OPENSSL, &order()));
        assert_eq!(EncodedOrder::parse(BY_OPENSSL.to_vec()).unwrap(), encoded);
        assert!(EncodedOrder::new(PaymentOrder { amount: 0, ..order() }).is_err());
        assert!(EncodedOrder::parse([BY_OPENSSL, &[0]].concat()).is_err());
    }

    #[test]
    fn each_rule() {
        let long = |count| "水".repeat(count);
        let nonce = |length| OctetString::new(vec![0; length]).unwrap();
        let currency = |code: &str| PrintableString::new(code).unwrap();
        let bad = [
            PaymentOrder { kind: PAYMENT_PURPOSE, ..order() },
            PaymentOrder { number: "".into(), ..order() },
            PaymentOrder { number: long(65), ..order() },
            PaymentOrder { nonce: nonce(15), ..order() },
            PaymentOrder { nonce: nonce(33), ..order() },
            PaymentOrder { payer_account: "".into(), ..order() },
            PaymentOrder { payer_account: long(65), ..order() },
            PaymentOrder { payee_name: "".into(), ..order() },
            PaymentOrder { payee_name: long(129), ..order() },
            PaymentOrder { payee_account: "".into(), ..order() },
            PaymentOrder { payee_account: long(65), ..order() },
            PaymentOrder { amount: 0, ..order() },
            PaymentOrder { currency: currency("XXX"), ..order() },
            PaymentOrder { currency: currency(""), ..order() },
            PaymentOrder { expires: time(1_780_300_800), ..order() },
            PaymentOrder { memo: long(257), ..order() },
        ];
        for order in bad {
            assert!(order.bytes().is_err(), "{order:?}");
            assert!(PaymentOrder::parse(&order.to_der().unwrap()).is_err(), "{order:?}");
        }
        let good = [
            PaymentOrder { number: long(64), ..order() },
            PaymentOrder { nonce: nonce(32), ..order() },
            PaymentOrder { payee_name: long(128), ..order() },
            PaymentOrder { memo: long(256), ..order() },
            PaymentOrder { memo: "".into(), ..order() },
            PaymentOrder { amount: u64::MAX, ..order() },
            PaymentOrder { expires: time(1_780_300_801), ..order() },
        ];
        for order in good {
            assert_eq!(PaymentOrder::parse(&order.bytes().unwrap()).unwrap(), order);
        }
        // Every field of its longest, in four bytes a character: over the limit of the whole.
        let wide = |count| "𠮷".repeat(count);
        let whole = PaymentOrder {
            number: wide(64),
            payer_account: wide(64),
            payee_name: wide(128),
            payee_account: wide(64),
            memo: wide(256),
            ..order()
        };
        assert!(whole.check().is_ok() && whole.bytes().is_err());
        assert!(PaymentOrder::parse(&whole.to_der().unwrap()).is_err());
    }

    #[test]
    fn another_encoding_is_refused() {
        let refused = |bytes: &[u8]| assert!(PaymentOrder::parse(bytes).is_err(), "{bytes:02x?}");
        let replaced = |from: &[u8], to: &[u8]| {
            let position = BY_OPENSSL.windows(from.len()).position(|window| window == from).unwrap();
            let mut bytes = [&BY_OPENSSL[..position], to, &BY_OPENSSL[position + from.len()..]].concat();
            bytes[2] = u8::try_from(bytes.len() - 3).unwrap();
            bytes
        };
        assert_eq!(PaymentOrder::parse(&replaced(b"\x02\x02\x27\x10", b"\x02\x01\x10")).unwrap().amount, 16);
        refused(&[BY_OPENSSL, &[0]].concat());
        refused(&BY_OPENSSL[..BY_OPENSSL.len() - 1]);
        refused(&[b"\x30\x80", &BY_OPENSSL[3..], b"\0\0"].concat()); // indefinite length: BER
        refused(&[b"\x30\x82\x00\x99", &BY_OPENSSL[3..]].concat()); // a longer length than need be
        refused(&replaced(b"\x02\x02\x27\x10", b"\x02\x03\x00\x27\x10")); // a longer integer
        refused(&replaced(b"\x02\x02\x27\x10", b"\x02\x02\xA7\x10")); // negative
        refused(&replaced(b"\x02\x02\x27\x10", b"\x02\x09\x01\0\0\0\0\0\0\0\0")); // over 64 bits
        refused(&replaced(b"\x04\x10", b"\x24\x10")); // constructed
        refused(&replaced(b"\x0C\x0D", b"\x13\x0D")); // another string type
        refused(&replaced(b"\xE4\xB8\x8A", b"\xE4\xB8\xFF")); // not UTF-8
        refused(&replaced(b"20260601080000Z", b"20260601080000+")); // not UTC
        refused(&replaced(b"\x18\x0F20260601080000Z", b"\x18\x1120260601080000.0Z")); // a fraction
        refused(&replaced(b"20260601080000Z", b"20260631080000Z")); // no such day
        refused(&replaced("6月水费".as_bytes(), b"\x0C\x00")); // a field too many, one with a wrong length
    }

    #[test]
    fn every_flipped_bit_is_refused_or_another_order() {
        let mut others = 0;
        for position in 0..BY_OPENSSL.len() {
            for bit in 0..8 {
                let mut bytes = BY_OPENSSL.to_vec();
                bytes[position] ^= 1 << bit;
                if let Ok(other) = PaymentOrder::parse(&bytes) {
                    assert_ne!(other, order());
                    assert_eq!(other.bytes().unwrap(), bytes);
                    others += 1;
                }
            }
        }
        assert!(others > 400, "{others}");
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..156, to in any::<u8>()) {
            prop_assert!(PaymentOrder::parse(&bytes).is_err());
            let mut near = BY_OPENSSL.to_vec();
            near[at] = to;
            near.extend(&bytes[..bytes.len() / 4]);
            if let Ok(order) = PaymentOrder::parse(&near) {
                prop_assert_eq!(order.bytes().unwrap(), near);
            }
        }
    }
}
