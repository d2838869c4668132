//! The desk: one operation at a time, bound to the page that started it.

mod operation;
mod prompts;
mod settings;

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lock::lock;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    clock,
    origin::Origin,
    prompter::Prompter,
    shield::Shields,
    stop::Stop,
    trouble::Trouble,
    work::{self, Bench, Ear, Errand, Job, Kept, Phase},
};

use operation::{Ending, Operation};
use prompts::Prompts;
pub use settings::Settings;

/// A page: its origin as the browser tells it, and a number that the page chose when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub origin: Origin,
    pub number: String,
}

/// Why an operation was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotStarted {
    /// Another one is at work, or another page's enrolment waits for its certificates.
    Busy,
    /// Nobody can be asked for a PIN.
    NoPrompt,
    /// The page's origin has prompted too often.
    TooManyPrompts,
    /// The system gives no randomness.
    Broken,
}

/// The desk.
pub struct Desk {
    settings: Settings,
    pub(crate) shields: Shields,
    pub(crate) prompter: Box<dyn Prompter>,
    state: Mutex<State>,
    /// So many requests have waited for news.
    requests: AtomicU64,
    /// Something about the operation has changed.
    news: Notify,
    /// An operation was begun.
    begun: Notify,
    /// Held while somebody looks at the shields.
    pub(crate) looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    operation: Option<Operation>,
    prompts: Prompts,
}

impl Desk {
    /// A desk without an operation.
    pub fn new(settings: Settings, shields: Shields, prompter: Box<dyn Prompter>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            shields,
            prompter,
            state: Mutex::default(),
            requests: AtomicU64::new(0),
            news: Notify::new(),
            begun: Notify::new(),
            looking: tokio::sync::Mutex::new(()),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Whether an operation is at work. While it is, nobody else talks to the shield.
    pub(crate) fn is_at_work(&self) -> bool {
        self.state().operation.as_ref().is_some_and(Operation::is_at_work)
    }

    /// Starts an operation, and tells how far it is. A thread of its own does the work.
    pub(crate) fn start(self: &Arc<Self>, page: &Page, errand: Errand) -> Result<Value, NotStarted> {
        let now = clock::now();
        let mut state = self.state();
        let former = state.operation.as_ref();
        if former.is_some_and(|former| former.is_at_work() || (former.page != *page && former.keeps_pin(now)))
        {
            return Err(NotStarted::Busy);
        }
        if !self.prompter.is_there() {
            return Err(NotStarted::NoPrompt);
        }
        if !state.prompts.allow(&page.origin, now, &self.settings) {
            return Err(NotStarted::TooManyPrompts);
        }
        // The PIN goes from an enrolment to its installation, and to no other operation.
        let installs = matches!(errand.job, Job::Install(_));
        let kept = state.operation.take().filter(|former| installs && former.page == *page);
        let kept = kept.and_then(|former| former.kept(now));
        let operation = Operation::begin(page.clone(), now).ok_or(NotStarted::Broken)?;
        let (id, stop) = (operation.id.clone(), operation.stop.clone());
        tracing::info!(origin = %page.origin, job = errand.job.name(), "an operation began");
        let view = operation.view();
        state.operation = Some(operation);
        drop(state);
        self.begun.notify_one();
        let worker = Worker { desk: Arc::clone(self), id, ended: false };
        let started = thread::Builder::new()
            .name("ushield-assistant".into())
            .spawn(move || worker.work(&errand, &stop, kept));
        if let Err(error) = started {
            // The worker went with the closure, and has told that it failed.
            tracing::warn!(%error, "no thread for an operation");
        }
        Ok(view)
    }

    /// How far the page's operation is, once that is later than `after`, or in the end as it is then. Where too many requests of the
    /// page wait, the oldest is answered at once. `None`: the page has no such operation.
    pub(crate) async fn wait(&self, page: &Page, id: &str, after: u64) -> Option<Value> {
        let present = self.come(page, id)?;
        let later = async {
            loop {
                let news = self.news.notified();
                let mut news = std::pin::pin!(news);
                // From here on no news is missed.
                news.as_mut().enable();
                let view = self.look(page, id, |operation| {
                    let told = operation.revision > after || !operation.is_waited_for_by(present.request);
                    told.then(|| operation.view())
                });
                match view {
                    None => return None,
                    Some(Some(view)) => return Some(view),
                    Some(None) => news.await,
                }
            }
        };
        match tokio::time::timeout(self.settings.long_poll, later).await {
            Ok(view) => view,
            Err(_) => self.look(page, id, |operation| operation.view()),
        }
    }

    /// Wishes the end of the page's operation. An operation at work ends a moment later.
    pub(crate) fn cancel(&self, page: &Page, id: &str) -> Option<Value> {
        let view = self.look(page, id, |operation| {
            operation.give_up();
            operation.view()
        })?;
        self.news.notify_waiters();
        Some(view)
    }

    /// Ends the operation, because the assistant ends: the holder's window closes, and the shield's screen goes dark. Returns once that is
    /// so, or after this time.
    pub async fn close(&self, patience: Duration) {
        if let Some(operation) = &mut self.state().operation {
            operation.give_up();
        }
        let over = async {
            while self.is_at_work() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(patience, over).await;
    }

    /// Looks at the page's operation, which shows that the page is there.
    fn look<T>(&self, page: &Page, id: &str, look: impl FnOnce(&mut Operation) -> T) -> Option<T> {
        let mut state = self.state();
        let operation = state.operation.as_mut().filter(|found| found.page == *page && found.id == id)?;
        operation.seen = clock::now();
        Some(look(operation))
    }

    /// The page waits, until the value is dropped: when the answer is sent, or when the connection breaks.
    fn come(&self, page: &Page, id: &str) -> Option<Present<'_>> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        self.look(page, id, |operation| operation.come(request))?;
        self.news.notify_waiters();
        Some(Present { desk: self, id: id.to_owned(), request })
    }

    /// Ends what nobody waits for, and forgets the PIN in time. Runs until it is dropped, and sleeps while there is no operation.
    pub async fn tidy(&self) {
        loop {
            self.begun.notified().await;
            while self.state().operation.is_some() {
                tokio::time::sleep(self.settings.tick).await;
                self.tidy_once(clock::now());
            }
        }
    }

    fn tidy_once(&self, now: Instant) {
        let mut state = self.state();
        let Some(operation) = &mut state.operation else { return };
        operation.forget_late_pin(now);
        let alone =
            !operation.is_waited_for() && now.duration_since(operation.seen) >= self.settings.page_gone;
        if !alone {
            return;
        }
        if operation.is_at_work() {
            if !operation.stop.is_wished() {
                tracing::info!(origin = %operation.page.origin, "the page is gone: its operation is given up");
            }
            operation.give_up();
        } else {
            state.operation = None;
        }
        self.news.notify_waiters();
    }

    /// Changes the operation of this number.
    fn change(&self, id: &str, change: impl FnOnce(&mut Operation)) {
        if let Some(operation) = self.state().operation.as_mut().filter(|operation| operation.id == id) {
            change(operation);
        }
        self.news.notify_waiters();
    }
}

/// A page that waits.
struct Present<'a> {
    desk: &'a Desk,
    id: String,
    /// The number of its request.
    request: u64,
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.desk.change(&self.id, |operation| {
            operation.leave(self.request);
            operation.seen = clock::now();
        });
    }
}

