//! Threads that drive devices, each with a runtime of its own.
//!
//! A session runs a device's code between its reads and writes: signatures, and writes that wait for the disk. On a
//! shared pool one such call would keep the thread that waits for sockets from all others; here every session has a
//! thread to itself, and the fastest way from a socket to a device and back. Beyond [`MOST`] sessions share.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

use crate::lock::lock;

/// Threads at most. Each has a runtime of its own, which holds a few descriptors.
const MOST: usize = 256;
/// Threads that stay for the next session when theirs is over.
const KEPT: usize = 4;
/// Bytes of a thread's stack: address space, of which what is touched becomes memory. Generous, because a signature in a
/// build without optimization goes deep.
const STACK: usize = 1 << 20;

/// Threads, started as they are needed.
#[derive(Debug)]
pub struct Shards {
    most: usize,
    running: Arc<Mutex<Vec<Shard>>>,
}

#[derive(Debug)]
struct Shard {
    handle: Handle,
    /// Sessions; changed under the lock of all shards only.
    load: Arc<AtomicUsize>,
    /// Dropped to stop the thread.
    _stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// A session's place on a thread, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) handle: Handle,
    load: Arc<AtomicUsize>,
    running: Arc<Mutex<Vec<Shard>>>,
}

impl Drop for Place {
    /// The last session of a thread ends it, unless few would be left.
    fn drop(&mut self) {
        let mut running = lock(&self.running);
        let was = self.load.fetch_sub(1, Ordering::Relaxed);
        if was == 1 && running.len() > KEPT {
            running.retain(|shard| !Arc::ptr_eq(&shard.load, &self.load));
        }
    }
}

impl Default for Shards {
    fn default() -> Self {
        Self { most: MOST, running: Arc::default() }
    }
}

impl Shards {
    /// The thread with the fewest sessions; a new one while all have some and there may be more.
    ///
    /// # Errors
    /// The system gives no thread, and there is none yet.
    pub(crate) fn place(&self) -> io::Result<Place> {
        let mut running = lock(&self.running);
        let load = |shard: &Shard| shard.load.load(Ordering::Relaxed);
        let least = running.iter().map(load).min();
        if least.is_none_or(|least| least > 0) && running.len() < self.most {
            match Shard::start() {
                Ok(shard) => running.push(shard),
                Err(error) if running.is_empty() => return Err(error),
                Err(error) => tracing::warn!(%error, "no thread for a session of its own"),
            }
        }
        let shard = running.iter().min_by_key(|shard| load(shard)).ok_or(io::ErrorKind::NotFound)?;
        shard.load.fetch_add(1, Ordering::Relaxed);
        let (handle, load) = (shard.handle.clone(), Arc::clone(&shard.load));
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
        let ending: Vec<Shard> = lock(&self.running).drain(..).collect();
        ending.into_iter().map(|shard| shard.thread).collect()
    }
}

impl Shard {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (give, take) = mpsc::channel::<Runtime>();
        let work = move || {
            let Ok(runtime) = take.recv() else { return };
            // An error says that the other end was dropped, which is the signal.
            let _ = runtime.block_on(stopped);
            // Its sessions are dropped here; a job of a device may go on, and nobody waits for it.
            runtime.shutdown_background();
        };
        match std::thread::Builder::new().name("ushield-device".into()).stack_size(STACK).spawn(work) {
            Ok(thread) => {
                // It waits for nothing else.
                let _ = give.send(runtime);
                Ok(Self { handle, load: Arc::default(), _stop: stop, thread })
            }
            Err(error) => {
                // Dropped here it would panic: we may stand in a task of another.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(shards: &Shards) -> Vec<usize> {
        lock(&shards.running).iter().map(|shard| shard.load.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn every_session_has_its_thread_while_there_are_enough() {
        let shards = Shards { most: 2, running: Arc::default() };
        let places: Vec<Place> = (0..4).map(|_| shards.place().unwrap()).collect();
        assert_eq!(loads(&shards), [2, 2]);
        drop(places);
        let _one = shards.place().unwrap();
        assert_eq!(loads(&shards), [1, 0]);
        let threads = shards.stop();
        assert_eq!(threads.len(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn a_thread_ends_with_its_session() {
        let shards = Shards::default();
        let places: Vec<Place> = (0..20).map(|_| shards.place().unwrap()).collect();
        assert_eq!(loads(&shards), [1; 20]);
        drop(places);
        assert_eq!(loads(&shards), [0; KEPT]);
    }
}
