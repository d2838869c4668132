//! How the program fails: what happened, why, what to do next, and the exit code.

use std::fmt;

use wire::display::printed;

/// What every command returns.
pub(crate) type Outcome = Result<Exit, Failure>;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or good.
    Done,
    /// Refused, or failed.
    Refused,
    /// It could not be told (`verify`).
    Unknown,
    /// As another program ended (`run`).
    As(u8),
}

impl Exit {
    /// The exit code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Unknown => 2,
            Self::As(code) => code,
        }
    }
}

/// A failure as people read it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    why: Option<String>,
    next: Option<String>,
    exit: Exit,
}

impl Failure {
    /// A failure that needs no reason.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: None, next: None, exit: Exit::Refused }
    }

    /// Why it happened.
    pub(crate) fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    /// What to do next.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Another exit code than 1.
    pub(crate) const fn exits(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// As programs read it: what a command prints that was asked for JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": { "what": self.what, "why": self.why, "next": self.next } })
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", printed(&self.what))?;
        for (label, text) in [("why: ", &self.why), ("next:", &self.next)] {
            if let Some(text) = text {
                // Lines of a reason are indented: none of them passes for another label.
                for (at, line) in text.split('\n').enumerate() {
                    let label = if at == 0 { label } else { "     " };
                    write!(f, "\n  {label} {}", printed(line))?;
                }
            }
        }
        Ok(())
    }
}

impl From<cert_tool::Error> for Failure {
    fn from(error: cert_tool::Error) -> Self {
        let why = match error.state() {
            Some(state) => format!("{}\n{state}", error.why()),
            None => error.why().to_owned(),
        };
        Self::new(error.what()).because(why).next(error.next())
    }
}

/// Says what was being done when something failed.
pub(crate) trait Context<T> {
    /// The failure's first line; the error becomes the reason.
    fn what(self, what: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn what(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(what).because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_and_next() {
        let failure = Failure::new("no").because("line one\nline two").next("try this");
        assert_eq!(failure.to_string(), "no\n  why:  line one\n        line two\n  next: try this");
        assert_eq!(failure.exit(), Exit::Refused);
        let json = r#"{"error":{"next":"try this","what":"no","why":"line one\nline two"}}"#;
        assert_eq!(failure.json(), serde_json::from_str::<serde_json::Value>(json).unwrap());
    }
}
