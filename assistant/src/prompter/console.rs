//! The terminal in which the assistant runs.

use terminal::{
    Failure,
    prompt::{self, Prompt, Unanswered},
    secret::Secret,
};

use super::{HOLDER, NotGiven, Prompter, Question, Stop};

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
        let asked = Prompt { text: &text, hidden, patience: Some(HOLDER), unwanted: &unwanted }.ask();
        match asked {
            Ok(answer) if answer.is_empty() => Err(NotGiven::Cancelled),
            Ok(answer) => Ok(Secret::from(&answer[..])),
            Err(why) => Err(why.into()),
        }
    }
}

impl From<Unanswered> for NotGiven {
    fn from(why: Unanswered) -> Self {
        let failed = |why: &dyn std::fmt::Display, next| {
            Self::Failed(Failure::new("the holder was not asked").because(why).next(next))
        };
        match why {
            Unanswered::Unwanted | Unanswered::Interrupted => Self::Stopped,
            Unanswered::TimedOut => Self::TimedOut,
            Unanswered::NoTerminal(fault) | Unanswered::Failed(fault) => failed(&fault, super::INSTALL),
            Unanswered::Background => failed(
                &"the assistant is in the background of its terminal",
                "bring the assistant to the foreground of its terminal with fg, and begin again on the bank's page",
            ),
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
