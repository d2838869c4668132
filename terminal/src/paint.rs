//! Colour, where it is wanted.

use std::io::IsTerminal;

/// Writes colour, or does not.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    pub(crate) colour: bool,
}

impl Paint {
    /// For standard output.
    pub fn stdout() -> Self {
        Self { colour: wanted(std::io::stdout().is_terminal()) }
    }

    /// For standard error.
    pub fn stderr() -> Self {
        Self { colour: wanted(std::io::stderr().is_terminal()) }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// For what the eye should find first.
    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// For details.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Green.
    pub fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Red.
    pub fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }
}

/// All that [`Paint`] writes. No other escape sequence reaches the terminal.
pub(crate) const COLOURS: [&str; 5] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m"];

/// <https://no-color.org>: any text in NO_COLOR switches colour off.
fn wanted(terminal: bool) -> bool {
    terminal
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
