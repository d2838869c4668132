//! Why a text is not shown.

/// Why a text is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// A character that is invisible, unassigned, not laid out cell by cell, or looks like the screen's own marks.
    #[error(
        "has a character that no screen shows (control, bidirectional, zero-width, combining, or of a script that joins its letters)"
    )]
    Character,
    /// A space at an end, or two in a row: they could push text to where another field stands.
    #[error("has a space at an end, or two spaces in a row")]
    Spaces,
    /// Not in NFC: two spellings would look the same.
    #[error("is not in Unicode's Normalization Form C")]
    Spelling,
    /// Scripts mixed beyond UTS 39's "Highly Restrictive".
    #[error("mixes scripts whose letters pass for one another")]
    Scripts,
    /// Letters that pass for Latin ones: a whole word of Greek or Cyrillic, or an ideograph inside a Latin word.
    #[error("has letters that pass for Latin ones")]
    LooksLatin,
    /// A kana or a dash that passes for an ideograph.
    #[error("has a kana or a dash that passes for an ideograph")]
    LooksHan,
    /// An account or a number with more than ASCII in it.
    #[error("has more than ASCII in it")]
    NotAscii,
    /// A name that reads like an amount of money.
    #[error("reads like an amount of money")]
    LooksLikeAmount,
}
