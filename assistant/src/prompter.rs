//! How the holder is asked for a PIN or for a confirmation: never in a page, whose script could keep the PIN.

mod choice;
mod pinentry;
mod console;
mod pin_file;
pub mod web;
mod question;

use std::time::Duration;

use terminal::{Failure, secret::Secret};

pub use choice::{choose, pinentry};
pub use console::Console;
pub use pin_file::PinFile;
pub use pinentry::Pinentry;
pub(crate) use question::payment;
pub use question::{Language, Question, Wanted};

pub use crate::stop::Stop;

/// How long the holder may take to answer.
const HOLDER: Duration = Duration::from_secs(120);

/// Asks the holder.
pub trait Prompter: Send + Sync {
    /// Whether anybody can be asked here. Where nobody can, the state of the assistant is `no_prompt`.
    fn is_there(&self) -> bool {
        true
    }

    /// Asks for a PIN, and gives up when the end is wished.
    ///
    /// # Errors
    /// There is no answer.
    fn pin(&self, question: &Question<'_>, stop: &Stop) -> Result<Secret, NotGiven>;

    /// Asks for a yes, and gives up when the end is wished.
    ///
    /// # Errors
    /// The answer is no, or there is none.
    fn confirm(&self, question: &Question<'_>, stop: &Stop) -> Result<(), NotGiven>;
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NotGiven {
    /// The holder cancelled, or gave nothing.
    Cancelled,
    /// The end was wished.
    Stopped,
    /// Nobody answered in time.
    TimedOut,
    /// Nobody could be asked.
    Failed(Failure),
}

/// Nobody can be asked: there is neither pinentry nor a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Prompter for Nobody {
    fn is_there(&self) -> bool {
        false
    }

    fn pin(&self, _: &Question<'_>, _: &Stop) -> Result<Secret, NotGiven> {
        Err(nobody())
    }

    fn confirm(&self, _: &Question<'_>, _: &Stop) -> Result<(), NotGiven> {
        Err(nobody())
    }
}

fn nobody() -> NotGiven {
    let failure =
        Failure::new("nobody was asked").because("there is neither a window for the PIN nor a terminal");
    NotGiven::Failed(failure.next(INSTALL))
}

/// What to do where nobody can be asked.
pub const INSTALL: &str = "install pinentry for your desktop (Debian: sudo apt install pinentry-gnome3, or pinentry-qt), then start the assistant again";
