//! `ushield down`.

use std::time::{Duration, Instant};

use clap::Args;
use host_driver::control::{client::Which, view::Health};
use rustix::process::{Pid, test_kill_process};
use terminal::{Exit, Failure, Outcome, say};

use crate::process::Process;

/// How long a clean end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stop a running `up`: its tokens are unplugged, their state is kept
#[derive(Args)]
#[command(after_help = "Example:\n  ushield down")]
pub(crate) struct Down {
    #[command(flatten)]
    which: Which,
}

impl Down {
    pub(crate) fn run(self) -> Outcome {
        let client = self.which.running()?;
        let Health { pid, .. } = client.health().clone();
        let process = Process::behind(client.socket()).ok();
        let _: Health = client.post("/shutdown", &())?;
        let end = Instant::now() + PATIENCE;
        let late = || Failure::new(format!("process {pid} does not stop")).next(format!("kill {pid}"));
        // A server removes its socket last.
        while client.socket().exists() && alive(pid) {
            if Instant::now() >= end {
                return Err(late());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Whoever starts the same tokens next finds their folder free, because the process has let go of it.
        if process.is_some_and(|process| !process.has_ended_by(end)) {
            return Err(late());
        }
        say(&format!("Stopped process {pid}."));
        Ok(Exit::Done)
    }
}

fn alive(pid: u32) -> bool {
    i32::try_from(pid).ok().and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok())
}
