//! The one error of this crate: what happened, why, how things stand now, what to do next.

use std::fmt;

use wire::display::printed;
pub use wire::reason::Reason;

/// What happened, why, how things stand, what to do next.
#[derive(Debug, thiserror::Error)]
pub struct Error(Box<Account>);

#[derive(Debug)]
struct Account {
    reason: Reason,
    what: String,
    why: String,
    state: Option<String>,
    next: String,
}

impl Error {
    /// An error; each text is a sentence without its full stop.
    pub fn new(
        reason: Reason,
        what: impl Into<String>,
        why: impl fmt::Display,
        next: impl Into<String>,
    ) -> Self {
        Self(Box::new(Account {
            reason,
            what: what.into(),
            why: why.to_string(),
            state: None,
            next: next.into(),
        }))
    }

    /// The same error, saying how things stand now.
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        let state = state.into();
        self.0.state = Some(match self.0.state.take() {
            Some(before) => format!("{before}; {state}"),
            None => state,
        });
        self
    }

    /// For programs.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// What happened.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Why.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// How things stand now, where that is in question.
    pub fn state(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    /// What to do next.
    pub fn next(&self) -> &str {
        &self.0.next
    }
}

impl From<file::Error> for Error {
    fn from(error: file::Error) -> Self {
        Self::new(error.reason(), error.what(), error.why(), error.next())
    }
}

/// At most four lines. A line end inside a text comes from a stranger, and is escaped.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  why:  {}", printed(self.what()), printed(self.why()))?;
        if let Some(state) = self.state() {
            write!(f, "\n  now:  {}", printed(state))?;
        }
        write!(f, "\n  next: {}", printed(self.next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_now_and_next() {
        let error = Error::new(Reason::Disk, "not written", "no room", "make room")
            .with_state("the former is there")
            .with_state("nothing was sent");
        assert_eq!(
            error.to_string(),
            "not written\n  why:  no room\n  now:  the former is there; nothing was sent\n  next: make room"
        );
        assert_eq!(error.reason().code(), "disk");
    }
}
