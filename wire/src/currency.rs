//! Currencies and their minor units. Source: ISO 4217:2015, list one (the table below is held against the
//! `iso_currency` crate by a test).

use alloc::{format, string::String};

use crate::Malformed;

/// Currencies whose minor unit is a hundredth, in blocks of three letters.
const TWO: &str = "AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBMDBNDBOBBRLBSDBTNBWPBYNBZDCADCDFCHFCNYCOPCRCCUPCVE\
CZKDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGTQGYDHKDHNLHTGHUFIDRILSINRIRRJMDKESKGSKHRKPWKYDKZTLAKLBPLKRLRD\
LSLMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMYRMZNNADNGNNIONOKNPRNZDPABPENPGKPHPPKRPLNQARRONRSDRUBSARSBDSCRSDG\
SEKSGDSHPSLESOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTOPTRYTTDTWDTZSUAHUSDUYUUZSVEDVESWSTXCDYERZARZMW";
/// Currencies without a minor unit.
const ZERO: &str = "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXVNDVUVXAFXOFXPF";
/// Currencies whose minor unit is a thousandth.
const THREE: &str = "BHDIQDJODKWDLYDOMRTND";

/// Digits after the decimal point; `None` when ISO 4217 has no such currency for payments (funds, metals and
/// test codes have none).
pub fn exponent(code: &str) -> Option<u8> {
    let listed =
        |table: &str| code.len() == 3 && table.as_bytes().chunks_exact(3).any(|c| c == code.as_bytes());
    if listed(TWO) {
        Some(2)
    } else if listed(ZERO) {
        Some(0)
    } else if listed(THREE) {
        Some(3)
    } else {
        None
    }
}

/// The sign shown before the amount; the code itself where a sign would be ambiguous.
pub fn sign(code: &str) -> String {
    match code {
        "CNY" => "¥".into(),
        "EUR" => "€".into(),
        "GBP" => "£".into(),
        _ => format!("{code} "),
    }
}

/// An amount in minor units as a decimal string: 10000 CNY is "100.00".
pub fn decimal(amount: u64, exponent: u8) -> String {
    let digits = usize::from(exponent);
    let padded = format!("{amount:0width$}", width = digits.saturating_add(1));
    match padded.split_at_checked(padded.len().saturating_sub(digits)) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{whole}.{fraction}"),
        _ => padded,
    }
}

/// A decimal string in minor units: "100.00" CNY is 10000. Digits after the point must be exactly the
/// currency's, or none with no point: "100" is 10000 too.
///
/// # Errors
/// Anything but such a number, greater than zero.
pub fn minor_units(text: &str, exponent: u8) -> Result<u64, Malformed> {
    let wrong = |fault| Malformed::new("amount", fault);
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if fraction.len() == usize::from(exponent) && exponent > 0 => {
            (whole, fraction)
        }
        Some(_) => return Err(wrong("has another number of decimals than the currency")),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0'))
    {
        return Err(wrong("is not a plain decimal number"));
    }
    let missing = usize::from(exponent).saturating_sub(fraction.len());
    let units: u64 =
        format!("{whole}{fraction}{:0<missing$}", "").parse().map_err(|_| wrong("is too large"))?;
    if units == 0 { Err(wrong("is zero")) } else { Ok(units) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_agrees_with_iso_currency() {
        for table in [TWO, ZERO, THREE] {
            assert_eq!(table.len() % 3, 0);
            for code in table.as_bytes().chunks_exact(3) {
                let code = core::str::from_utf8(code).unwrap();
                let theirs = iso_currency::Currency::from_code(code).unwrap_or_else(|| panic!("{code}"));
                assert_eq!(theirs.exponent(), exponent(code).map(u16::from), "{code}");
            }
        }
        for code in ["XXX", "XAU", "XTS", "cny", "CN", "CNYX", "NYC", ""] {
            assert_eq!(exponent(code), None, "{code}");
        }
    }

    #[test]
    fn amounts() {
        for (text, digits, units) in
            [("100.00", 2, 10_000), ("100", 2, 10_000), ("0.01", 2, 1), ("7", 0, 7), ("1.234", 3, 1234)]
        {
            assert_eq!(minor_units(text, digits), Ok(units));
            assert_eq!(minor_units(&decimal(units, digits), digits), Ok(units));
        }
        assert_eq!(decimal(5, 2), "0.05");
        for text in [
            "",
            ".",
            "0",
            "0.00",
            "1.5",
            "1.",
            "-1.00",
            "+1.00",
            "1e3",
            "01.00",
            "1,000.00",
            "１.00",
            "99999999999999999999.00",
            " 1.00",
        ] {
            assert!(minor_units(text, 2).is_err(), "{text}");
        }
    }
}
