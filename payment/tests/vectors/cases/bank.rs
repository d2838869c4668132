//! What only the bank knows: what it issued, who may pay, what was paid, what time it is.

use crate::{
    case::{BANK, Case, case},
    certificate::{Certificate, PAYER, SERIAL_NUMBER, name},
    der::{generalized, integer, octets, printable},
    document::{
        AMOUNT, CURRENCY, Document, EXPIRES, ISSUED, MEMO, NONCE, NUMBER, Order, PAYEE_ACCOUNT, PAYEE_NAME,
        PAYER_ACCOUNT,
    },
    key::Key,
};

pub(crate) fn cases() -> Vec<Case> {
    [issued(), times(), payers(), replays()].concat()
}

/// Well-formed orders that were signed in the place of the good order, which is the one that the bank issued.
fn issued() -> Vec<Case> {
    let other = |name: &str, order: Order, wrong: &str| {
        case(name, BANK.sealed(&order.der()), "order_mismatch", wrong).differs("order")
    };
    let order = Order::good;
    vec![
        other(
            "issued-other-nonce",
            order().with(NONCE, octets(&[1; 16])),
            "The nonce is another than the bank's.",
        ),
        other("issued-other-amount", order().with(AMOUNT, integer(1)), "One fen was signed, and not 100.00."),
        other(
            "issued-other-currency",
            order().with(CURRENCY, printable("JPY")),
            "The same number of yen was signed.",
        ),
        other("issued-other-payee", order().text(PAYEE_NAME, "北京水务"), "Another payee was signed."),
        other(
            "issued-other-account",
            order().text(PAYEE_ACCOUNT, "6222021234567890124"),
            "Another account of the payee's was signed.",
        ),
        other(
            "issued-other-number",
            order().text(NUMBER, "20260601-0002"),
            "Another order number was signed.",
        ),
        other("issued-other-memo", order().text(MEMO, "7月水费"), "Another memo was signed."),
        other(
            "issued-other-expiry",
            order().with(EXPIRES, generalized("20260601082000Z")),
            "A later time of expiry was signed.",
        ),
        case("issued-another", BANK.document().der(), "order_mismatch", "The bank issued another order.")
            .issued("another", &order().with(AMOUNT, integer(9_999)).der())
            .differs("order"),
    ]
}

fn times() -> Vec<Case> {
    let good =
        |name: &str, time: &str, wrong: &str| case(name, BANK.document().der(), "accepted", wrong).at(time);
    let bad = |name: &str, time: &str, expected, wrong: &str| {
        case(name, BANK.document().der(), expected, wrong).at(time).differs("time")
    };
    let during = |name: &str, issued: &str, expires: &str, expected, wrong: &str| {
        let order = Order::good().with(ISSUED, generalized(issued)).with(EXPIRES, generalized(expires)).der();
        case(name, BANK.sealed(&order), expected, wrong).issued_itself(&order)
    };
    vec![
        good("time-at-issue", "2026-06-01T08:00:00Z", "Good: in the second of its issue."),
        good("time-last-second", "2026-06-01T08:10:00Z", "Good: in the last second."),
        bad("time-over", "2026-06-01T08:10:01Z", "order_expired", "The order expired a second ago."),
        bad("time-long-over", "2026-07-01T00:00:00Z", "order_expired", "The order expired a month ago."),
        good(
            "time-clock-behind",
            "2026-06-01T07:55:00Z",
            "Good: the verifier's clock is five minutes behind.",
        ),
        bad(
            "time-early",
            "2026-06-01T07:54:59Z",
            "order_not_yet_valid",
            "The order was issued more than five minutes in the future.",
        ),
        bad(
            "time-day-early",
            "2026-05-31T08:05:00Z",
            "order_not_yet_valid",
            "The order was issued tomorrow.",
        ),
        during(
            "time-future-order",
            "20270601080000Z",
            "20270601081000Z",
            "order_not_yet_valid",
            "The order is of next year.",
        )
        .differs("time"),
        during(
            "time-past-order",
            "20250601080000Z",
            "20250601081000Z",
            "order_expired",
            "The order is of last year.",
        )
        .differs("time"),
        during(
            "time-a-day",
            "20260601080000Z",
            "20260602080000Z",
            "accepted",
            "Good: the order lives 24 hours, as long as an order may.",
        ),
        during(
            "time-over-a-day",
            "20260601080000Z",
            "20260602080001Z",
            "order_lifetime",
            "The order lives a second longer than 24 hours.",
        )
        .differs("time"),
        during(
            "time-for-ever",
            "20260601080000Z",
            "99991231235959Z",
            "order_lifetime",
            "The order lives until 9999.",
        )
        .differs("time"),
    ]
}

