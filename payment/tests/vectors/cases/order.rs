//! The order: one encoding, and the rules of its fields.

use crate::{
    case::{BANK, Case, case},
    der::{context, generalized, integer, octets, oid, printable, sequence, tlv, utf8},
    document::{
        AMOUNT, CURRENCY, EXPIRES, ISSUED, KIND, MEMO, NONCE, NUMBER, Order, PAYEE_ACCOUNT, PAYEE_NAME,
        PAYER_ACCOUNT,
    },
};

pub(crate) fn cases() -> Vec<Case> {
    [good(), frame(), fields(), sizes(), times()].concat()
}

fn accepted(name: &str, order: &Order, wrong: &str) -> Case {
    case(name, BANK.sealed(&order.der()), "accepted", wrong).issued_itself(&order.der())
}

/// A signed order that is malformed. The bank issued the good order, so that a recipe that compares the bytes finds the
/// difference.
fn malformed(name: &str, order: &[u8], wrong: &str) -> Case {
    case(name, BANK.sealed(order), "order_malformed", wrong).differs("order")
}

/// A rule that comparing cannot show, because the bank itself issued these bytes.
fn rule(name: &str, order: &Order, wrong: &str) -> Case {
    malformed(name, &order.der(), wrong).issued_itself(&order.der()).text()
}

fn good() -> Vec<Case> {
    let order = Order::good;
    vec![
        case("good", BANK.document().der(), "accepted", "Good: what the token and `payment::seal` make."),
        accepted(
            "good-yen",
            &order().with(AMOUNT, integer(100)).with(CURRENCY, printable("JPY")),
            "Good: a currency without decimals.",
        ),
        accepted(
            "good-dinar",
            &order().with(AMOUNT, integer(1)).with(CURRENCY, printable("KWD")),
            "Good: a currency with three decimals, one thousandth.",
        ),
        accepted(
            "good-largest",
            &order().with(AMOUNT, integer(u64::MAX)),
            "Good: the largest amount, 2^64 - 1 minor units.",
        )
        .text(),
        accepted("good-smallest", &order().with(AMOUNT, integer(1)), "Good: one fen."),
        accepted("good-without-memo", &order().text(MEMO, ""), "Good: an empty memo."),
        accepted("good-nonce-32", &order().with(NONCE, octets(&[0xA5; 32])), "Good: a nonce of 32 bytes."),
        accepted(
            "good-long-number",
            &order().text(NUMBER, &"7".repeat(64)),
            "Good: an order number of 64 characters.",
        ),
        accepted(
            "good-long-payee",
            &order().text(PAYEE_NAME, &"水".repeat(128)),
            "Good: a payee's name of 128 characters.",
        ),
        accepted("good-long-memo", &order().text(MEMO, &"水".repeat(256)), "Good: a memo of 256 characters."),
        case(
            "good-high-s",
            with_s(true),
            "accepted",
            "Good: s is in the upper half (FIPS 186-5 allows both).",
        ),
        case("good-low-s", with_s(false), "accepted", "Good: s is in the lower half."),
    ]
}

fn with_s(high: bool) -> Vec<u8> {
    use crate::document::{Document, Signer};
    let signature = octets(&BANK.key.sign_with_s(&BANK.order, high));
    let signer = Signer { signature, ..Signer::new(&BANK.key, &BANK.certificate, &BANK.order) };
    Document { signers: tlv(0x31, &[&signer.der()]), ..BANK.document() }.der()
}

