//! The signals that end a server: `up` and `reader`.

use rustix::process::Signal;
use terminal::{Context, Failure, signal::is_ignored};
use tokio::signal::unix::{self, SignalKind};

/// The signals that end a server. SIGHUP and SIGINT are none where they were ignored from the start: nohup(1) does so with the
/// first, and a shell without job control with the second of what it starts with `&` (POSIX.1-2024, XCU 2.12).
pub(super) struct Ends {
    interrupt: Option<unix::Signal>,
    terminate: unix::Signal,
    hangup: Option<unix::Signal>,
}

impl Ends {
    /// Begins to watch for the signals.
    pub(super) fn new() -> Result<Self, Failure> {
        let watch = |kind| unix::signal(kind).what("signals cannot be watched");
        let unless_ignored = |signal, kind| (!is_ignored(signal)).then(|| watch(kind)).transpose();
        Ok(Self {
            interrupt: unless_ignored(Signal::INT, SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: unless_ignored(Signal::HUP, SignalKind::hangup())?,
        })
    }

    /// Returns when one of the signals has come.
    pub(super) async fn any(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let unless_ignored = async |signal: &mut Option<unix::Signal>| match signal {
            Some(signal) => signal.recv().await,
            None => std::future::pending().await,
        };
        tokio::select! {
            _ = unless_ignored(interrupt) => {}
            _ = terminate.recv() => {}
            _ = unless_ignored(hangup) => {}
        }
    }
}
