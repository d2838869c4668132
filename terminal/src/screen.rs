//! A token's screen, drawn.

use unicode_width::UnicodeWidthStr;
use wire::display::escaped;

/// One page of a token's screen as a box, each line of the box behind `indent`. `page` counts from 1.
pub fn draw(lines: &[String], page: usize, pages: usize, indent: &str) -> String {
    // A token that is not ours may show anything.
    let lines: Vec<String> = lines.iter().map(|line| escaped(line).to_string()).collect();
    let widest = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let inner = widest.max(20);
    let number = if pages > 1 { format!(" page {page} of {pages} ") } else { String::new() };
    let mut out = format!("{indent}┌{}┐\n", "─".repeat(inner + 2));
    for line in &lines {
        out += &format!("{indent}│ {line}{} │\n", " ".repeat(inner - line.width()));
    }
    let rule = "─".repeat((inner + 2).saturating_sub(number.width()));
    out + &format!("{indent}└{rule}{number}┘\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_cells() {
        let drawn = draw(&["上海水务".into(), "¥100.00".into()], 1, 2, "");
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.width() == 24), "{drawn}");
        assert!(lines[3].contains("page 1 of 2"));
    }

    #[test]
    fn what_a_terminal_obeys_is_drawn_as_text() {
        assert!(draw(&["a\nb\x1b[2J".into()], 1, 1, "").contains("│ a\\nb\\u{1b}[2J"));
    }
}
