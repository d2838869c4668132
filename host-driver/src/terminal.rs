//! What people see: colour only on a terminal, the token's screen as a box, one line a step.

use std::io::{IsTerminal, Write};

use rustix::{process::getpgrp, stdio::stdin, termios::tcgetpgrp};
use unicode_width::UnicodeWidthStr;

use crate::control::view::Screen;

/// Writes colour, or does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self { colour: wanted(std::io::stdout().is_terminal()) }
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self { colour: wanted(std::io::stderr().is_terminal()) }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }
}

/// <https://no-color.org>: any text in NO_COLOR switches colour off.
fn wanted(terminal: bool) -> bool {
    terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The token's screen as a box of `columns` cells, each line behind `indent`.
pub(crate) fn draw(screen: &Screen, indent: &str) -> String {
    let widest = screen.lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let inner = widest.max(20);
    let pages =
        if screen.pages > 1 { format!(" page {} of {} ", screen.page, screen.pages) } else { String::new() };
    let mut out = format!("{indent}┌{}┐\n", "─".repeat(inner + 2));
    for line in &screen.lines {
        out += &format!("{indent}│ {line}{} │\n", " ".repeat(inner - line.width()));
    }
    let rule = "─".repeat((inner + 2).saturating_sub(pages.width()));
    out + &format!("{indent}└{rule}{pages}┘\n")
}

/// One line a step, with what came of it.
pub(crate) struct Steps {
    paint: Paint,
    number: usize,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { paint: Paint::stdout(), number: 0 }
    }

    /// A step is done; its details follow, one a line.
    pub(crate) fn done(&mut self, what: &str, details: &[&str]) {
        self.number += 1;
        say(&format!("{} {}", self.paint.bold(&format!("{:>2}.", self.number)), what));
        for detail in details {
            self.detail(detail);
        }
    }

    /// A detail of the last step.
    pub(crate) fn detail(&self, line: &str) {
        say(&format!("    {}", self.paint.dim(line)));
    }
}

/// Writes a line to standard output. A reader who has gone (`| head`) is no failure of ours.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// As [`say`], of bytes that need not be UTF-8, as paths.
pub(crate) fn say_bytes(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&[line, b"\n"].concat()).and_then(|()| out.flush());
}

/// Whether we are in the background of the terminal at standard input: what is typed there is for another program.
pub(crate) fn is_in_background() -> bool {
    // Where it is not our controlling terminal there is no background.
    tcgetpgrp(stdin()).is_ok_and(|foreground| foreground != getpgrp())
}

/// Writes a line to standard error.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_takes_two_cells() {
        let screen = Screen { lines: vec!["上海水务".into(), "¥100.00".into()], page: 1, pages: 2 };
        let drawn = draw(&screen, "");
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.width() == 24), "{drawn}");
        assert!(lines[3].contains("page 1 of 2"));
    }
}
