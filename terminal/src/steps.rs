//! How far a command is: one line a step.

use std::fmt;

use crate::{
    output::{say, warn},
    paint::Paint,
};

/// Tells people, on standard error, that a step was reached.
pub fn progress(step: impl fmt::Display) {
    warn(&format!("· {step}"));
}

/// Numbered steps on standard output, each with what came of it.
#[derive(Debug)]
pub struct Steps {
    paint: Paint,
    number: usize,
}

impl Steps {
    /// No step is done yet.
    #[expect(clippy::new_without_default, reason = "the story begins where somebody says so")]
    pub fn new() -> Self {
        Self { paint: Paint::stdout(), number: 0 }
    }

    /// A step is done; its details follow, one a line.
    pub fn done(&mut self, what: &str, details: &[&str]) {
        self.number += 1;
        say(&format!("{} {}", self.paint.bold(&format!("{:>2}.", self.number)), what));
        for detail in details {
            self.detail(detail);
        }
    }

    /// A detail of the last step.
    pub fn detail(&self, line: &str) {
        say(&format!("    {}", self.paint.dim(line)));
    }
}
