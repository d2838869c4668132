//! The PIN from a file, for tests and for machines without a person.

use std::path::PathBuf;

use terminal::{
    Failure,
    secret::{Secret, Source, Variable},
};

use super::{NotGiven, Prompter, Question, Stop, Wanted};

/// Answers with the first line of a file. Whoever may read the file can pay wherever the shield asks for no OK.
#[derive(Clone, Debug)]
pub struct PinFile {
    /// The PIN.
    pub pin: PathBuf,
    /// The PIN that is to be.
    pub new_pin: Option<PathBuf>,
}

impl Prompter for PinFile {
    fn pin(&self, question: &Question<'_>, _: &Stop) -> Result<Secret, NotGiven> {
        let (file, variable, option) = match question.wanted {
            Wanted::Pin | Wanted::OldPin => (Some(&self.pin), Variable::Pin, "--pin-file"),
            Wanted::NewPin | Wanted::NewPinAgain => {
                (self.new_pin.as_ref(), Variable::NewPin, "--new-pin-file")
            }
            Wanted::Yes => (None, Variable::Pin, "--pin-file"),
        };
        let Some(file) = file else {
            let failure = Failure::new("no new PIN was given").because("no file holds one");
            return Err(NotGiven::Failed(failure.next("start the assistant with --new-pin-file FILE")));
        };
        let source = Source { name: question.wanted.name(), file: Some(file), variable, option };
        source.ask("").map_err(NotGiven::Failed)
    }

    /// A file confirms nothing: what is to be confirmed changes the machine.
    fn confirm(&self, _: &Question<'_>, _: &Stop) -> Result<(), NotGiven> {
        let failure = Failure::new("nothing was confirmed")
            .because("the assistant runs with --pin-file, and asks nobody");
        Err(NotGiven::Failed(
            failure.next("run the command yourself, or start the assistant without --pin-file"),
        ))
    }
}

impl Wanted {
    /// What it is, for messages.
    const fn name(self) -> &'static str {
        match self {
            Self::NewPin | Self::NewPinAgain => "new PIN",
            _ => "PIN",
        }
    }
}
