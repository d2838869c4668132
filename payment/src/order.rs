//! The order as JSON, for people and programs. What is signed is the order's DER ([`EncodedOrder`]).

mod terms;

use der::{
    DateTime,
    asn1::{GeneralizedTime, OctetString, PrintableString},
};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use wire::{
    Malformed, currency,
    display::{NotShown, check_order},
    payment::PAYMENT_ORDER,
};

pub use terms::Terms;
pub use wire::payment::{EncodedOrder, PaymentOrder};

/// A payment order in JSON. Every field is a string, so that no reader rounds an amount; unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderJson {
    /// The bank's order number, 1 to 64 characters.
    pub number: String,
    /// 16 to 32 bytes as lower-case hexadecimal; see [`fresh_nonce`].
    pub nonce: String,
    /// The payer's account, 1 to 64 characters.
    pub payer_account: String,
    /// The payee's name, 1 to 128 characters.
    pub payee_name: String,
    /// The payee's account, 1 to 64 characters.
    pub payee_account: String,
    /// The amount in decimal: "100.00"; all of the currency's decimals, or none of them.
    pub amount: String,
    /// ISO 4217 alphabetic code.
    pub currency: String,
    /// RFC 3339 in UTC, whole seconds: "2026-06-01T08:00:00Z".
    pub issued: String,
    /// Later than `issued`, same form.
    pub expires: String,
    /// 0 to 256 characters.
    #[serde(default)]
    pub memo: String,
}

