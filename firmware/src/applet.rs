//! What an applet is: a command goes in, a [`Step`] comes out, and what the step waited for comes back in.

use alloc::vec::Vec;

use wire::apdu::{Command, StatusWord};

use crate::{
    application::Application,
    consent::{Consent, Prompt},
    crypto::{Job, Outcome},
    seams::{CryptoRng, Declined, Storage},
};

/// How far a command has come.
#[derive(Debug)]
pub enum Step {
    /// The answer.
    Done(Answer),
    /// A human must look at the screen and press a button; an [`Event`] will tell.
    Ask(Prompt),
    /// A long computation that anybody may run, anywhere; [`Event::Finished`] will bring its outcome.
    Work(Job),
}

/// What an applet waited for.
#[derive(Debug)]
pub enum Event {
    /// OK was pressed, and the last page had been seen.
    Confirmed(Consent),
    /// It was not.
    Declined(Declined),
    /// The computation is done.
    Finished(Outcome),
}

/// A response APDU, before it is cut for the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The data field, of any length.
    pub data: Vec<u8>,
    /// SW1-SW2.
    pub status: StatusWord,
}

impl Answer {
    /// An answer without data.
    pub const fn status(status: StatusWord) -> Self {
        Self { data: Vec::new(), status }
    }

    /// 9000 with data.
    pub const fn data(data: Vec<u8>) -> Self {
        Self { data, status: StatusWord::OK }
    }
}

impl From<StatusWord> for Step {
    fn from(status: StatusWord) -> Self {
        Self::Done(Answer::status(status))
    }
}

/// An applet at work: what it remembers, and the application that its commands act on.
pub struct Turn<'a, A, S: Storage, R: CryptoRng> {
    /// The applet.
    pub applet: &'a mut A,
    /// The application.
    pub application: &'a mut Application<S, R>,
}

/// An application on the card: PIV, shield.
pub trait Applet<S: Storage, R: CryptoRng> {
    /// The answer to SELECT (the application property template).
    fn select(&mut self) -> Answer;

    /// Carries out one whole command: chaining is already undone, class and INS are the applet's to judge.
    fn command(&mut self, application: &mut Application<S, R>, command: &Command<'_>) -> Step;

    /// Goes on after [`Step::Ask`] or [`Step::Work`].
    fn resume(&mut self, application: &mut Application<S, R>, event: Event) -> Step;

    /// Forgets what was under way: another applet was selected, or the card was reset.
    fn deselect(&mut self);
}
