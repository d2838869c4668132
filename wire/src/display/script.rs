//! The script of a character (UAX 24). Nearly all that a screen shows is ASCII or an ordinary ideograph, and of these the script is known
//! without a search in Unicode's table, which takes as long as reading all the rest of a payment.

pub(super) use unicode_script::Script;
use unicode_script::UnicodeScript as _;

/// The script of a character.
pub(super) fn script(c: char) -> Script {
    match c {
        'A'..='Z' | 'a'..='z' => Script::Latin,
        '\0'..='\x7F' => Script::Common,
        '\u{4E00}'..='\u{9FFF}' => Script::Han,
        _ => c.script(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_unicodes_table_says() {
        for c in '\0'..=char::MAX {
            assert_eq!(script(c), c.script(), "{:04X}", u32::from(c));
        }
    }
}
