//! What the holder sees, and the proof that it was seen.
//!
//! A [`Consent`] owns the bytes that will be signed, and those made by a [`Prompt`] have no other maker: nobody can
//! show one text and sign another. What is shown is derived from the signed bytes only.

// The order is the law: a module uses only modules listed below it.
mod layout;

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use der::asn1::ObjectIdentifier;
use wire::{
    currency, display,
    payment::PaymentOrder,
    pkix::{Certificate, CertificationRequestInfo},
    shield::Container,
};

use self::layout::Field;
use crate::{
    profile::{Generation, Profile},
    refusal::Refusal,
    seams::{Button, Screen},
};

/// What was consented to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A payment order that the holder confirmed.
    Payment,
    /// A certification request for a personal ID that the holder confirmed.
    Request,
    /// A certificate that, with its key, takes the place of the payment key's, and that the holder confirmed.
    Replacement,
    /// Bytes that nobody looked at.
    Unseen,
}

/// The bytes to sign, and what the holder knows of them. It cannot be copied: one consent, one signature.
pub struct Consent {
    kind: Kind,
    bytes: Vec<u8>,
    /// Of a request: the key it is for.
    public_key: Vec<u8>,
}

impl Consent {
    /// Bytes that nobody looked at: for keys whose policy asks for no confirmation.
    pub const fn unseen(bytes: Vec<u8>) -> Self {
        Self { kind: Kind::Unseen, bytes, public_key: Vec::new() }
    }

    /// What was consented to.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes to sign or to install, and no others.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Of a [`Kind::Request`]: the key that it names, a whole SubjectPublicKeyInfo in DER.
    pub fn public_key(&self) -> Option<&[u8]> {
        (self.kind == Kind::Request).then_some(&*self.public_key)
    }
}

