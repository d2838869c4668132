//! The one thread that waits for sockets, clocks and signals.
//!
//! One is enough: what computes or waits for a disk has threads of its own (`host_driver::session_thread`), and a crowd at the door
//! costs no more than one core. It also is all that a machine with a limit of threads has to give; tokio's pool of threads
//! panics where it gets none.

use std::{io, sync::Arc, thread, thread::JoinHandle};

use tokio::{
    runtime::{Builder, EnterGuard, Runtime},
    sync::oneshot,
};

use crate::failure::Failure;

/// A runtime that lives in the thread that calls [`Runtime::block_on`]: spawned tasks go on only meanwhile.
///
/// # Errors
/// The system has no descriptors left.
pub(crate) fn here() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new("sockets and signals cannot be waited for")
            .because(error)
            .next("raise the limit of open files: ulimit -n")
    })
}

/// A runtime with a thread of its own, so that tasks go on whatever its owner does.
pub(crate) struct Waiter {
    runtime: Arc<Runtime>,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start() -> Result<Self, Failure> {
        let runtime = Arc::new(here()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let inside = Arc::clone(&runtime);
        let work = move || {
            // An error says that the other end was dropped, which is the signal.
            let _ = inside.block_on(stopped);
        };
        let thread = thread::Builder::new().name("ushield-wait".into()).spawn(work).map_err(no_thread)?;
        Ok(Self { runtime, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits for this in the caller's thread.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Tasks that the caller spawns are this runtime's, until the guard is dropped.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Goes on with this beside the caller.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

impl Drop for Waiter {
    /// Ends all tasks, once the thread has left them.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// No thread: what that usually means.
pub(crate) fn no_thread(error: io::Error) -> Failure {
    Failure::new("the system gives no thread").because(error).next(
        "raise the limit of threads: ulimit -u for a user, pids.max for a container (docker run --pids-limit, \
         podman run --pids-limit)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_go_on_while_the_owner_does_something_else() {
        let waiter = Waiter::start().unwrap();
        let (send, received) = std::sync::mpsc::channel();
        let of = send.clone();
        waiter.spawn(async move {
            tokio::task::yield_now().await;
            of.send(1).unwrap();
        });
        assert_eq!(received.recv(), Ok(1));
        let task = {
            let _inside = waiter.enter();
            tokio::spawn(async move {
                send.send(2).unwrap();
                std::future::pending::<()>().await;
            })
        };
        assert_eq!((received.recv(), waiter.block_on(async { 3 })), (Ok(2), 3));
        drop(waiter);
        // The task is gone, and what it held.
        assert!(task.is_finished() && received.recv().is_err());
    }
}
