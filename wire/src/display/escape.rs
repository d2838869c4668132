//! A stranger's text on a terminal. What a peer, a file or a certificate says may hold escape sequences, line ends and
//! marks that turn the direction of writing; they are printed as `\u{1b}`, and do nothing.

use core::fmt::{self, Write};

/// A text whose `Display` holds no character that a terminal obeys or hides; [`escaped`], [`printed`] and [`json`] make
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escaped<T>(T, Form);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Part,
    Line,
    Json,
}

/// A stranger's text as a part of a line: every character escaped that is a control (a line end, too), is invisible, or
/// turns the direction of writing (U+202E, but also Hebrew and Arabic letters, which pull digits with them), and the
/// backslash itself, so that no text imitates an escape.
pub const fn escaped<T: fmt::Display>(text: T) -> Escaped<T> {
    Escaped(text, Form::Part)
}

/// A whole line as a program prints it: as [`escaped`], but for backslashes, since parts of it may be escaped already,
/// and tabs.
pub const fn printed<T: fmt::Display>(line: T) -> Escaped<T> {
    Escaped(line, Form::Line)
}

/// JSON, with JSON's own escapes (RFC 8259, 7). Such characters stand inside its strings only; line ends between its
/// tokens stay.
pub const fn json<T: fmt::Display>(text: T) -> Escaped<T> {
    Escaped(text, Form::Json)
}

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(f, self.1), "{}", self.0)
    }
}

/// A character of a name that other programs print, such as a reader's: one that a terminal obeys becomes a question mark.
pub fn tamed(c: char) -> char {
    let turns =
        matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    if c.is_control() || turns { '?' } else { c }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>, Form);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let Self(out, form) = self;
        text.chars().try_for_each(|c| match (*form, c) {
            (Form::Part, '\\') => out.write_str("\\\\"),
            (Form::Json, '\n') | (Form::Line, '\t') => out.write_char(c),
            (_, c) if !obeyed_or_hidden(c) => out.write_char(c),
            (Form::Json, c) => {
                c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
            (_, '\n' | '\r' | '\t' | '\0') => write!(out, "{}", c.escape_debug()),
            (_, c) => write!(out, "{}", c.escape_unicode()),
        })
    }
}

/// What [`char::escape_debug`] knows (controls, formats, unassigned, combining marks), letters that have no look, and
/// scripts that are written from right to left (UAX 9, table 4). U+3000 is a space, and as wide as it looks.
fn obeyed_or_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
            | '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}'
            | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}'
    ) || (!matches!(c, '"' | '\'' | '\\' | '\u{3000}') && c.escape_debug().len() > 1)
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
            assert_eq!(printed(escaped(text)).to_string(), shown);
        }
        assert_eq!(printed("C:\\a\n\tb").to_string(), "C:\\a\\n\tb");
        assert_eq!(
            json("{\n\"a\": \"\u{202e}\u{e0041}\\u001b\u{7f}\"}").to_string(),
            "{\n\"a\": \"\\u202e\\udb40\\udc41\\u001b\\u007f\"}"
        );
    }

    #[test]
    fn a_name_for_other_programs_is_tame() {
        let name: alloc::string::String = "שלום\u{1b}[2J\n上\u{202e}\u{9b}é".chars().map(tamed).collect();
        assert_eq!(name, "שלום?[2J?上??é");
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