/// The thread of an operation. Whatever becomes of the thread, the operation ends with it.
struct Worker {
    desk: Arc<Desk>,
    id: String,
    ended: bool,
}

impl Worker {
    fn work(mut self, errand: &Errand, stop: &Stop, kept: Option<Kept>) {
        let desk = Arc::clone(&self.desk);
        let ear = Told { desk: &desk, id: &self.id, origin: &errand.origin };
        let bench = Bench { shields: &desk.shields, prompter: &*desk.prompter, stop, ear: &ear, errand };
        let ended = work::run(&bench, kept);
        match &ended {
            Ok(_) => tracing::info!(origin = %errand.origin, job = errand.job.name(), "an operation is done"),
            Err(Trouble::Stopped) => {
                tracing::info!(origin = %errand.origin, job = errand.job.name(), "an operation was given up");
            }
            Err(Trouble::Failed { code, failure, .. }) => {
                tracing::info!(origin = %errand.origin, job = errand.job.name(), code, %failure, "an operation failed");
            }
        }
        let until = clock::now() + desk.settings.pin_kept;
        self.end(Ending::of(ended, until));
    }

    fn end(&mut self, ending: Ending) {
        self.ended = true;
        self.desk.change(&self.id, |operation| operation.end(ending));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Ending::broken());
        }
    }
}

/// Tells the desk how far the work is.
struct Told<'a> {
    desk: &'a Desk,
    id: &'a str,
    origin: &'a Origin,
}

impl Ear for Told<'_> {
    fn phase(&self, phase: Phase) {
        self.desk.change(self.id, |operation| operation.reach(phase));
    }

    fn count_prompt(&self) -> Result<(), Trouble> {
        let counted = self.desk.state().prompts.count(self.origin, clock::now(), &self.desk.settings);
        if counted {
            Ok(())
        } else {
            Err(Trouble::plain("too_many_prompts", "the page has prompted too often"))
        }
    }
}

impl NotStarted {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoPrompt => "no_prompt",
            Self::TooManyPrompts => "too_many_prompts",
            Self::Broken => "failed",
        }
    }
}

/// An error, as pages read it.
pub(crate) fn error(code: &'static str, tries: Option<u8>) -> Value {
    json!({ "code": code, "words": crate::words::of(code), "tries": tries })
}
