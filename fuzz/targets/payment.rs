//! What the payment key may be asked to sign, and what is read of a certificate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ushield_fuzz as _;
use wire::{
    currency,
    payment::PaymentOrder,
    pkix::{CertificationRequestInfo, certificate_public_key},
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(order) = PaymentOrder::parse(bytes) {
        assert_eq!(order.bytes().as_deref(), Ok(bytes), "one order, one encoding");
        let exponent = currency::exponent(order.currency.as_str()).expect("a checked order has a currency");
        assert_eq!(currency::minor_units(&order.decimal_amount(), exponent), Ok(order.amount));
        assert!(CertificationRequestInfo::parse(bytes).is_err(), "an order is never a request");
    }
    if let Ok(info) = CertificationRequestInfo::parse(bytes) {
        assert!(!info.subject.is_empty() && info.public_key.len() < bytes.len());
    }
    if let Ok(key) = certificate_public_key(bytes) {
        assert!(key.len() < bytes.len());
    }
    if let Ok(text) = core::str::from_utf8(bytes) {
        for exponent in [0, 2, 3] {
            if let Ok(units) = currency::minor_units(text, exponent) {
                assert_eq!(currency::minor_units(&currency::decimal(units, exponent), exponent), Ok(units));
            }
        }
    }
});
