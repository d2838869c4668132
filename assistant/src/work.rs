//! The work of an operation. It blocks, so it has a thread of its own.

mod pay;
mod id;
mod pin;
mod mend;

use authority::certificate::Certificate;
use card::{Card, shield::Shield};
use payment::EncodedOrder;
use serde::Serialize;
use serde_json::Value;
use terminal::secret::Secret;
use wire::shield::Information;

use crate::{
    origin::Origin,
    prompter::{Language, NotGiven, Prompter, Question, Wanted},
    shield::{Opened, Shields},
    standing::Wish,
    stop::Stop,
    trouble::Trouble,
};

pub(crate) use id::Applicant;

/// What a page wants done.
#[derive(Debug)]
pub(crate) enum Job {
    /// Change the PIN.
    ChangePin,
    /// Make keys and requests for a personal ID.
    Enrol(Applicant),
    /// The same for the holder whose ID the shield has.
    Renew,
    /// Install the certificates of payment and authentication.
    Install(Box<[Certificate; 2]>),
    /// Have an order signed.
    Pay(Box<EncodedOrder>),
    /// Mend the fault of this code.
    Mend(String),
}

impl Job {
    /// Its name, for the log.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::ChangePin => "change_pin",
            Self::Enrol(_) => "enrol",
            Self::Renew => "renew",
            Self::Install(_) => "install",
            Self::Pay(_) => "pay",
            Self::Mend(_) => "mend",
        }
    }
}

/// A job, and for whom.
#[derive(Debug)]
pub(crate) struct Errand {
    /// What is to be done.
    pub job: Job,
    /// The page's origin.
    pub origin: Origin,
    /// The language in which the holder is asked.
    pub language: Language,
    /// The shield.
    pub wish: Wish,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The shield is looked for.
    Starting,
    /// The assistant asks the holder, for the PIN or for a yes.
    Prompt,
    /// The shield works.
    Working,
    /// The shield's screen waits for the holder.
    Shield,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was given up.
    Cancelled,
}

/// A PIN that the holder gave for an enrolment, until the certificates come.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The PIN.
    pub pin: Secret,
    /// The shield that it opens.
    pub serial: String,
}

/// What came of it: the result for the page, and the PIN if the next operation needs it.
pub(crate) type Ended = Result<(Value, Option<Kept>), Trouble>;

/// Who hears how far the work is.
pub(crate) trait Ear {
    /// A phase was reached.
    fn phase(&self, phase: Phase);

    /// Counts a prompt.
    ///
    /// # Errors
    /// The page's origin has prompted too often.
    fn count_prompt(&self) -> Result<(), Trouble>;
}

/// What the work is done with.
pub(crate) struct Bench<'a> {
    pub shields: &'a Shields,
    pub prompter: &'a dyn Prompter,
    pub stop: &'a Stop,
    pub ear: &'a dyn Ear,
    pub errand: &'a Errand,
}

/// Does it. `kept` is the PIN that an enrolment of the same page left.
pub(crate) fn run(bench: &Bench<'_>, kept: Option<Kept>) -> Ended {
    let done = match &bench.errand.job {
        Job::ChangePin => pin::change(bench).map(|done| (done, None)),
        Job::Enrol(applicant) => id::enrol(bench, Some(applicant)),
        Job::Renew => id::enrol(bench, None),
        Job::Install(certificates) => id::install(bench, certificates, kept).map(|done| (done, None)),
        Job::Pay(order) => pay::pay(bench, order).map(|done| (done, None)),
        Job::Mend(code) => mend::mend(bench, code).map(|done| (done, None)),
    };
    // What comes of work that nobody wants any more reaches nobody: a signature that was made too late is dropped here.
    if bench.stop.is_wished() { Err(Trouble::Stopped) } else { done }
}

impl Bench<'_> {
    /// Opens the shield.
    fn open(&self) -> Result<Opened, Trouble> {
        let opened = self.shields.open(self.errand.wish.serial.as_deref(), self.stop)?;
        let brand = &opened.information.brand;
        if self.errand.wish.brand.as_ref().is_some_and(|wanted| wanted != brand) {
            return Err(Trouble::plain("other_brand", "the shield is of another brand than the bank's"));
        }
        Ok(opened)
    }

    /// Asks for the PIN, with these lines to say what for.
    fn pin(&self, lines: Vec<String>, shield: &Information) -> Result<Secret, Trouble> {
        self.ear.count_prompt()?;
        self.ear.phase(Phase::Prompt);
        let pin = self.secret(Wanted::Pin, lines, shield)?;
        self.ear.phase(Phase::Working);
        Ok(pin)
    }

    /// Asks for a PIN of this shield. What no PIN of the shield can be costs no try.
    fn secret(&self, wanted: Wanted, lines: Vec<String>, shield: &Information) -> Result<Secret, Trouble> {
        let question = self.question(wanted, lines).for_shield(shield);
        let secret = self.prompter.pin(&question, self.stop)?;
        secret.check_form(shield.pin_length).map_err(|failure| Trouble::coded("pin_form", failure))?;
        Ok(secret)
    }

    fn question(&self, wanted: Wanted, lines: Vec<String>) -> Question<'_> {
        Question::new(&self.errand.origin, self.errand.language, wanted, lines)
    }

    /// The line in the holder's language.
    fn line(&self, zh: &'static str, en: &'static str) -> String {
        self.errand.language.of(zh, en).to_owned()
    }

    /// Works on the shield, and keeps other programs off meanwhile. A wrong PIN is told with the tries that are left.
    fn on<T>(
        &self,
        card: &mut Card,
        work: impl FnOnce(&mut Shield<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        card.begin()?;
        let done = Shield::select(card).map_err(Trouble::from).and_then(|mut shield| work(&mut shield));
        let done = done.map_err(|trouble| match trouble {
            trouble if trouble.is_wrong_pin() => match Shield::on(card).information() {
                Ok(Information { tries: [left, ..], .. }) => trouble.with_tries(left),
                Err(_) => trouble,
            },
            trouble => trouble,
        });
        let _ = card.end();
        done
    }
}

impl From<NotGiven> for Trouble {
    fn from(why: NotGiven) -> Self {
        match why {
            NotGiven::Stopped => Self::Stopped,
            NotGiven::Cancelled => Self::plain("prompt_cancelled", "the holder gave no PIN"),
            NotGiven::TimedOut => Self::plain("prompt_timed_out", "the holder gave no PIN in time"),
            NotGiven::Failed(failure) => Self::coded("prompt_failed", failure),
        }
    }
}
