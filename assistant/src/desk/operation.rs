//! One operation, from its start until its page has heard how it ended.

use std::{collections::VecDeque, time::Instant};

use serde_json::{Value, json};

use super::{Page, error};
use crate::{
    stop::Stop,
    trouble::Trouble,
    work::{Ended, Kept, Phase},
};

/// So many requests of a page wait for news at a time. A browser has six connections to one host, for all of its tabs: a tab that waits with
/// all of them would keep each other tab from cancelling.
const MOST_WAITING: usize = 2;

/// An operation.
pub(super) struct Operation {
    /// Its number, which its page alone knows.
    pub id: String,
    /// The page that started it.
    pub page: Page,
    /// The wish that it ends.
    pub stop: Stop,
    /// Counts what was told of it.
    pub revision: u64,
    /// When somebody last heard of the page.
    pub seen: Instant,
    /// The requests of the page that wait for news, by the number of each.
    waiting: VecDeque<u64>,
    course: Course,
}

/// How far it is.
enum Course {
    AtWork(Phase),
    Over(Ending),
}

/// How it ended.
pub(super) enum Ending {
    /// With a result, and perhaps a PIN that is kept until this moment.
    Done(Value, Option<(Kept, Instant)>),
    /// With an error for the page.
    Failed(Value),
    /// Somebody wished so.
    Cancelled,
}

impl Ending {
    /// The end of the work; a PIN is kept until the moment that is named.
    pub(super) fn of(ended: Ended, until: Instant) -> Self {
        match ended {
            Ok((result, kept)) => Self::Done(result, kept.map(|kept| (kept, until))),
            Err(Trouble::Stopped) => Self::Cancelled,
            Err(Trouble::Failed { code, tries, .. }) => Self::Failed(error(code, tries)),
        }
    }

    /// The end of work whose thread is gone.
    pub(super) fn broken() -> Self {
        Self::Failed(error("failed", None))
    }
}

impl Operation {
    /// An operation at work. `None`: the system gives no randomness for its number.
    pub(super) fn begin(page: Page, now: Instant) -> Option<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).ok()?;
        Some(Self {
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            page,
            stop: Stop::default(),
            revision: 1,
            seen: now,
            waiting: VecDeque::new(),
            course: Course::AtWork(Phase::Starting),
        })
    }

    /// One more request waits. Where too many do, the one that has waited longest waits no more.
    pub(super) fn come(&mut self, request: u64) {
        self.waiting.push_back(request);
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
        }
    }

    /// The request waits no more.
    pub(super) fn leave(&mut self, request: u64) {
        self.waiting.retain(|waiting| *waiting != request);
    }

    /// Whether this request still waits.
    pub(super) fn is_waited_for_by(&self, request: u64) -> bool {
        self.waiting.contains(&request)
    }

    /// Whether any request waits.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) const fn is_at_work(&self) -> bool {
        matches!(self.course, Course::AtWork(_))
    }

    /// A phase was reached.
    pub(super) fn reach(&mut self, phase: Phase) {
        if let Course::AtWork(now) = &mut self.course
            && *now != phase
        {
            *now = phase;
            self.revision += 1;
        }
    }

    /// The work has ended. What came of it is dropped where nobody wants it any more.
    pub(super) fn end(&mut self, ending: Ending) {
        let ending = if self.stop.is_wished() { Ending::Cancelled } else { ending };
        self.course = Course::Over(ending);
        self.revision += 1;
    }

    /// Nobody wants it any more: its work ends in a moment. Of work that has ended, the result stays and the PIN goes.
    pub(super) fn give_up(&mut self) {
        match &mut self.course {
            Course::AtWork(_) => self.stop.wish(),
            Course::Over(Ending::Done(_, kept)) => *kept = None,
            Course::Over(_) => {}
        }
    }

    /// Whether a PIN is kept for the installation.
    pub(super) fn keeps_pin(&self, now: Instant) -> bool {
        matches!(&self.course, Course::Over(Ending::Done(_, Some((_, until)))) if now < *until)
    }

    /// Drops a PIN that was kept for too long.
    pub(super) fn forget_late_pin(&mut self, now: Instant) {
        if let Course::Over(Ending::Done(_, kept)) = &mut self.course {
            *kept = kept.take().filter(|(_, until)| now < *until);
        }
    }

    /// The PIN that is kept.
    pub(super) fn kept(self, now: Instant) -> Option<Kept> {
        let Course::Over(Ending::Done(_, Some((kept, until)))) = self.course else { return None };
        (now < until).then_some(kept)
    }

    /// What its page is told.
    pub(super) fn view(&self) -> Value {
        let (phase, result, error) = match &self.course {
            Course::AtWork(phase) => (*phase, None, None),
            Course::Over(Ending::Done(result, _)) => (Phase::Done, Some(result), None),
            Course::Over(Ending::Failed(error)) => (Phase::Failed, None, Some(error.clone())),
            Course::Over(Ending::Cancelled) => (Phase::Cancelled, None, Some(error("given_up", None))),
        };
        json!({
            "operation": self.id,
            "revision": self.revision,
            "phase": phase,
            "result": result,
            "error": error,
        })
    }
}
