//! Texts that people read and shields show.

use crate::error::{Refusal, Result};

/// A text that fits into an order, without the characters that change how others are shown.
pub(crate) fn text(text: &str, least: usize, most: usize) -> Result<String> {
    let text = text.trim();
    let length = text.chars().count();
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
    };
    if (least..=most).contains(&length) && !text.chars().any(bad) {
        Ok(text.to_owned())
    } else {
        Err(Refusal::BadText.into())
    }
}