fn frame() -> Vec<Case> {
    let good = &BANK.order;
    let body = Order::good().0.concat();
    let fields = |all: &[Vec<u8>]| sequence(&[&all.concat()]);
    let mut swapped = Order::good().0;
    swapped.swap(PAYER_ACCOUNT, PAYEE_ACCOUNT);
    let mut moved = Order::good().0;
    moved.swap(ISSUED, MEMO);
    let missing = |field: usize| {
        let mut all = Order::good().0;
        all.remove(field);
        fields(&all)
    };
    vec![
        malformed("order-empty", &[], "Nothing was signed."),
        malformed("order-text", b"pay 100.00 CNY", "A text was signed."),
        malformed("order-xml", b"<?xml version=\"1.0\"?><order amount=\"100.00\"/>", "XML was signed."),
        malformed("order-json", br#"{"number":"20260601-0001","amount":"100.00"}"#, "JSON was signed."),
        malformed("order-trailing-byte", &[&good[..], &[0]].concat(), "A byte follows the order.")
            .differs("order"),
        malformed("order-cut", &good[..good.len() - 1], "The order's last byte is missing."),
        malformed(
            "order-indefinite",
            &[&[0x30, 0x80], &body[..], &[0, 0]].concat(),
            "The order's length is indefinite: BER, not DER.",
        ),
        malformed(
            "order-long-length",
            &[&[0x30, 0x82, 0x00], &good[2..]].concat(),
            "The order's length has a byte too many.",
        ),
        malformed("order-set", &tlv(0x31, &[&body]), "The order is a SET."),
        malformed("order-field-more", &sequence(&[&body, &utf8("more")]), "The order has a field too many."),
        malformed("order-without-memo", &missing(MEMO), "The memo is missing."),
        malformed("order-without-kind", &missing(KIND), "The identifier of an order is missing."),
        malformed("order-without-payer", &missing(PAYER_ACCOUNT), "The payer's account is missing."),
        malformed("order-fields-moved", &fields(&moved), "Memo and time of issue have changed places."),
        case(
            "order-accounts-swapped",
            BANK.sealed(&fields(&swapped)),
            "order_mismatch",
            "Payer's and payee's account have changed places.",
        )
        .differs("order"),
        malformed(
            "order-request",
            &sequence(&[&integer(0), &sequence(&[]), &sequence(&[]), &context(0, &[])]),
            "A certificate request was signed.",
        ),
        malformed(
            "order-huge",
            &Order::good().text(MEMO, &"水".repeat(1000)).der(),
            "The order is longer than 2,048 bytes.",
        ),
        malformed("order-twice", &[&good[..], good].concat(), "Two orders were signed at once."),
    ]
}

fn fields() -> Vec<Case> {
    let bent = |name: &str, field: usize, value: Vec<u8>, wrong: &str| {
        malformed(name, &Order::good().with(field, value).der(), wrong)
    };
    vec![
        bent(
            "order-kind-other",
            KIND,
            oid("1.3.6.1.4.1.32473.20.2"),
            "The identifier is that of the purpose.",
        ),
        bent(
            "order-kind-longer",
            KIND,
            oid("1.3.6.1.4.1.32473.20.1.1"),
            "The identifier has an arc too many.",
        ),
        bent(
            "order-number-printable",
            NUMBER,
            printable("20260601-0001"),
            "The number is a PrintableString.",
        ),
        bent("order-number-integer", NUMBER, integer(202_606), "The number is an INTEGER."),
        bent(
            "order-nonce-pieces",
            NONCE,
            tlv(0x24, &[&octets(&[7; 8]), &octets(&[7; 8])]),
            "The nonce is in two pieces: BER.",
        ),
        bent(
            "order-payee-not-utf8",
            PAYEE_NAME,
            tlv(0x0C, &[b"\xE4\xB8\xFF\xE6\xB5\xB7"]),
            "The payee's name is not UTF-8.",
        ),
        bent(
            "order-payee-overlong",
            PAYEE_NAME,
            tlv(0x0C, &[b"\xC0\xAF"]),
            "The payee's name has a slash in two bytes.",
        ),
        bent(
            "order-payee-surrogate",
            PAYEE_NAME,
            tlv(0x0C, &[b"\xED\xA0\x80"]),
            "The payee's name has half a surrogate.",
        ),
        bent("order-payee-bmp", PAYEE_NAME, tlv(0x1E, &[&[0x4E, 0x0A]]), "The payee's name is a BMPString."),
        bent(
            "order-amount-long",
            AMOUNT,
            tlv(2, &[&[0, 0x27, 0x10]]),
            "The amount has a zero byte too many.",
        ),
        bent("order-amount-text", AMOUNT, utf8("100.00"), "The amount is a text."),
        bent("order-amount-real", AMOUNT, tlv(9, &[b"\x03+100.E0"]), "The amount is a REAL."),
        bent("order-amount-none", AMOUNT, tlv(2, &[]), "The amount has no digits."),
        bent("order-currency-utf8", CURRENCY, utf8("CNY"), "The currency is a UTF8String."),
        bent("order-issued-utc", ISSUED, tlv(0x17, &[b"260601080000Z"]), "The time of issue is a UTCTime."),
        bent(
            "order-issued-zone",
            ISSUED,
            generalized("20260601160000+0800"),
            "The time of issue has a zone.",
        ),
        bent(
            "order-issued-fraction",
            ISSUED,
            generalized("20260601080000.5Z"),
            "The time of issue has a fraction.",
        ),
        bent(
            "order-issued-minutes",
            ISSUED,
            generalized("202606010800Z"),
            "The time of issue has no seconds.",
        ),
        bent(
            "order-expires-no-day",
            EXPIRES,
            generalized("20260631080000Z"),
            "It expires on the 31st of June.",
        ),
        bent(
            "order-expires-second-60",
            EXPIRES,
            generalized("20260601080960Z"),
            "It expires in a second 60.",
        ),
        bent("order-memo-octets", MEMO, octets("6月水费".as_bytes()), "The memo is an OCTET STRING."),
    ]
}

fn sizes() -> Vec<Case> {
    let text = |name: &str, field: usize, value: &str, wrong: &str| {
        rule(name, &Order::good().text(field, value), wrong)
    };
    let bent = |name: &str, field: usize, value: Vec<u8>, wrong: &str| {
        rule(name, &Order::good().with(field, value), wrong)
    };
    vec![
        text("rule-number-empty", NUMBER, "", "The number is empty."),
        text("rule-number-long", NUMBER, &"7".repeat(65), "The number has 65 characters."),
        text("rule-payer-empty", PAYER_ACCOUNT, "", "The payer's account is empty."),
        text("rule-payer-long", PAYER_ACCOUNT, &"7".repeat(65), "The payer's account has 65 characters."),
        text("rule-payee-empty", PAYEE_NAME, "", "The payee's name is empty."),
        text("rule-payee-long", PAYEE_NAME, &"水".repeat(129), "The payee's name has 129 characters."),
        text("rule-account-empty", PAYEE_ACCOUNT, "", "The payee's account is empty."),
        text("rule-account-long", PAYEE_ACCOUNT, &"7".repeat(65), "The payee's account has 65 characters."),
        text("rule-memo-long", MEMO, &"水".repeat(257), "The memo has 257 characters."),
        bent("rule-nonce-short", NONCE, octets(&[7; 15]), "The nonce has 15 bytes."),
        bent("rule-nonce-long", NONCE, octets(&[7; 33]), "The nonce has 33 bytes."),
        bent("rule-nonce-empty", NONCE, octets(&[]), "The nonce is empty."),
        bent("rule-amount-zero", AMOUNT, integer(0), "The amount is 0."),
        bent("rule-amount-negative", AMOUNT, tlv(2, &[&[0xD8, 0xF0]]), "The amount is negative."),
        bent("rule-amount-over", AMOUNT, tlv(2, &[&[1, 0, 0, 0, 0, 0, 0, 0, 0]]), "The amount is 2^64."),
        bent("rule-currency-unknown", CURRENCY, printable("XYZ"), "Nobody has this currency."),
        bent("rule-currency-none", CURRENCY, printable("XXX"), "XXX stands for no currency."),
        bent("rule-currency-gold", CURRENCY, printable("XAU"), "Gold has no minor unit."),
        bent("rule-currency-lower", CURRENCY, printable("cny"), "The currency is in lower case."),
        bent("rule-currency-long", CURRENCY, printable("CNYY"), "The currency has four letters."),
        bent("rule-currency-empty", CURRENCY, printable(""), "The currency is empty."),
    ]
}

fn times() -> Vec<Case> {
    let during = |issued: &str, expires: &str| {
        Order::good().with(ISSUED, generalized(issued)).with(EXPIRES, generalized(expires))
    };
    vec![
        Case {
            level: crate::case::Level::Core,
            ..rule(
                "rule-kind-other",
                &Order::good().with(KIND, oid("1.3.6.1.4.1.32473.20.9")),
                "What the bank issued and the customer signed has an order's form, and another identifier.",
            )
        },
        rule(
            "rule-expires-at-once",
            &during("20260601080000Z", "20260601080000Z"),
            "It expires in the second of its issue.",
        ),
        rule(
            "rule-expires-before",
            &during("20260601080000Z", "20260601075959Z"),
            "It expires before it is issued.",
        ),
    ]
}
