//! One rule says what a screen shows, and three obey it: a token shows nothing else, nobody seals anything else, and no
//! bank takes anything else.

use crate::bank::{Ca, an_order};
use payment::{EncodedOrder, PaymentOrder, Reason, SealError, order, seal};

/// A change that no token shows.
type Bend = fn(&mut PaymentOrder, &str);

const PAYEE: Bend = |order, text| order.payee_name = text.into();
const MEMO: Bend = |order, text| order.memo = text.into();
const PAYEE_ACCOUNT: Bend = |order, text| order.payee_account = text.into();
const PAYER_ACCOUNT: Bend = |order, text| order.payer_account = text.into();
const NUMBER: Bend = |order, text| order.number = text.into();

const NOT_SHOWN: &[(Bend, &str)] = &[
    (PAYEE, "上海\n¥1.00"),
    (PAYEE, "\u{1b}[2J上海水务"),
    (PAYEE, "\u{202e}务水海上"),
    (PAYEE, "上\u{200b}海水务"),
    (PAYEE, "上海水务\0"),
    (PAYEE, "e\u{301}couter"),
    (PAYEE, "Bаnk of China"),
    (PAYEE, "¥1.00"),
    (PAYEE, "上海\u{e0041}水务"),
    (PAYEE, "上海水务 "),
    (PAYEE, "1.00元"),
    (PAYEE, "壹佰元整"),
    (PAYEE, "中国エ商银行"),
    (PAYEE, "CIT丫"),
    (PAYEE, "▪收款人"),
    (MEMO, "水\u{2028}费"),
    (MEMO, "水\u{feff}费"),
    (MEMO, "  "),
    (MEMO, "שלום"),
    (PAYEE_ACCOUNT, "６２２２０２１２３４５６７８９０１２３"),
    (PAYEE_ACCOUNT, "6222\t0212"),
    (PAYER_ACCOUNT, "62\u{202e}22"),
    (PAYER_ACCOUNT, " 6222"),
    (NUMBER, "1\r2"),
    (NUMBER, "订单1"),
];

#[test]
fn what_no_token_shows_is_neither_sealed_nor_taken() {
    let ca = Ca::new();
    let customer = ca.customer();
    let honest = an_order("1").order().clone();
    for (bend, text) in NOT_SHOWN {
        let mut bent = honest.clone();
        bend(&mut bent, text);
        // The bytes are a well-formed order. Only a text in the order is unfit for a screen.
        let encoded = EncodedOrder::new(bent.clone()).unwrap();
        let mut asked = false;
        let sealed = seal(&encoded, &[&customer.certificate], |bytes| {
            asked = true;
            customer.sign(bytes)
        });
        assert!(matches!(sealed, Err(SealError::NotShown(_))), "{text:?}: {sealed:?}");
        assert!(!asked, "{text:?}: the token was asked");
        assert_eq!(ca.verify(&customer.forge(&encoded)), Err(Reason::OrderUnshowable), "{text:?}");
        let json = serde_json::to_string(&order::OrderJson::from(&bent)).unwrap();
        assert!(matches!(order::from_json(&json), Err(order::OrderError::NotShown(_))), "{text:?}");
    }
}

/// The rule speaks of the text alone. A text that is too long for a small screen is shown on a larger screen.
#[test]
fn a_long_text_is_no_fault() {
    let ca = Ca::new();
    let customer = ca.customer();
    let mut order = an_order("1").order().clone();
    (order.payee_name, order.memo, order.amount) = ("水".repeat(128), "费".repeat(256), u64::MAX);
    let payment = ca.verify(&customer.seal(&EncodedOrder::new(order.clone()).unwrap())).unwrap();
    assert_eq!(payment.order, order);
}
