//! Lines and pages. A label's line opens with the mark [`LABEL`], a continued line with the mark [`CONTINUED`], and a text's
//! first line with no mark. No text may contain these marks, so no field can imitate another one, wherever its lines break.

use alloc::{format, string::String, vec, vec::Vec};
use core::mem;

use wire::display::{space, width};

/// Opens a line that names what follows.
pub(super) const LABEL: char = '▪';
/// Opens a line that goes on with the text above it.
pub(super) const CONTINUED: char = '▸';

/// The smallest screen with room for a label, a payee and an amount.
pub(super) const LEAST_COLUMNS: usize = 16;
pub(super) const LEAST_ROWS: usize = 3;

/// A label, a text in as many lines as it needs, and at most one line that must not break (the amount).
///
/// `compact` says label and text on one line, and is taken where it fits. It must name the field in other words than the
/// label does, so that no text makes it look like the label.
pub(super) struct Field<'a> {
    pub(super) label: String,
    pub(super) text: &'a str,
    pub(super) last: Option<String>,
    pub(super) compact: Option<String>,
}

impl<'a> Field<'a> {
    pub(super) fn new(label: impl Into<String>, text: &'a str) -> Self {
        Self { label: label.into(), text, last: None, compact: None }
    }
}

/// Lays a title and fields out on pages of `rows` lines of `columns` cells; `None` when they do not fit.
///
/// Other fields give other pages, for the eye too: each line's cells are the text's own, none is lost at a line's end.
pub(super) fn pages(
    title: &str,
    fields: &[Field<'_>],
    columns: usize,
    rows: usize,
) -> Option<Vec<Vec<String>>> {
    if columns < LEAST_COLUMNS || rows < LEAST_ROWS {
        return None;
    }
    let mut pages = Pages { rows, done: Vec::new(), page: Vec::new() };
    pages.place(vec![wrap(title, None, Some(CONTINUED), columns)?])?;
    for field in fields {
        pages.place(pieces(field, columns)?)?;
    }
    pages.done.push(pages.page);
    Some(pages.done)
}

/// A field's lines, in pieces that stay on one page: the label with the first line, the last line with the amount.
fn pieces(field: &Field<'_>, columns: usize) -> Option<Vec<Vec<String>>> {
    if let Some(compact) = &field.compact {
        let line = format!("{LABEL}{compact}");
        if field.last.is_none() && cells(&line) <= columns {
            return Some(vec![vec![line]]);
        }
    }
    // Each line of a label carries the label's mark: a long object identifier takes several.
    let mut piece = wrap(&field.label, Some(LABEL), Some(LABEL), columns)?;
    let mut pieces = Vec::new();
    for (i, line) in wrap(field.text, None, Some(CONTINUED), columns)?.into_iter().enumerate() {
        if i > 0 {
            pieces.push(mem::take(&mut piece));
        }
        piece.push(line);
    }
    if let Some(last) = &field.last {
        if cells(last) > columns {
            return None;
        }
        piece.push(last.clone());
    }
    pieces.push(piece);
    Some(pieces)
}

fn cells(text: &str) -> usize {
    text.chars().map(width).fold(0, usize::saturating_add)
}

/// Breaks a text where the line is full; the first line opens with `first`, the others with `next`. A space that would
/// end a line opens the next one: there it is seen. `None` when a character finds no room on a line of its own.
fn wrap(text: &str, first: Option<char>, next: Option<char>, columns: usize) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    let mut line = String::from_iter(first);
    for c in text.chars() {
        if cells(&line).saturating_add(width(c)) > columns {
            let space = line.ends_with(space).then(|| line.pop()).flatten();
            lines.push(mem::replace(&mut line, String::from_iter(next.into_iter().chain(space))));
            if cells(&line).saturating_add(width(c)) > columns {
                return None;
            }
        }
        line.push(c);
    }
    lines.push(line);
    Some(lines)
}

struct Pages {
    rows: usize,
    done: Vec<Vec<String>>,
    page: Vec<String>,
}

impl Pages {
    fn turn(&mut self) {
        self.done.push(mem::take(&mut self.page));
    }

    fn room(&self) -> usize {
        self.rows.saturating_sub(self.page.len())
    }

