//! The pages for orders, requests and certificates, and the effect of a button.

use super::*;
use alloc::vec;
use core::time::Duration;
use der::{
    Encode,
    asn1::{GeneralizedTime, PrintableString},
};
use proptest::prelude::*;
use wire::brand::Brand;

use crate::fixture;

fn order(payee: &str, amount: u64, memo: &str) -> PaymentOrder {
    PaymentOrder { payee_name: payee.into(), amount, memo: memo.into(), ..fixture::order() }
}

/// The default brand with a screen of this size.
fn with_screen(columns: usize, rows: usize) -> Profile {
    Profile::of(Brand { generation: Generation::Two { columns, rows }, ..Brand::standard() })
}

fn ask(order: &PaymentOrder) -> Result<Prompt, Refusal> {
    Prompt::payment(order.bytes().unwrap(), &Profile::standard())
}

fn turned(pressed: Pressed) -> Prompt {
    match pressed {
        Pressed::Turned(prompt) => prompt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payment_is_paged_and_confirmed_on_the_last_page_only() {
    let order = order("上海水务", 10_000, "6月水费");
    let prompt = ask(&order).unwrap();
    let screen = prompt.screen();
    let expected =
        ["付款 (测试令牌)", "▪收款人 To", "上海水务", "¥100.00", "▪收款账号 Acct", "6222021234567890123"];
    assert_eq!(screen, Screen { lines: expected.map(String::from).to_vec(), page: 1, pages: 2 });

    let prompt = prompt.by_pin().unwrap_err();
    let prompt = turned(prompt.press(Button::Ok));
    let expected = [
        "▪附言:6月水费",
        "▪订单:20260601-0001",
        "▪付款账号 From",
        "6222020000000001",
        "▪至2027-01-15 08:10Z",
    ];
    assert_eq!(prompt.screen(), Screen { lines: expected.map(String::from).to_vec(), page: 2, pages: 2 });
    let Pressed::Confirmed(consent) = prompt.press(Button::Ok) else { panic!() };
    assert_eq!((consent.kind(), consent.public_key()), (Kind::Payment, None));
    assert_eq!(consent.bytes(), order.bytes().unwrap());
}

#[test]
fn cancel_works_on_every_page() {
    let order = order("上海水务", 10_000, &"水".repeat(200));
    let mut prompt = ask(&order).unwrap();
    for page in 1.. {
        let screen = prompt.screen();
        assert_eq!(screen.page, page);
        assert!(matches!(ask_at(&order, page).press(Button::Cancel), Pressed::Cancelled));
        if screen.page == screen.pages {
            break;
        }
        prompt = turned(prompt.press(Button::Ok));
    }
    assert!(prompt.screen().pages > 4);
}

fn ask_at(order: &PaymentOrder, page: usize) -> Prompt {
    (1..page).fold(ask(order).unwrap(), |prompt, _| turned(prompt.press(Button::Ok)))
}

#[test]
fn without_a_screen_the_pin_is_the_consent() {
    let order = order("上海水务", 10_000, "");
    let ask = || Prompt::payment(order.bytes().unwrap(), &Profile::first_generation()).unwrap();
    assert_eq!(ask().screen(), Screen::default());
    assert!(matches!(ask().press(Button::Ok), Pressed::Cancelled));
    assert_eq!(ask().by_pin().unwrap().bytes(), order.bytes().unwrap());
}

#[test]
fn what_is_no_order_is_a_wrong_use() {
    let good = order("上海水务", 10_000, "").bytes().unwrap();
    let standard = Profile::standard();
    for bytes in [vec![], vec![0; 32], b"\x31\x00".to_vec(), good[1..].to_vec(), [&good[..], &[0]].concat()] {
        assert_eq!(Prompt::payment(bytes.clone(), &standard).unwrap_err(), Refusal::WrongUse);
        assert_eq!(Prompt::request(Container::Payment, bytes, &standard).unwrap_err(), Refusal::WrongUse);
    }
    assert_eq!(Prompt::request(Container::Payment, good, &standard).unwrap_err(), Refusal::WrongUse);
    assert_eq!(Prompt::payment(request(&[("2.5.4.3", "张三")]), &standard).unwrap_err(), Refusal::WrongUse);
}

#[test]
fn dishonest_text_cannot_be_shown() {
    let refused =
        |order: &PaymentOrder| assert_eq!(ask(order).unwrap_err(), Refusal::CannotShow, "{order:?}");
    for text in ["上海\n¥1.00", "\u{202e}务水", "上\u{200b}海", "Bаnk", "上  海", "e\u{301}", "שלום", "▸水"]
    {
        refused(&order(text, 10_000, "水费"));
        refused(&order("上海水务", 10_000, text));
    }
    refused(&order("¥1.00", 10_000, ""));
    refused(&PaymentOrder { payee_account: "６２２２".into(), ..order("上海水务", 1, "") });
    refused(&PaymentOrder { payer_account: "62\u{202e}22".into(), ..order("上海水务", 1, "") });
    refused(&PaymentOrder { number: "1\n2".into(), ..order("上海水务", 1, "") });
}

/// An amount is never broken over two lines. A refusal of an amount that is too long for the screen does not blame its
/// characters.
#[test]
fn what_has_no_room_is_refused_for_that() {
    assert_eq!(ask(&order("上海水务", u64::MAX, "")).unwrap_err(), Refusal::NoRoom);
    let tiny = with_screen(8, 2);
    let bytes = order("上海水务", 1, "").bytes().unwrap();
    assert_eq!(Prompt::payment(bytes, &tiny).unwrap_err(), Refusal::NoRoom);
}

#[test]
fn currencies_have_their_sign_and_decimals() {
    for (code, amount, shown) in
        [("CNY", 1, "¥0.01"), ("JPY", 100, "JPY 100"), ("EUR", 123_456, "€1234.56"), ("KWD", 1, "KWD 0.001")]
    {
        let currency = PrintableString::new(code).unwrap();
        let lines = ask(&PaymentOrder { currency, ..order("上海水务", amount, "") }).unwrap().screen().lines;
        assert_eq!(lines[2..4], ["上海水务", shown]);
    }
}

/// A CertificationRequestInfo for a made-up key, by hand.
fn request(subject: &[(&str, &str)]) -> Vec<u8> {
    let wrap = |tag: u8, body: Vec<u8>| {
        let mut out = vec![tag];
        match u8::try_from(body.len()).unwrap() {
            short @ 0..=127 => out.push(short),
            long => out.extend([0x81, long]),
        }
        [out, body].concat()
    };
    let rdn = |(kind, value): &(&str, &str)| {
        let kind = ObjectIdentifier::new(kind).unwrap().to_der().unwrap();
        wrap(0x31, wrap(0x30, [kind, (*value).to_der().unwrap()].concat()))
    };
    let names = wrap(0x30, subject.iter().flat_map(rdn).collect());
    wrap(0x30, [vec![2, 1, 0], names, KEY.to_vec(), vec![0xA0, 0]].concat())
}
const KEY: &[u8] = &[0x30, 0x05, 0x03, 0x03, 0x00, 0x01, 0x02];

#[test]
fn attributes_would_be_signed_unseen() {
    let mut bytes = request(&[("2.5.4.3", "张三")]);
    let length = bytes.len();
    bytes[length - 1] = 2; // the empty [0] holds NULL now
    bytes.extend([5, 0]);
    bytes[1] += 2;
    assert_eq!(
        Prompt::request(Container::Payment, bytes, &Profile::standard()).unwrap_err(),
        Refusal::CannotShow
    );
}

#[test]
fn a_request_shows_its_subject() {
    let bytes = request(&[("2.5.4.3", "张三"), ("2.5.4.5", "U0001"), ("1.3.6.1.4.1.32473.9999999.1", "x")]);
    let prompt = Prompt::request(Container::Payment, bytes.clone(), &Profile::standard()).unwrap();
    let title = "申请付款证书(测试)";
    assert_eq!(prompt.screen().lines, [title, "▪姓名 CN", "张三", "▪编号 Serial", "U0001"]);
    let prompt = turned(prompt.press(Button::Ok));
    assert_eq!(prompt.screen().lines, ["▪1.3.6.1.4.1.32473.9", "▪999999.1", "x"]);
    let Pressed::Confirmed(consent) = prompt.press(Button::Ok) else { panic!() };
    assert_eq!(consent.kind(), Kind::Request);
    assert_eq!((consent.bytes(), consent.public_key()), (&bytes[..], Some(KEY)));
    let nine_a = Container::Piv(wire::piv::Slot::Authentication);
    let other = Prompt::request(nine_a, bytes, &Profile::standard()).unwrap();
    assert_eq!(other.screen().lines[0], "申请9A证书(测试)");
    for value in ["", "a\u{202e}b", "Bаnk", "x\n▪单位 O"] {
        let request = request(&[("2.5.4.3", value)]);
        let refused = Prompt::request(Container::Payment, request, &Profile::standard());
        assert_eq!(refused.unwrap_err(), Refusal::CannotShow, "{value}");
    }
}

#[test]
fn debug_output_hides_the_bytes() {
    assert_eq!(format!("{:?}", Consent::unseen(vec![0x5A; 3])), "Consent(Unseen, 3 bytes)");
    assert_eq!(Consent::unseen(vec![1, 2]).bytes(), [1, 2]);
}

/// An order's pages as the eye sees them, without the space at a line's end.
fn seen(order: &PaymentOrder, columns: usize, rows: usize) -> Option<Vec<Vec<String>>> {
    let profile = with_screen(columns, rows);
    let pages = Prompt::payment(order.bytes().unwrap(), &profile).ok()?.pages;
    Some(pages.iter().map(|page| page.iter().map(|line| line.trim_end().into()).collect()).collect())
}

/// Every field of the order that is shown.
fn shown(order: &PaymentOrder) -> [String; 7] {
    let amount = format!("{}{}", order.currency.as_str(), order.amount);
    let PaymentOrder { payee_name, payee_account, memo, number, payer_account, .. } = order.clone();
    [payee_name, amount, payee_account, memo, number, payer_account, expiry(order)]
}

/// The texts that have one character more than this text, one less, or one other.
fn neighbours(text: &str, c: char) -> impl Iterator<Item = String> {
    text.char_indices().flat_map(move |(at, old)| {
        let (before, after) = text.split_at(at);
        let rest = &after[old.len_utf8()..];
        [format!("{before}{c}{after}"), format!("{before}{rest}"), format!("{before}{c}{rest}")]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Two orders that differ in a field that is shown also differ on the screen, whatever its size. The second order
    /// is the first with one character changed, at each place where a line could break.
    #[test]
    fn two_orders_never_give_one_screen(
        texts in prop::array::uniform2("([a-c上水]{1,6}[ \u{3000}]){0,6}[a-c上水]{1,9}"),
        numbers in prop::array::uniform3("[0-9]([ -]?[0-9]){0,24}"),
        amount in 1_u64..2_000_000, minutes in 1_u64..600,
        columns in 16_usize..24, rows in 3_usize..8,
        field in 0_usize..5, c in prop::sample::select(vec![' ', '\u{3000}', '上', 'a', '1', '-']),
    ) {
        let [number, payee_account, payer_account] = numbers;
        let [payee_name, memo] = texts;
        let expires = |minutes| {
            GeneralizedTime::from_unix_duration(Duration::from_secs(1_800_000_000 + 60 * minutes)).unwrap()
        };
        let fields = PaymentOrder { number, payee_account, payer_account, memo, ..order(&payee_name, amount, "") };
        let one = PaymentOrder { expires: expires(minutes), ..fields };
        let text = [&one.payee_name, &one.payee_account, &one.memo, &one.number, &one.payer_account][field];
        let with = |text: String| {
            let mut two = one.clone();
            let PaymentOrder { payee_name, payee_account, memo, number, payer_account, .. } = &mut two;
            *[payee_name, payee_account, memo, number, payer_account][field] = text;
            two
        };
        let mut others: Vec<_> = neighbours(text, c).map(with).collect();
        others.push(PaymentOrder { amount: amount + 1, ..one.clone() });
        others.push(PaymentOrder { expires: expires(minutes + 1), ..one.clone() });
        let Some(first) = seen(&one, columns, rows) else { return Ok(()) };
        for two in others.iter().filter(|two| two.check().is_ok() && shown(two) != shown(&one)) {
            if let Some(second) = seen(two, columns, rows) {
                prop_assert_ne!(&first, &second, "{:?}", two);
            }
        }
    }
}

proptest! {
    /// The order is confirmed by OK on every page, and not by one OK less. The pages hold every field.
    #[test]
    fn the_consent_is_for_the_bytes_shown(
        payee in "[a-z上海水务]{1,128}",
        amount in 1_u64..1_000_000_000_000,
        memo in "[0-9上海水务。]{0,256}",
    ) {
        let order = order(&payee, amount, &memo);
        let mut prompt = ask(&order).unwrap();
        let pages = prompt.screen().pages;
        let mut text = String::new();
        let mut presses = 0;
        let consent = loop {
            presses += 1;
            prop_assert_eq!(prompt.screen().page, presses);
            text.extend(prompt.screen().lines.iter().map(|line| line.trim_start_matches('▸')));
            match prompt.press(Button::Ok) {
                Pressed::Turned(next) => prompt = next,
                Pressed::Confirmed(consent) => break consent,
                Pressed::Cancelled => panic!("OK cancelled"),
            }
        };
        prop_assert_eq!(presses, pages);
        prop_assert_eq!(consent.bytes(), order.bytes().unwrap());
        let together = format!("{payee}¥{}▪", order.decimal_amount());
        prop_assert!(text.contains(&together) && text.contains(&memo));
    }
}
