//! Money: integer fen. No fraction of a fen exists anywhere in the bank.

use std::fmt;

/// An amount of renminbi in fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fen(pub(crate) i64);

/// The largest amount of one order: far above every ceiling, and far below where sums overflow.
const MOST: i64 = 1_000_000_000_000;

impl Fen {
    pub(crate) const fn yuan(yuan: i64) -> Self {
        Self(yuan * 100)
    }

    /// Reads `12`, `12.3` or `12.34`: more than zero, and no more than ten thousand million yuan.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (yuan, rest) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |text: &str, most: usize| {
            let right = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            right.then(|| text.parse::<i64>().ok()).flatten()
        };
        let fraction = digits(rest, 2)? * if rest.len() == 1 { 10 } else { 1 };
        let fen = digits(yuan, 12)?.checked_mul(100)?.checked_add(fraction)?;
        (1..=MOST).contains(&fen).then_some(Self(fen))
    }
}

impl Fen {
    /// As programs and shields write it: `1234.50`.
    pub(crate) fn plain(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Display for Fen {
    /// As people write it: `1,234.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, fen) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let yuan = (fen / 100).to_string();
        let grouped =
            yuan.as_bytes().rchunks(3).rev().map(|three| String::from_utf8_lossy(three).into_owned());
        write!(f, "{sign}{}.{:02}", grouped.collect::<Vec<_>>().join(","), fen % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::Fen;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, fen) in [("7", 700), ("0.01", 1), ("12.3", 1230), (" 12.34 ", 1234), ("50000", 5_000_000)]
        {
            assert_eq!(Fen::parse(text), Some(Fen(fen)), "{text}");
        }
        for text in [
            "",
            "0",
            "0.00",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.234",
            "1,000",
            "1e3",
            "٣",
            "NaN",
            "99999999999999999999",
        ] {
            assert_eq!(Fen::parse(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_in_groups() {
        for (fen, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (123_456_789, "1,234,567.89"),
            (-30_000, "-300.00"),
            (99_900, "999.00"),
        ] {
            assert_eq!(Fen(fen).to_string(), text);
        }
    }
}