fn payers() -> Vec<Case> {
    let bad = |name: &str, rule: &str, expected, wrong: &str| {
        case(name, BANK.document().der(), expected, wrong).payer(rule).differs("account")
    };
    let from = Order::good().text(PAYER_ACCOUNT, "6222020000000777").der();
    let theirs = case(
        "payer-other-account",
        BANK.sealed(&from),
        "payer_mismatch",
        "The payer's account is somebody else's.",
    )
    .issued_itself(&from)
    .differs("account");
    let mine = case(
        "payer-second-account",
        BANK.sealed(&from),
        "accepted",
        "Good: the account has another number than the user, and the bank knows it.",
    )
    .issued_itself(&from)
    .payer("6222020000000001=6222020000000777");
    vec![
        theirs,
        mine,
        bad(
            "payer-other-user",
            "6222020000000002=6222020000000001",
            "payer_mismatch",
            "The account is another user's.",
        ),
        bad(
            "payer-longer-user",
            "62220200000000011=6222020000000001",
            "payer_mismatch",
            "The account is a user's whose ID begins like the signer's.",
        ),
        bad("payer-nobody", "=6222020000000001", "payer_mismatch", "The account is nobody's."),
        bad(
            "payer-unavailable",
            "unavailable",
            "payer_unavailable",
            "The bank's book of accounts does not answer.",
        ),
    ]
}

/// Several documents that are held against one store, in this order.
fn replays() -> Vec<Case> {
    let order = |number: &str| Order::good().text(NUMBER, number).der();
    let first = order("20260601-0101");
    let kept = |name: &str, order: &[u8], store: &str, expected, wrong: &str| {
        let case = case(name, BANK.sealed(order), expected, wrong).issued_itself(order).store(store);
        if expected == "accepted" { case } else { case.differs("replay") }
    };
    let again = BANK.key.sign_with_s(&first, true);
    let again = if again == BANK.key.sign(&first) { BANK.key.sign_with_s(&first, false) } else { again };
    let signer = crate::document::Signer {
        signature: octets(&again),
        ..crate::document::Signer::new(&BANK.key, &BANK.certificate, &first)
    };
    let resigned = Document::of(&first, &[&BANK.certificate], &[&signer.der()]).der();
    let resigned = case(
        "replay-other-signature",
        resigned,
        "order_replayed",
        "The order was paid, and comes again with the other of its two signatures.",
    )
    .issued_itself(&first)
    .store("replay")
    .differs("replay");
    let renewed = Certificate::payment(&BANK.key).serial(0x44).signed_by(&BANK.root);
    let renewed = case(
        "replay-other-certificate",
        Document::signed(&first, &BANK.key, &[&renewed]).der(),
        "order_replayed",
        "The order was paid, and comes again with the customer's new certificate.",
    )
    .issued_itself(&first)
    .store("replay")
    .differs("replay");
    let longer = Document::signed(&first, &BANK.key, &[&BANK.certificate, &BANK.root.certificate]).der();
    let longer = case(
        "replay-more-certificates",
        longer,
        "order_replayed",
        "The order was paid, and comes again with another certificate in the document.",
    )
    .issued_itself(&first)
    .store("replay")
    .differs("replay");
    // Another customer's order that has the same number and nonce.
    let account = "6222020000000002";
    let key = Key::p256("second customer");
    let subject = name(&[(SERIAL_NUMBER, account)]);
    let certificate =
        Certificate { subject, ..Certificate::payment(&key).serial(0x43) }.signed_by(&BANK.root);
    let theirs = Order::good().text(NUMBER, "20260601-0201").text(PAYER_ACCOUNT, account).der();
    let blocker = case(
        "replay-neighbour",
        Document::signed(&theirs, &key, &[&certificate]).der(),
        "accepted",
        "Good: another customer's order.",
    )
    .issued_itself(&theirs)
    .payer("6222020000000002=6222020000000002")
    .store("neighbour");
    vec![
        kept("replay-first", &first, "replay", "accepted", "Good: the order is paid for the first time."),
        kept("replay-again", &first, "replay", "order_replayed", "The order was paid, and comes again."),
        resigned,
        renewed,
        longer,
        kept(
            "replay-next",
            &order("20260601-0102"),
            "replay",
            "accepted",
            "Good: the customer's next order.",
        ),
        blocker,
        kept(
            "replay-same-number",
            &order("20260601-0201"),
            "neighbour",
            "accepted",
            "Good: the customer's own order, with the number and the nonce of the other customer's.",
        ),
        kept(
            "replay-same-number-again",
            &order("20260601-0201"),
            "neighbour",
            "order_replayed",
            "The same again.",
        ),
        kept(
            "replay-unavailable",
            &order("20260601-0103"),
            "unavailable",
            "replay_unavailable",
            "The store of paid orders does not answer.",
        )
        .text(),
        case(
            "replay-refused-first",
            BANK.sealed(&order("20260601-0301")),
            "payer_mismatch",
            "The account is another user's; the order is not spent by that.",
        )
        .issued_itself(&order("20260601-0301"))
        .payer(&format!("6222020000000002={PAYER}"))
        .store("refused")
        .differs("account"),
        kept(
            "replay-after-refusal",
            &order("20260601-0301"),
            "refused",
            "accepted",
            "Good: the order that was refused above is paid.",
        ),
    ]
}