/// Tells how many bytes, not which: unseen bytes may be a padded block of a decryption.
impl fmt::Debug for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consent({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// A question to the holder: pages, and the consent that OK on the last of them gives.
#[derive(Debug)]
pub struct Prompt {
    pages: Vec<Vec<String>>,
    /// The page shown, from 0.
    page: usize,
    consent: Consent,
}

/// What a button did.
#[derive(Debug)]
pub enum Pressed {
    /// Another page is shown.
    Turned(Prompt),
    /// OK on the last page.
    Confirmed(Consent),
    /// Cancel, on any page.
    Cancelled,
}

const PAYMENT_TITLE: &str = "付款 (测试令牌)";
const REPLACEMENT_TITLE: &str = "更换付款证书(测试)";

/// The title of a request names the key: an enrolment asks twice, and the holder can tell which is which.
fn request_title(container: Container) -> String {
    match container {
        Container::Payment => "申请付款证书(测试)".into(),
        Container::Piv(_) => format!("申请{:02X}证书(测试)", container.reference()),
    }
}

impl Prompt {
    /// Asks for a payment: payee, amount, account, memo, order number, payer's account, time of expiry.
    ///
    /// # Errors
    /// [`Refusal::WrongUse`] for bytes that are not the one encoding of a payment order;
    /// [`Refusal::CannotShow`] for text that no screen shows honestly; [`Refusal::NoRoom`] for what this one has no
    /// room for.
    pub fn payment(bytes: Vec<u8>, profile: &Profile) -> Result<Self, Refusal> {
        let order = PaymentOrder::parse(&bytes).map_err(|_| Refusal::WrongUse)?;
        display::check_order(&order).map_err(|_| Refusal::CannotShow)?;
        let pages = lay_out(PAYMENT_TITLE, &order_fields(&order, &expiry(&order)), profile)?;
        Ok(Self { pages, page: 0, consent: Consent { kind: Kind::Payment, bytes, public_key: Vec::new() } })
    }

    /// Asks for a personal ID, by the key in this container: each attribute of the subject.
    ///
    /// # Errors
    /// [`Refusal::WrongUse`] for bytes that are not a CertificationRequestInfo;
    /// [`Refusal::CannotShow`] for text that no screen shows honestly; [`Refusal::NoRoom`] for what this screen has no room
    /// for.
    pub fn request(container: Container, bytes: Vec<u8>, profile: &Profile) -> Result<Self, Refusal> {
        let request = CertificationRequestInfo::parse(&bytes).map_err(|_| Refusal::WrongUse)?;
        // The holder would sign the request's attributes without seeing them: no page shows them.
        if !request.attributes.is_empty() {
            return Err(Refusal::CannotShow);
        }
        let fields = subject_fields(&request.subject)?;
        let pages = lay_out(&request_title(container), &fields, profile)?;
        let public_key = request.public_key.into();
        Ok(Self { pages, page: 0, consent: Consent { kind: Kind::Request, bytes, public_key } })
    }

    /// Asks whether this certificate, DER, may take the place of the payment key's, with the key that it is for: each
    /// attribute of its holder, and its serial number.
    ///
    /// # Errors
    /// [`Refusal::WrongData`] for bytes that are no certificate of somebody, with a number;
    /// [`Refusal::CannotShow`] for text that the screen cannot show honestly.
    pub fn replacement(bytes: Vec<u8>, profile: &Profile) -> Result<Self, Refusal> {
        let certificate = Certificate::parse(&bytes).map_err(|_| Refusal::WrongData)?;
        if !certificate.has_serial_number() {
            return Err(Refusal::WrongData);
        }
        let holder = certificate.holder().map_err(|_| Refusal::WrongData)?;
        // The INTEGER's leading zero keeps the number positive. It is left out here, as openssl leaves it out.
        let number = certificate.serial_number.strip_prefix(&[0]).unwrap_or(certificate.serial_number);
        let number: String = number.iter().map(|byte| format!("{byte:02X}")).collect();
        let mut fields = subject_fields(&holder)?;
        fields.push(Field::new("证书号 Cert No.", &number));
        let pages = lay_out(REPLACEMENT_TITLE, &fields, profile)?;
        let consent = Consent { kind: Kind::Replacement, bytes, public_key: Vec::new() };
        Ok(Self { pages, page: 0, consent })
    }

    /// The page to show; without lines for a token without a screen.
    pub fn screen(&self) -> Screen {
        let lines = self.pages.get(self.page).cloned().unwrap_or_default();
        Screen { lines, page: self.page.saturating_add(1).min(self.pages.len()), pages: self.pages.len() }
    }

    /// A button was pressed while [`Self::screen`] was shown. OK confirms on the last page only; before it, OK
    /// turns the page.
    pub fn press(self, button: Button) -> Pressed {
        let next = self.page.saturating_add(1);
        match button {
            Button::Ok if next < self.pages.len() => Pressed::Turned(Self { page: next, ..self }),
            Button::Ok if next == self.pages.len() => Pressed::Confirmed(self.consent),
            // A token without a screen has no pages and no button, so no press confirms anything.
            Button::Ok | Button::Cancel => Pressed::Cancelled,
        }
    }

    /// On a first-generation token the PIN, verified for this very command, is the consent.
    ///
    /// # Errors
    /// Gives the prompt back when there is a screen: then the holder must look.
    pub fn by_pin(self) -> Result<Consent, Self> {
        if self.pages.is_empty() { Ok(self.consent) } else { Err(self) }
    }
}

/// The payee and the amount come first and together. The fields that the holder decides by follow, and those that only
/// identify the order come last.
fn order_fields<'a>(order: &'a PaymentOrder, expiry: &'a str) -> Vec<Field<'a>> {
    let amount = format!("{}{}", currency::sign(order.currency.as_str()), order.decimal_amount());
    let payee = Field { last: Some(amount), ..Field::new("收款人 To", &order.payee_name) };
    let mut fields = Vec::from([payee, Field::new("收款账号 Acct", &order.payee_account)]);
    if !order.memo.is_empty() {
        let compact = Some(format!("附言:{}", order.memo));
        fields.push(Field { compact, ..Field::new("附言 Memo", &order.memo) });
    }
    let compact = Some(format!("订单:{}", order.number));
    fields.push(Field { compact, ..Field::new("订单号 Order", &order.number) });
    fields.push(Field::new("付款账号 From", &order.payer_account));
    fields.push(Field { compact: Some(format!("至{expiry}Z")), ..Field::new("有效期至 UTC", expiry) });
    fields
}

/// A field for each attribute of a subject.
fn subject_fields(subject: &[(ObjectIdentifier, String)]) -> Result<Vec<Field<'_>>, Refusal> {
    for (_, value) in subject {
        display::check_text(value).map_err(|_| Refusal::CannotShow)?;
    }
    Ok(subject.iter().map(|(kind, value)| Field::new(attribute_label(&format!("{kind}")), value)).collect())
}

/// When the order expires, in UTC, to the minute: the token has no clock, but the holder has.
fn expiry(order: &PaymentOrder) -> String {
    let time = order.expires.to_date_time();
    let (year, month, day) = (time.year(), time.month(), time.day());
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", time.hour(), time.minutes())
}

/// The pages for the brand's screen; none for a token without a screen.
fn lay_out(title: &str, fields: &[Field<'_>], profile: &Profile) -> Result<Vec<Vec<String>>, Refusal> {
    match profile.generation {
        Generation::One => Ok(Vec::new()),
        Generation::Two { columns, rows } => {
            layout::pages(title, fields, columns, rows).ok_or(Refusal::NoRoom)
        }
    }
}

/// What a subject's attribute is called. Source: RFC 4519, 2; RFC 5280, appendix A.1.
fn attribute_label(dotted: &str) -> String {
    let known = match dotted {
        "2.5.4.3" => "姓名 CN",
        "2.5.4.4" => "姓 SN",
        "2.5.4.5" => "编号 Serial",
        "2.5.4.6" => "国家 C",
        "2.5.4.7" => "城市 L",
        "2.5.4.8" => "省 ST",
        "2.5.4.9" => "街道 STREET",
        "2.5.4.10" => "单位 O",
        "2.5.4.11" => "部门 OU",
        "2.5.4.12" => "职务 Title",
        "2.5.4.42" => "名 GN",
        "0.9.2342.19200300.100.1.1" => "用户 UID",
        "0.9.2342.19200300.100.1.25" => "域 DC",
        "1.2.840.113549.1.9.1" => "邮箱 Email",
        _ => return dotted.into(),
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::time::Duration;
    use der::{
        Encode,
        asn1::{GeneralizedTime, OctetString, PrintableString},
    };
    use proptest::prelude::*;
    use wire::payment::PAYMENT_ORDER;

    fn order(payee: &str, amount: u64, memo: &str) -> PaymentOrder {
        let time = |seconds| GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap();
        PaymentOrder {
            kind: PAYMENT_ORDER,
            number: "20260601-0001".into(),
            nonce: OctetString::new(vec![7; 16]).unwrap(),
            payer_account: "6222020000000001".into(),
            payee_name: payee.into(),
            payee_account: "6222021234567890123".into(),
            amount,
            currency: PrintableString::new("CNY").unwrap(),
            issued: time(1_800_000_000),
            expires: time(1_800_000_600),
            memo: memo.into(),
        }
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
        for bytes in
            [vec![], vec![0; 32], b"\x31\x00".to_vec(), good[1..].to_vec(), [&good[..], &[0]].concat()]
        {
            assert_eq!(Prompt::payment(bytes.clone(), &standard).unwrap_err(), Refusal::WrongUse);
            assert_eq!(Prompt::request(Container::Payment, bytes, &standard).unwrap_err(), Refusal::WrongUse);
        }
        assert_eq!(Prompt::request(Container::Payment, good, &standard).unwrap_err(), Refusal::WrongUse);
        assert_eq!(
            Prompt::payment(request(&[("2.5.4.3", "张三")]), &standard).unwrap_err(),
            Refusal::WrongUse
        );
    }

    #[test]
    fn dishonest_text_cannot_be_shown() {
        let refused =
            |order: &PaymentOrder| assert_eq!(ask(order).unwrap_err(), Refusal::CannotShow, "{order:?}");
        for text in
            ["上海\n¥1.00", "\u{202e}务水", "上\u{200b}海", "Bаnk", "上  海", "e\u{301}", "שלום", "▸水"]
        {
            refused(&order(text, 10_000, "水费"));
            refused(&order("上海水务", 10_000, text));
        }
        refused(&order("¥1.00", 10_000, ""));
        refused(&PaymentOrder { payee_account: "６２２２".into(), ..order("上海水务", 1, "") });
        refused(&PaymentOrder { payer_account: "62\u{202e}22".into(), ..order("上海水务", 1, "") });
        refused(&PaymentOrder { number: "1\n2".into(), ..order("上海水务", 1, "") });
    }

    /// An amount is never broken over two lines, and what is too long for the screen is not blamed on its characters.
    #[test]
    fn what_has_no_room_is_refused_for_that() {
        assert_eq!(ask(&order("上海水务", u64::MAX, "")).unwrap_err(), Refusal::NoRoom);
        let tiny = Profile { generation: Generation::Two { columns: 8, rows: 2 }, ..Profile::standard() };
        let bytes = order("上海水务", 1, "").bytes().unwrap();
        assert_eq!(Prompt::payment(bytes, &tiny).unwrap_err(), Refusal::NoRoom);
    }

    #[test]
    fn currencies_have_their_sign_and_decimals() {
        for (code, amount, shown) in [
            ("CNY", 1, "¥0.01"),
            ("JPY", 100, "JPY 100"),
            ("EUR", 123_456, "€1234.56"),
            ("KWD", 1, "KWD 0.001"),
        ] {
            let currency = PrintableString::new(code).unwrap();
            let lines =
                ask(&PaymentOrder { currency, ..order("上海水务", amount, "") }).unwrap().screen().lines;
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
        let bytes =
            request(&[("2.5.4.3", "张三"), ("2.5.4.5", "U0001"), ("1.3.6.1.4.1.32473.9999999.1", "x")]);
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

    /// What the eye can tell apart of an order's pages: a space at a line's end is not there.
    fn seen(order: &PaymentOrder, columns: usize, rows: usize) -> Option<Vec<Vec<String>>> {
        let profile = Profile { generation: Generation::Two { columns, rows }, ..Profile::standard() };
        let pages = Prompt::payment(order.bytes().unwrap(), &profile).ok()?.pages;
        Some(pages.iter().map(|page| page.iter().map(|line| line.trim_end().into()).collect()).collect())
    }

    /// Every field that is shown.
    fn shown(order: &PaymentOrder) -> [String; 7] {
        let amount = format!("{}{}", order.currency.as_str(), order.amount);
        let PaymentOrder { payee_name, payee_account, memo, number, payer_account, .. } = order.clone();
        [payee_name, amount, payee_account, memo, number, payer_account, expiry(order)]
    }

    /// All that one character of a text more, less or another makes of it.
    fn neighbours(text: &str, c: char) -> impl Iterator<Item = String> {
        text.char_indices().flat_map(move |(at, old)| {
            let (before, after) = text.split_at(at);
            let rest = &after[old.len_utf8()..];
            [format!("{before}{c}{after}"), format!("{before}{rest}"), format!("{before}{c}{rest}")]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// Two orders that differ in anything shown differ on the screen, of whatever size. The second is the first with
        /// one character changed, wherever a line could break.
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
        /// OK as often as there are pages confirms; once less does not; and the pages hold every field.
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
}
