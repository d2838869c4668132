//! Inputs that an earlier version took: nonsense beside the certificate, a usage that nobody defined, orders that never
//! end.

use crate::bank::{
    Ca, NOW, PAYER, an_order, an_order_of, at, ca_params, customer_params,
    forge::{code, document, forge, signer_info, tlv},
    verify_at,
};
use payment::{
    Check, LifetimeError, MAX_ORDER_LIFETIME, MemoryReplay, ORDER_LIFETIME, OrderKey, PaymentOrder,
    Revocation, SameId, SealError, Verifier, seal,
};
use rcgen::{CertificateParams, CustomExtension, DnType};
use std::time::Duration;
use time::macros::datetime;

const OTHER: &str = "6222020000000002";

#[test]
fn an_extra_certificate_is_a_certificate() {
    let (ca, order) = (Ca::new(), an_order("1"));
    let customer = ca.customer();
    let info = signer_info(&customer, &order, &[], &[]);
    let verify = |extra: &[u8]| {
        let mut both = [&customer.certificate[..], extra];
        both.sort_unstable();
        code(ca.verify(&document(&order, &both, &info)))
    };
    assert_eq!(verify(&ca.der), "accepted");
    // An empty SEQUENCE, a text, a signature algorithm alone. Then two certificates: one has something behind its last
    // field, and one has a BOOLEAN as only BER allows it.
    let ber = {
        let at = ca.der.windows(3).position(|bytes| bytes == b"\x01\x01\xFF").expect("cA or critical");
        [&ca.der[..at + 2], &[1], &ca.der[at + 3..]].concat()
    };
    let longer = tlv(0x30, &[&ca.der[4..], b"\x05\x00"]);
    for extra in [&b"\x30\x00"[..], b"\x30\x05\x0C\x03abc", b"\x30\x05\x30\x03\x06\x01\x29", &longer, &ber] {
        assert_eq!(verify(extra), "certificate_malformed", "{extra:02X?}");
        let sealed = seal(&order, &[&customer.certificate[..], extra], |bytes| customer.sign(bytes));
        assert!(matches!(sealed, Err(SealError::Certificate)));
    }
}

/// RFC 5280, 4.1.2.5.1: years 50 to 69 are of the twentieth century, and seconds are counted from 1970 here.
#[test]
fn a_certificate_that_begins_before_1970_is_named_so() {
    let old = |mut params: CertificateParams| {
        params.not_before = datetime!(1969-12-31 23:59:59 UTC);
        params
    };
    let ca = Ca::with(old(ca_params("Old CA")));
    let error = Verifier::new(ca.pem.as_bytes(), &[]).err().unwrap();
    assert!(error.to_string().contains("begins before 1970"), "{error}");
    // The same error comes where such a certificate stands beside the payer's.
    let (old, ca, order) = (ca, Ca::new(), an_order("1"));
    let customer = ca.customer();
    let mut both = [&customer.certificate[..], &old.der];
    both.sort_unstable();
    let refused = ca.verify(&document(&order, &both, &signer_info(&customer, &order, &[], &[]))).unwrap_err();
    assert_eq!(refused.code(), "certificate_malformed");
    assert!(refused.to_string().contains("begins before 1970"), "{refused}");
    let mut params = customer_params();
    params.not_before = datetime!(1970-01-01 00:00 UTC);
    ca.verify(&forge(&ca.issue(&params), &an_order("1"))).unwrap();
}

/// X.690, 11.2.2 and RFC 5280, 4.2.1.3: bits beyond decipherOnly mean nothing, and a DER named bit list has no zeros
/// at its end.
#[test]
fn a_key_usage_has_no_bit_that_nobody_defined() {
    let ca = Ca::new();
    let with = |bits: &[u8]| {
        let mut params = customer_params();
        params.key_usages.clear();
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 15], bits.to_vec()));
        code(ca.verify(&forge(&ca.issue(&params), &an_order("1"))))
    };
    assert_eq!(with(&[3, 2, 6, 0xC0]), "accepted");
    assert_eq!(with(&[3, 3, 6, 0xC0, 0x40]), "certificate_key_usage", "bit 9");
    assert_eq!(with(&[3, 3, 0, 0xC0, 0x01]), "certificate_key_usage", "bit 15");
    assert_eq!(with(&[3, 2, 5, 0xC0]), "certificate_malformed", "a zero at the end");
    assert_eq!(with(&[3, 3, 7, 0xC0, 0x80]), "certificate_key_usage", "decipherOnly, which is defined");
}

