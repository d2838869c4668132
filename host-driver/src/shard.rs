//! Threads that drive devices, each with a runtime of its own.
//!
//! A session runs a device's code between its reads and writes. On a shared pool one such call would keep the thread that
//! waits for sockets from all others; here every session has a thread to itself as long as there are enough, and the
//! fastest way from a socket to a device and back.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::lock::lock;

/// Threads, started as they are needed.
#[derive(Debug)]
pub struct Shards {
    most: usize,
    running: Mutex<Vec<Shard>>,
}

#[derive(Debug)]
struct Shard {
    handle: Handle,
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
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Shards {
    /// As many threads as there are cores, and never fewer than four.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { most: cores.max(4), running: Mutex::default() }
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
        Ok(Place { handle: shard.handle.clone(), load: Arc::clone(&shard.load) })
    }

    /// Ends all sessions, and hands back the threads that are about to end.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        lock(&self.running).drain(..).map(|shard| shard.thread).collect()
    }
}

impl Shard {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("ushield-device".into()).spawn(move || {
            // An error says that the other end was dropped, which is the signal.
            let _ = runtime.block_on(stopped);
            // Its sessions are dropped here; a job of a device may go on, and nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, load: Arc::default(), _stop: stop, thread })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_has_its_thread_while_there_are_enough() {
        let shards = Shards { most: 2, running: Mutex::default() };
        let places: Vec<Place> = (0..4).map(|_| shards.place().unwrap()).collect();
        let loads = || {
            lock(&shards.running).iter().map(|shard| shard.load.load(Ordering::Relaxed)).collect::<Vec<_>>()
        };
        assert_eq!(loads(), [2, 2]);
        drop(places);
        let _one = shards.place().unwrap();
        assert_eq!(loads(), [1, 0]);
        let threads = shards.stop();
        assert_eq!(threads.len(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