    /// Places a block on one page if a page can hold it, else piece by piece.
    fn place(&mut self, pieces: Vec<Vec<String>>) -> Option<()> {
        let whole = pieces.iter().map(Vec::len).fold(0, usize::saturating_add);
        if whole > self.room() && whole <= self.rows && !self.page.is_empty() {
            self.turn();
        }
        for piece in pieces {
            if piece.len() > self.rows {
                return None;
            }
            if piece.len() > self.room() {
                self.turn();
            }
            self.page.extend(piece);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    /// Reads pages back: (label, text, amount) of each field.
    fn read(pages: &[Vec<String>], with_amount: usize) -> Vec<(String, String, Option<String>)> {
        let mut fields: Vec<(String, Vec<String>)> = Vec::new();
        let mut in_label = false;
        for line in pages.iter().flatten().skip(1) {
            if let Some(label) = line.strip_prefix(LABEL) {
                if in_label {
                    fields.last_mut().unwrap().0.push_str(label);
                } else {
                    fields.push((label.to_string(), Vec::new()));
                }
                in_label = true;
            } else if let Some(more) = line.strip_prefix(CONTINUED) {
                fields.last_mut().unwrap().1.last_mut().unwrap().push_str(more);
                in_label = false;
            } else {
                fields.last_mut().unwrap().1.push(line.clone());
                in_label = false;
            }
        }
        let split = |(i, (label, texts)): (usize, (String, Vec<String>))| {
            assert_eq!(texts.len(), if i < with_amount { 2 } else { 1 });
            (label, texts[0].clone(), texts.get(1).cloned())
        };
        fields.into_iter().enumerate().map(split).collect()
    }

    proptest! {
        #[test]
        fn every_character_once_in_order_and_nothing_overflows(
            columns in 0_usize..40,
            rows in 0_usize..9,
            payee in "[a-z上海水务éЖ“¥. 0-9ー]{1,128}",
            amount in 1_u64..,
            others in prop::collection::vec(("[a-z0-9. 账号]{1,60}", "[ -~一-龥ａ-ｚ]{1,256}"), 0..5),
        ) {
            let amount = wire::currency::decimal(amount, 2);
            let mut fields = vec![Field { label: "收款人".into(), text: &payee, last: Some(amount.clone()), compact: None }];
            fields.extend(others.iter().map(|(label, text)| Field::new(label.clone(), text)));
            let Some(pages) = pages("付款", &fields, columns, rows) else {
                // Only a small screen, a long amount or a long label is a reason.
                prop_assert!(columns < LEAST_COLUMNS || rows < LEAST_ROWS || amount.len() > columns
                    || others.iter().any(|(label, _)| cells(label) / (columns - 3) + 2 > rows));
                return Ok(());
            };
            for page in &pages {
                prop_assert!((1..=rows).contains(&page.len()));
                for line in page {
                    prop_assert!(cells(line) <= columns, "{line}");
                    prop_assert!(!line.is_empty() && line.chars().count() > usize::from(line.starts_with([LABEL, CONTINUED])));
                }
                prop_assert!(!page.last().unwrap().starts_with(LABEL), "a label without its text");
            }
            let back = read(&pages, 1);
            prop_assert_eq!(back.len(), fields.len());
            for (found, field) in back.iter().zip(&fields) {
                prop_assert_eq!((&found.0, found.1.as_str(), &found.2), (&field.label, field.text, &field.last));
            }
        }
    }

    #[test]
    fn a_wrapped_name_cannot_pass_for_the_amount() {
        let field =
            Field { last: Some("¥100.00".into()), ..Field::new("收款人", "ABCDEFGHIJKLMNOP1.00") };
        let pages = pages("付款", &[field], 16, 6).unwrap();
        assert_eq!(pages, [["付款", "▪收款人", "ABCDEFGHIJKLMNOP", "▸1.00", "¥100.00"]]);
    }

    #[test]
    fn a_space_at_a_lines_end_is_seen_on_the_next() {
        let lines = |text| pages("付款", &[Field::new("附言", text)], 16, 6).unwrap().concat().split_off(2);
        assert_eq!(lines("abcdefghijklmno上"), ["abcdefghijklmno", "▸上"]);
        assert_eq!(lines("abcdefghijklmno 上"), ["abcdefghijklmno", "▸ 上"]);
        assert_eq!(lines("abcdefghijklmn\u{3000}上"), ["abcdefghijklmn", "▸\u{3000}上"]);
        assert_eq!(lines("abcdefghijklmnop q"), ["abcdefghijklmnop", "▸ q"]);
    }

    #[test]
    fn a_short_field_takes_one_line() {
        let field =
            |text| Field { compact: Some(format!("附言:{text}")), ..Field::new("附言 Memo", text) };
        let lines = |text| pages("付款", &[field(text)], 16, 6).unwrap().concat().split_off(1);
        assert_eq!(lines("6月水费"), ["▪附言:6月水费"]);
        assert_eq!(lines("Memo"), ["▪附言:Memo"]);
        assert_eq!(lines("2026年6月水费"), ["▪附言 Memo", "2026年6月水费"]);
    }
}
