//! How a command fails: what happened, why, how things stand now, what to do next, and the exit code.

use std::fmt;

use serde_json::json;
use wire::{display::printed, reason::Reason};

/// What every command returns.
pub type Outcome = Result<Exit, Failure>;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or good.
    Done,
    /// Refused, or failed.
    Refused,
    /// It could not be told (`verify`), or the command line was not understood.
    Unknown,
    /// As another program ended (`run`).
    As(u8),
}

impl Exit {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Unknown => 2,
            Self::As(code) => code,
        }
    }
}

/// A failure, for people and for programs. Each text is a sentence without its full stop.
#[derive(Debug)]
pub struct Failure(Box<Account>);

/// All of a failure, on the heap: failures are rare, and each [`Outcome`] would be as large as this.
#[derive(Debug)]
struct Account {
    code: Option<&'static str>,
    what: String,
    why: Option<String>,
    state: Option<String>,
    next: Option<String>,
    exit: Exit,
}

impl Failure {
    /// A failure that needs no reason.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Account {
            code: None,
            what: what.into(),
            why: None,
            state: None,
            next: None,
            exit: Exit::Refused,
        }))
    }

    /// A failure for this reason; each text is a sentence without its full stop.
    pub fn of(
        reason: Reason,
        what: impl Into<String>,
        why: impl fmt::Display,
        next: impl Into<String>,
    ) -> Self {
        Self::new(what).coded(reason).because(why).next(next)
    }

    /// The reason, for programs.
    pub fn coded(mut self, reason: Reason) -> Self {
        self.0.code = Some(reason.code());
        self
    }

    /// Why it happened.
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.0.why = Some(why.to_string());
        self
    }

    /// How things stand now, behind what was said of that before.
    pub fn with_state(mut self, state: impl Into<String>) -> Self {
        let state = state.into();
        self.0.state = Some(match self.0.state.take() {
            Some(before) => format!("{before}; {state}"),
            None => state,
        });
        self
    }

    /// What to do next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = Some(next.into());
        self
    }

    /// The same failure, as what happened to a larger undertaking.
    pub fn renamed(mut self, what: impl Into<String>) -> Self {
        self.0.what = what.into();
        self
    }

    /// Another exit code than 1.
    pub fn exits(mut self, exit: Exit) -> Self {
        self.0.exit = exit;
        self
    }

    /// The stable name of the reason, where the reason has one.
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// What happened.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Why.
    pub fn why(&self) -> Option<&str> {
        self.0.why.as_deref()
    }

    /// How things stand now, where that is in question.
    pub fn state(&self) -> Option<&str> {
        self.0.state.as_deref()
    }

    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.next.as_deref()
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// As programs read it: what a command prints that was asked for JSON. A failure whose reason has a stable name says
    /// it, and says how things stand.
    pub fn json(&self) -> serde_json::Value {
        let mut error = json!({ "what": self.0.what, "why": self.0.why, "next": self.0.next });
        if let Some(code) = self.0.code {
            error["reason"] = code.into();
            error["state"] = self.0.state.clone().into();
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", printed(&self.0.what))?;
        for (label, text) in [("why: ", &self.0.why), ("now: ", &self.0.state), ("next:", &self.0.next)] {
            // The later lines of a text are indented: none of them passes for another label.
            for (at, line) in text.iter().flat_map(|text| text.split('\n')).enumerate() {
                let label = if at == 0 { label } else { "     " };
                write!(f, "\n  {label} {}", printed(line))?;
            }
        }
        Ok(())
    }
}

impl From<file::Error> for Failure {
    fn from(error: file::Error) -> Self {
        Self::new(error.what()).coded(error.reason()).because(error.why()).next(error.next())
    }
}

#[cfg(feature = "authority")]
impl From<authority::Error> for Failure {
    fn from(error: authority::Error) -> Self {
        let failure = Self::new(error.what()).coded(error.reason()).because(error.why()).next(error.next());
        match error.state() {
            Some(state) => failure.with_state(state),
            None => failure,
        }
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// The failure's first line; the error becomes the reason.
    ///
    /// # Errors
    /// Whenever there was an error.
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

    #[test]
    fn says_how_things_stand_now() {
        let failure = Failure::new("not written").coded(Reason::Disk).because("no room").next("make room");
        let failure = failure.with_state("the former is there").with_state("nothing was sent");
        assert_eq!(
            failure.to_string(),
            "not written\n  why:  no room\n  now:  the former is there; nothing was sent\n  next: make room"
        );
        let json = r#"{"error":{"reason":"disk","what":"not written","why":"no room",
            "state":"the former is there; nothing was sent","next":"make room"}}"#;
        assert_eq!(failure.json(), serde_json::from_str::<serde_json::Value>(json).unwrap());
    }

    #[test]
    fn a_strangers_line_passes_for_no_label() {
        let failure = Failure::new("a\n  next: pay").because("b\n  next: pay");
        assert_eq!(failure.to_string(), "a\\n  next: pay\n  why:  b\n          next: pay");
    }
}
