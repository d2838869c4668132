//! Why an operation did not succeed: a stable code for the page, and a failure for the log.

use terminal::{Failure, Reason};

/// How an operation ended that did not succeed.
#[derive(Debug)]
pub enum Trouble {
    /// Somebody wished its end: the page, or the time in which nobody heard of the page.
    Stopped,
    /// It failed.
    Failed {
        /// Stable; [`crate::words`] has its words in both languages.
        code: &'static str,
        /// For the log: what happened and why.
        failure: Box<Failure>,
        /// The tries of the PIN that are left, where the shield was asked.
        tries: Option<u8>,
    },
}

impl Trouble {
    /// A failure that has a code of the assistant's own.
    pub fn coded(code: &'static str, failure: Failure) -> Self {
        Self::Failed { code, failure: Box::new(failure), tries: None }
    }

    /// A failure of the assistant's own that needs no reason.
    pub fn plain(code: &'static str, what: &str) -> Self {
        Self::coded(code, Failure::new(what))
    }

    /// Whether the shield refused a PIN.
    pub fn is_wrong_pin(&self) -> bool {
        matches!(self, Self::Failed { code, .. } if *code == Reason::SecretWrong.code())
    }

    /// The same, with the tries that are left.
    pub fn with_tries(self, left: u8) -> Self {
        match self {
            Self::Failed { code, failure, .. } => Self::Failed { code, failure, tries: Some(left) },
            Self::Stopped => self,
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::coded(failure.code().unwrap_or("failed"), failure)
    }
}

impl From<card::Error> for Trouble {
    fn from(error: card::Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<authority::Error> for Trouble {
    fn from(error: authority::Error) -> Self {
        Failure::from(error).into()
    }
}