/// Why JSON is no payment order.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Not JSON of this form.
    #[error("the order is not the JSON of a payment order: {0}; correct the JSON at that place")]
    Json(#[from] serde_json::Error),
    /// A field breaks a rule.
    #[error("{0}; correct the order")]
    Rule(#[from] Malformed),
    /// A text that no token shows.
    #[error("{0}; have the order issued in plain text")]
    NotShown(#[from] NotShown),
    /// Its time is over.
    #[error("the order expired at {0}; have a new one issued, or set this computer's clock if it is wrong")]
    Expired(DateTime),
    /// There is no nonce.
    #[error("the order has no nonce: {0}; try again")]
    Random(#[from] std::io::Error),
}

/// Reads an order from JSON, checks it, and encodes it: the DER that comes with it is what the token signs.
///
/// # Errors
/// Other JSON, unknown fields, a field that breaks a rule of [`PaymentOrder::check`], or a text that no token shows.
pub fn from_json(json: &str) -> Result<EncodedOrder, OrderError> {
    let order = EncodedOrder::try_from(&serde_json::from_str::<OrderJson>(json)?)?;
    check_order(order.order())?;
    Ok(order)
}

/// Writes an order as indented JSON, with a line feed at its end.
///
/// # Errors
/// The order breaks a rule of [`PaymentOrder::check`], or has a text that no token shows.
pub fn to_json(order: &PaymentOrder) -> Result<String, OrderError> {
    order.check()?;
    check_order(order)?;
    Ok(serde_json::to_string_pretty(&OrderJson::from(order))? + "\n")
}

/// Whether an order may still be signed at this time. The token has no clock, so a program asks this before anybody is asked for a
/// PIN.
///
/// # Errors
/// [`OrderError::Expired`], by the verifier's own comparison.
pub fn check_open(order: &PaymentOrder, at: SystemTime) -> Result<(), OrderError> {
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if order.expires.to_unix_duration().as_secs() < at {
        return Err(OrderError::Expired(order.expires.to_date_time()));
    }
    Ok(())
}

/// A new nonce as the JSON has it: 16 random bytes, 32 characters.
///
/// # Errors
/// The system's random source failed.
pub fn fresh_nonce() -> Result<String, std::io::Error> {
    let mut nonce = [0; 16];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| std::io::Error::other("the random source failed"))?;
    Ok(hex(&nonce))
}

/// Reads a time as the JSON has it: RFC 3339 in UTC with whole seconds, "2026-06-01T08:00:00Z".
///
/// # Errors
/// Another form, or a day that no calendar has.
pub fn parse_time(text: &str) -> Result<SystemTime, Malformed> {
    Ok(UNIX_EPOCH + date_time(text)?.unix_duration())
}

/// Writes a time as the JSON has it; fractions of a second are dropped.
///
/// # Errors
/// Before 1970 or after 9999.
pub fn format_time(time: SystemTime) -> Result<String, Malformed> {
    let wrong = || Malformed::new("time", "is not between 1970 and 9999");
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
    Ok(DateTime::from_unix_duration(since).map_err(|_| wrong())?.to_string())
}

fn date_time(text: &str) -> Result<DateTime, Malformed> {
    text.parse().map_err(|_| Malformed::new("time", "is not RFC 3339 in UTC, like 2026-06-01T08:00:00Z"))
}

impl TryFrom<&OrderJson> for EncodedOrder {
    type Error = Malformed;

    fn try_from(json: &OrderJson) -> Result<Self, Malformed> {
        let wrong = |fault| Malformed::new("payment order", fault);
        let exponent =
            currency::exponent(&json.currency).ok_or_else(|| wrong("currency is not in ISO 4217"))?;
        Self::new(PaymentOrder {
            kind: PAYMENT_ORDER,
            number: json.number.clone(),
            nonce: OctetString::new(unhex(&json.nonce)?).map_err(|_| wrong("nonce is too long"))?,
            payer_account: json.payer_account.clone(),
            payee_name: json.payee_name.clone(),
            payee_account: json.payee_account.clone(),
            amount: currency::minor_units(&json.amount, exponent)?,
            currency: PrintableString::new(&json.currency)
                .map_err(|_| wrong("currency is not in ISO 4217"))?,
            issued: GeneralizedTime::from_date_time(date_time(&json.issued)?),
            expires: GeneralizedTime::from_date_time(date_time(&json.expires)?),
            memo: json.memo.clone(),
        })
    }
}

impl From<&PaymentOrder> for OrderJson {
    fn from(order: &PaymentOrder) -> Self {
        Self {
            number: order.number.clone(),
            nonce: hex(order.nonce.as_bytes()),
            payer_account: order.payer_account.clone(),
            payee_name: order.payee_name.clone(),
            payee_account: order.payee_account.clone(),
            amount: order.decimal_amount(),
            currency: order.currency.as_str().into(),
            issued: order.issued.to_date_time().to_string(),
            expires: order.expires.to_date_time().to_string(),
            memo: order.memo.clone(),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal in lower case only, so that one nonce has one spelling.
fn unhex(text: &str) -> Result<Vec<u8>, Malformed> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(Malformed::new("nonce", "is not lower-case hexadecimal")),
    };
    if !text.len().is_multiple_of(2) {
        return Err(Malformed::new("nonce", "has half a byte"));
    }
    text.as_bytes().chunks_exact(2).map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JSON: &str = r#"{
  "number": "20260601-0001",
  "nonce": "000102030405060708090a0b0c0d0e0f",
  "payer_account": "6222020000000001",
  "payee_name": "上海水务",
  "payee_account": "6222021234567890123",
  "amount": "100.00",
  "currency": "CNY",
  "issued": "2026-06-01T08:00:00Z",
  "expires": "2026-06-01T08:10:00Z",
  "memo": "6月水费"
}
"#;

    #[test]
    fn json_and_back() {
        let encoded = from_json(JSON).unwrap();
        let order = encoded.order();
        assert_eq!((order.amount, order.payee_name.as_str()), (10_000, "上海水务"));
        assert_eq!(to_json(order).unwrap(), JSON);
        assert_eq!(PaymentOrder::parse(&encoded).unwrap(), *order);
        let without_memo = JSON.replace(",\n  \"memo\": \"6月水费\"", "");
        assert_eq!(from_json(&without_memo).unwrap().order().memo, "");
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        for (from, to) in [
            ("\"memo\"", "\"meno\""),
            ("\"100.00\"", "100.00"),
            ("\"100.00\"", "\"100.0\""),
            ("\"100.00\"", "\"0.00\""),
            ("\"100.00\"", "\"1e2\""),
            ("\"CNY\"", "\"XXX\""),
            ("\"CNY\"", "\"cny\""),
            ("0e0f\"", "0e0\""),
            ("0e0f\"", "0E0F\""),
            ("0e0f\"", "\""),
            ("08:10:00Z", "08:10:00+08:00"),
            ("08:10:00Z", "08:10:00"),
            ("08:10:00Z", "08:10:00.5Z"),
            ("01T08:10", "31T08:10"),
            ("08:10:00Z", "08:00:00Z"),
            ("\"上海水务\"", "\"\""),
            ("{\n", "{\n\"number\": \"2\",\n"),
        ] {
            assert!(JSON.contains(from), "{from}");
            let json = JSON.replace(from, to);
            assert!(from_json(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_no_token_shows_is_refused() {
        let json = JSON.replace("上海水务", "1.00元");
        assert!(matches!(from_json(&json), Err(OrderError::NotShown(_))));
        let order =
            PaymentOrder { memo: "水\u{202e}费".into(), ..from_json(JSON).unwrap().order().clone() };
        assert!(matches!(to_json(&order), Err(OrderError::NotShown(_))));
    }

    #[test]
    fn an_order_is_open_until_it_expires() {
        let order = from_json(JSON).unwrap();
        let at = |time| check_open(order.order(), parse_time(time).unwrap());
        assert!(at("2026-06-01T08:10:00Z").is_ok());
        let error = at("2026-06-01T08:10:01Z").unwrap_err().to_string();
        assert!(error.contains("2026-06-01T08:10:00Z") && error.contains("; "), "{error}");
    }

    #[test]
    fn nonces_and_times() {
        let (one, two) = (fresh_nonce().unwrap(), fresh_nonce().unwrap());
        assert!(one != two && unhex(&one).unwrap().len() == 16);
        let time = parse_time("2026-06-01T08:00:00Z").unwrap();
        assert_eq!(format_time(time).unwrap(), "2026-06-01T08:00:00Z");
        assert!(format_time(UNIX_EPOCH - std::time::Duration::from_secs(1)).is_err());
    }

    proptest! {
        #[test]
        fn every_valid_order_travels(
            payee in "[a-z上海水务é·]{0,127}水", memo in "[!-~]{0,256}|[一-龥]{0,256}", amount in 1_u64.., seconds in 1_u32..,
            code in prop::sample::select(vec!["CNY", "JPY", "KWD", "USD"]),
        ) {
            let time = |s: u64| GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(s)).unwrap();
            let order = PaymentOrder {
                payee_name: payee, memo, amount,
                currency: PrintableString::new(code).unwrap(),
                issued: time(0), expires: time(seconds.into()),
                ..from_json(JSON).unwrap().order().clone()
            };
            // Some letters pass for others beside them: the rule of display has tests of its own.
            prop_assume!(check_order(&order).is_ok());
            let again = from_json(&to_json(&order).unwrap()).unwrap();
            prop_assert_eq!(again.order(), &order);
        }
    }
}
