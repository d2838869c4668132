//! A regular expression that a screen's text is compared with. It has limits, so that a client cannot make the server work
//! for ever.

use std::{fmt, str::FromStr};

use regex_lite::{Regex, RegexBuilder};

/// The most bytes of an expression. The whole text of a screen fits.
const LONGEST: usize = 1024;
/// The most bytes of a compiled expression. The time of a comparison is at most proportional to this, times the text.
const LARGEST: usize = 64 << 10;

/// A regular expression that costs little, in memory and in time.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is not taken as an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPattern {
    /// Not a regular expression.
    #[error("it is not a regular expression: {0}")]
    Malformed(String),
    /// A regular expression that costs too much.
    #[error(
        "it is too large: a regular expression has 1,024 bytes at most, and repetitions such as {{1000}} count as often as \
         they repeat"
    )]
    Large,
}

impl FromStr for Pattern {
    type Err = NotPattern;

    fn from_str(text: &str) -> Result<Self, NotPattern> {
        if text.len() > LONGEST {
            return Err(NotPattern::Large);
        }
        let error = match RegexBuilder::new(text).size_limit(LARGEST).build() {
            Ok(regex) => return Ok(Self(regex)),
            Err(error) => error,
        };
        // The crate tells the two errors apart in words only. An expression that is no error without the limit is too large.
        Err(if error.to_string().contains("size limit") {
            NotPattern::Large
        } else {
            NotPattern::Malformed(error.to_string())
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl Pattern {
    /// Whether a part of the text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_much_is_refused() {
        for text in ["水务", "^¥1", "(?i)ok|cancel", "[0-9]{19}", &"付".repeat(300), r"[\s\S]{0,200}水务"]
        {
            let pattern = text.parse::<Pattern>().unwrap();
            assert_eq!(pattern.to_string(), text);
        }
        for text in ["a{1000}{1000}", "((a{100}){100}){100}", r"(\w{500}|\d{500}){50}", &"a".repeat(1025)] {
            assert_eq!(text.parse::<Pattern>().unwrap_err(), NotPattern::Large, "{text}");
        }
        for text in ["(", "[", r"\q", &"(".repeat(500)] {
            assert!(matches!(text.parse::<Pattern>(), Err(NotPattern::Malformed(_))), "{text}");
        }
    }
}
