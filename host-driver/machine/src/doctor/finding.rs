//! What a check says.

use serde::Serialize;

use super::Fix;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing; nothing is to be done.
    Note,
    /// It could not be told.
    Unknown,
    /// It works, or will not for long.
    Warning,
    /// It does not work.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// Stable, for scripts.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, for people.
    pub message: String,
    /// The command that mends it.
    pub mend: Option<String>,
    /// What `--fix` does about it.
    #[serde(serialize_with = "is_there", rename = "fixable")]
    pub fix: Option<Fix>,
}

fn is_there<S: serde::Serializer>(fix: &Option<Fix>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(fix.is_some())
}

impl Finding {
    fn new(severity: Severity, check: &'static str, code: &'static str, message: String) -> Self {
        Self { check, code, severity, message, mend: None, fix: None }
    }

    pub(super) fn good(check: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Good, check, "good", message.into())
    }

    pub(super) fn note(check: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, check, code, message.into())
    }

    pub(super) fn unknown(check: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Unknown, check, code, message.into())
    }

    pub(super) fn warning(check: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, check, code, message.into())
    }

    pub(super) fn error(check: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, check, code, message.into())
    }

    /// The same finding where a token is reached without what it speaks of: a note, and nothing is to be done.
    pub(super) fn needless(mut self) -> Self {
        if self.severity != Severity::Good {
            self.message += "; not needed: programs of this project reach a token without it";
            (self.severity, self.fix) = (Severity::Note, None);
        }
        self
    }

    /// The command that mends it.
    pub(super) fn mended_by(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }

    /// What `--fix` does: nothing that loses data, and nothing that the command does not say.
    pub(super) fn fixed_by(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}
