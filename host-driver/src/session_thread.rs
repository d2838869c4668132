//! The threads of sessions: each thread drives devices, and has a runtime of its own.
//!
//! Between its reads and writes a session runs a device's code: signatures, and writes that wait for the disk. In a shared
//! pool one such call would stop the thread that waits for everybody's sockets. So every session has a thread to itself,
//! which is also the fastest way from a socket to a device and back. Beyond [`MOST`] threads, sessions share threads.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use lock::lock;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

/// The most threads. The runtime of each thread holds a few descriptors.
const MOST: usize = 256;
/// This many threads stay for the next session when their session is over.
const KEPT: usize = 4;
/// Bytes of a thread's stack. The stack is address space: only the pages that are touched become memory. A signature in a
/// build without optimization needs much stack.
const STACK: usize = 1 << 20;

/// The threads of sessions, started as they are needed.
#[derive(Debug)]
pub struct SessionThreads {
    most: usize,
    running: Arc<Mutex<Vec<SessionThread>>>,
}

#[derive(Debug)]
struct SessionThread {
    handle: Handle,
    /// Sessions; changed under the lock of all threads only.
    load: Arc<AtomicUsize>,
    /// The thread stops when this sender is dropped.
    _stop: oneshot::Sender<()>,
    join: JoinHandle<()>,
}

/// A session's place on a thread, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) handle: Handle,
    load: Arc<AtomicUsize>,
    running: Arc<Mutex<Vec<SessionThread>>>,
}

/// Whether a session has its thread for itself.
#[derive(Clone, Debug)]
pub(crate) struct Company(Arc<AtomicUsize>);

impl Company {
    /// No other session is on the thread. One that comes later waits until this session waits for its runtime.
    pub(crate) fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 1
    }
}

impl Place {
    /// Who else is on the thread.
    pub(crate) fn company(&self) -> Company {
        Company(Arc::clone(&self.load))
    }
}

impl Drop for Place {
    /// A thread ends with its last session, unless fewer than [`KEPT`] threads would be left.
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        let was = self.load.fetch_sub(1, Ordering::Relaxed);
        if was == 1 && running.len() > KEPT {
            running.retain(|thread| !Arc::ptr_eq(&thread.load, &self.load));
        }
    }
}

impl Default for SessionThreads {
    fn default() -> Self {
        Self { most: MOST, running: Arc::default() }
    }
}

impl SessionThreads {
    /// A place on the thread with the fewest sessions. When every thread has a session, a new thread is started, up to the
    /// limit.
    ///
    /// # Errors
    /// The system gives no thread, and no thread runs yet.
    pub(crate) fn place(&self) -> io::Result<Place> {
        let mut running = lock(&self.running);
        let load = |thread: &SessionThread| thread.load.load(Ordering::Relaxed);
        let least = running.iter().map(load).min();
        if least.is_none_or(|least| least > 0) && running.len() < self.most {
            match SessionThread::start() {
                Ok(thread) => running.push(thread),
                Err(error) if running.is_empty() => return Err(error),
                Err(error) => tracing::warn!(%error, "no thread for a session of its own"),
            }
        }
        let thread = running.iter().min_by_key(|thread| load(thread)).ok_or(io::ErrorKind::NotFound)?;
        thread.load.fetch_add(1, Ordering::Relaxed);
        let (handle, load) = (thread.handle.clone(), Arc::clone(&thread.load));
        Ok(Place { handle, load, running: Arc::clone(&self.running) })
    }

    /// Starts the first thread, so that there is one for each session, if only to be shared.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn begin(&self) -> io::Result<()> {
        self.place().map(drop)
    }

    /// Ends all sessions, and hands back the threads that are about to end.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        let ending: Vec<SessionThread> = lock(&self.running).drain(..).collect();
        ending.into_iter().map(|thread| thread.join).collect()
    }
}

impl SessionThread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (give, take) = mpsc::channel::<Runtime>();
        let work = move || {
            let Ok(runtime) = take.recv() else { return };
            // An error says that the other end was dropped, which is the signal.
            let _ = runtime.block_on(stopped);
            // The sessions of this thread are dropped here. A device's job may go on elsewhere: nobody waits for it.
            runtime.shutdown_background();
        };
        match std::thread::Builder::new().name("ushield-device".into()).stack_size(STACK).spawn(work) {
            Ok(join) => {
                // The new thread waits for its runtime, and for nothing else.
                let _ = give.send(runtime);
                Ok(Self { handle, load: Arc::default(), _stop: stop, join })
            }
            Err(error) => {
                // A runtime that is dropped inside another runtime's task panics, and this function may be called in one.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(threads: &SessionThreads) -> Vec<usize> {
        lock(&threads.running).iter().map(|thread| thread.load.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn every_session_has_its_thread_while_there_are_enough() {
        let threads = SessionThreads { most: 2, running: Arc::default() };
        let places: Vec<Place> = (0..4).map(|_| threads.place().unwrap()).collect();
        assert_eq!(loads(&threads), [2, 2]);
        // Who shares a thread keeps nobody waiting in a system call.
        assert!(places.iter().all(|place| !place.company().is_none()));
        drop(places);
        let one = threads.place().unwrap();
        assert!(one.company().is_none());
        assert_eq!(loads(&threads), [1, 0]);
        let threads = threads.stop();
        assert_eq!(threads.len(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_thread_ends_with_its_session() {
        let threads = SessionThreads::default();
        let places: Vec<Place> = (0..20).map(|_| threads.place().unwrap()).collect();
        assert_eq!(loads(&threads), [1; 20]);
        drop(places);
        assert_eq!(loads(&threads), [0; KEPT]);
    }
}
