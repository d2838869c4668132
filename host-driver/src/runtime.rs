//! The one thread that waits for sockets, clocks and signals.
//!
//! One thread is enough: whatever computes or waits for a disk runs on a thread of a session ([`crate::session_thread`]), and
//! a crowd of connections costs one core at most. A machine with a limit of threads may have no more to give, and tokio's pool
//! of threads panics when it gets none.

use std::{io, sync::Arc, thread, thread::JoinHandle};

use tokio::{
    runtime::{Builder, EnterGuard, Runtime},
    sync::oneshot,
};

use terminal::Failure;

/// A runtime in the thread that calls [`Runtime::block_on`]. Spawned tasks run only during that call.
///
/// # Errors
/// The system has no descriptors left.
pub fn here() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new("sockets and signals cannot be waited for")
            .because(error)
            .next("raise the limit of open files: ulimit -n")
    })
}

/// A runtime with a thread of its own: its tasks run whatever its owner does.
#[derive(Debug)]
pub struct Waiter {
    runtime: Arc<Runtime>,
    /// The thread stops when this sender is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> Result<Self, Failure> {
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

    /// Waits for a future in the caller's thread.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Until the guard is dropped, tasks that the caller spawns belong to this runtime.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Runs a task beside the caller.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

impl Drop for Waiter {
    /// Stops the thread. All tasks end with the runtime.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The failure of a thread that could not be started, with what usually helps.
pub fn no_thread(error: io::Error) -> Failure {
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
