//! The terminal in which the assistant runs.

use std::time::Duration;

use terminal::{
    Failure,
    prompt::{self, Prompt, Unanswered},
    secret::Secret,
};

use super::{NotGiven, Prompter, Question, Stop};

/// How long the holder may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The controlling terminal.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl Console {
    /// Whether there is a controlling terminal.
    pub fn is_there() -> bool {
        prompt::is_there()
    }

    fn ask(question: &Question<'_>, end: &str, hidden: bool, stop: &Stop) -> Result<Secret, NotGiven> {
        let text = format!("\n{}\n{}{end} ", question.text(), question.prompt());
        let unwanted = || stop.is_wished();
        let asked = Prompt { text: &text, hidden, patience: Some(PATIENCE), unwanted: &unwanted }.ask();
        match asked {
            Ok(answer) if answer.is_empty() => Err(NotGiven::Cancelled),
            Ok(answer) => Ok(Secret::from(&answer[..])),
            Err(why) => Err(why.into()),
        }
    }
}

impl From<Unanswered> for NotGiven {
    fn from(why: Unanswered) -> Self {
        let failed = |why: String| {
            Self::Failed(Failure::new("the holder was not asked").because(why).next(super::INSTALL))
        };
        match why {
            Unanswered::Unwanted | Unanswered::Interrupted => Self::Stopped,
            Unanswered::TimedOut => Self::TimedOut,
            Unanswered::NoTerminal(fault) | Unanswered::Failed(fault) => failed(fault.to_string()),
            Unanswered::Background => failed("the assistant is in the background of its terminal".into()),
        }
    }
}

impl Prompter for Console {
    fn pin(&self, question: &Question<'_>, stop: &Stop) -> Result<Secret, NotGiven> {
        Self::ask(question, ":", true, stop)
    }

    fn confirm(&self, question: &Question<'_>, stop: &Stop) -> Result<(), NotGiven> {
        let answer = Self::ask(question, "? (yes/no)", false, stop)?;
        let yes = [&b"yes"[..], "是".as_bytes()].contains(&answer.bytes());
        if yes { Ok(()) } else { Err(NotGiven::Cancelled) }
    }
}
