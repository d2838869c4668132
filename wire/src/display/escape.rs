//! A stranger's text on a terminal. What a peer, a file or a certificate says may hold escape sequences, line ends and
//! marks that turn the direction of writing; they are printed as `\u{1b}`, and do nothing.

use core::fmt::{self, Write};

/// A text whose `Display` is one line without a character that a terminal obeys or hides: see [`escaped`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<T>(T);

/// Shows a value on one line, with every character escaped that is a control, is invisible, or turns the direction of
/// writing (U+202E, but also Hebrew and Arabic letters, which pull digits with them), and the backslash itself, so that
/// no text can imitate an escape.
pub const fn escaped<T: fmt::Display>(value: T) -> Escaped<T> {
    Escaped(value)
}

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            // The one space but U+0020 that is as wide as it looks.
            '"' | '\'' | '\u{3000}' => self.0.write_char(c),
            c if obeyed_or_hidden(c) => write!(self.0, "{}", c.escape_unicode()),
            c => write!(self.0, "{}", c.escape_debug()),
        })
    }
}

/// Beyond what [`char::escape_debug`] knows (controls, formats, unassigned, combining marks): letters that have no
/// look, and scripts that are written from right to left (UAX 9, table 4).
const fn obeyed_or_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
            | '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}'
            | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn nothing_moves_the_cursor_or_hides() {
        for (text, shown) in [
            ("上海水务 7-Eleven \"é\"", "上海水务 7-Eleven \"é\""),
            ("\u{1b}[2Ja", "\\u{1b}[2Ja"),
            ("a\nb\rc\td\0", "a\\nb\\rc\\td\\0"),
            ("\u{202e}x\u{2066}\u{200b}\u{feff}", "\\u{202e}x\\u{2066}\\u{200b}\\u{feff}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("e\u{301}", "e\\u{301}"),
            ("\\n", "\\\\n"),
            ("שלום1", "\\u{5e9}\\u{5dc}\\u{5d5}\\u{5dd}1"),
            ("\u{3164}\u{e0041}", "\\u{3164}\\u{e0041}"),
        ] {
            assert_eq!(escaped(text).to_string(), shown);
        }
    }

    /// Over all of Unicode: what comes out is no control, no format, no line end, and unambiguous.
    #[test]
    fn every_character() {
        for c in (0..=0x10_FFFF_u32).filter_map(char::from_u32) {
            let shown = escaped(c).to_string();
            assert!(!shown.is_empty() && !shown.contains(char::is_control), "{:x}", u32::from(c));
            let alone = shown.chars().count() == 1;
            assert_eq!(alone, !shown.starts_with('\\'), "{shown}");
            assert!(alone || shown.is_ascii());
        }
    }
}
