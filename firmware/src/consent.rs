//! What the holder sees, and the proof that it was seen.
//!
//! A [`Consent`] owns the bytes that will be signed, and those made by a [`Prompt`] have no other maker: nobody can
//! show one text and sign another. What is shown is derived from the signed bytes only.
//! How long a person has to answer is a value of the brand (`wire::brand::Brand::prompt_timeout`).

// The order is the law: a module uses only modules listed below it (tests/floors.rs).
mod layout;
#[cfg(test)]
mod tests;

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
    match profile.brand.generation {
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