#[test]
fn an_order_lives_a_day_unless_more_is_allowed() {
    let ca = Ca::new();
    let customer = ca.customer();
    let document = |expires: &str| customer.seal(&an_order_of("1", PAYER, expires));
    let (day, longer, month, never) = (
        document("2026-06-02T08:00:00Z"),
        document("2026-06-02T08:00:01Z"),
        document("2026-07-02T08:00:00Z"),
        document("9999-12-31T23:59:59Z"),
    );
    assert_eq!(ORDER_LIFETIME, Duration::from_secs(86_400));
    assert_eq!(code(ca.verify(&day)), "accepted");
    for long in [&longer, &month, &never] {
        assert_eq!(code(ca.verify(long)), "order_lifetime");
    }
    let allowed = ca.verifier().with_order_lifetime(MAX_ORDER_LIFETIME).unwrap();
    assert_eq!(code(verify_at(&allowed, &month, NOW)), "accepted");
    assert_eq!(code(verify_at(&allowed, &never, NOW)), "order_lifetime");
    let hour = ca.verifier().with_order_lifetime(Duration::from_secs(3600)).unwrap();
    assert_eq!(code(verify_at(&hour, &day, NOW)), "order_lifetime");
    for wrong in [Duration::ZERO, MAX_ORDER_LIFETIME + Duration::from_secs(1), Duration::MAX] {
        assert_eq!(ca.verifier().with_order_lifetime(wrong).unwrap_err(), LifetimeError);
    }
}

/// The bank does not compare orders with those that it issued. Mallory signs an order of her own that has the number
/// and the nonce of somebody else's order.
#[test]
fn nobody_blocks_another_customers_order() {
    let ca = Ca::new();
    let mallory = ca.issue(&named(OTHER));
    let (verifier, replay) = (ca.verifier(), MemoryReplay::default());
    let verify = |document: &[u8]| {
        code(
            verifier.verify(document, &Check { at: at(NOW), payers: &SameId, replay: &replay, issued: None }),
        )
    };
    assert_eq!(verify(&mallory.seal(&an_order_of("1", OTHER, "2026-06-01T08:10:00Z"))), "accepted");
    let honest = ca.customer().seal(&an_order("1"));
    assert_eq!(verify(&honest), "accepted");
    assert_eq!(verify(&honest), "order_replayed");
}

fn named(user: &str) -> CertificateParams {
    let mut params = customer_params();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), user);
    params
}

/// The key keeps account, number and nonce apart, and begins with its version.
#[test]
fn an_order_key_is_made_as_documented() {
    use aws_lc_rs::digest::{SHA256, digest};
    let order = PaymentOrder::parse(&an_order("7")).unwrap();
    let account = order.payer_account.as_bytes();
    let mut bytes = vec![OrderKey::VERSION];
    for part in [account, b"7", order.nonce.as_bytes()] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    assert_eq!(OrderKey::of(&order).as_bytes(), digest(&SHA256, &bytes).as_ref());
    let moved = PaymentOrder {
        payer_account: format!("{}7", order.payer_account),
        number: "x".into(),
        ..order.clone()
    };
    assert_ne!(OrderKey::of(&order), OrderKey::of(&moved));
}

#[test]
fn a_payment_says_whether_revocation_was_checked() {
    let ca = Ca::new();
    let document = ca.customer().seal(&an_order("1"));
    assert_eq!(ca.verify(&document).unwrap().revocation, Revocation::NotChecked);
    let verifier = Verifier::new(ca.pem.as_bytes(), &[&ca.crl(&[])]).unwrap();
    assert_eq!(verify_at(&verifier, &document, NOW).unwrap().revocation, Revocation::Checked);
}

/// A verdict is about one document alone. An intermediate certificate that came with an earlier document does not help
/// a later one.
#[test]
fn a_verdict_does_not_depend_on_what_came_before() {
    let root = Ca::new();
    let branch = root.intermediate(ca_params("Branch CA"));
    let customer = branch.customer();
    let verifier = root.verifier();
    let sealed =
        |certificates: &[&[u8]]| seal(&an_order("1"), certificates, |bytes| customer.sign(bytes)).unwrap();
    let alone = sealed(&[&customer.certificate]);
    assert_eq!(code(verify_at(&verifier, &alone, NOW)), "certificate_untrusted");
    assert_eq!(code(verify_at(&verifier, &sealed(&[&customer.certificate, &branch.der]), NOW)), "accepted");
    assert_eq!(code(verify_at(&verifier, &alone, NOW)), "certificate_untrusted");
}
