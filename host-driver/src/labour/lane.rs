//! A lane: where devices wait for one kind of computation, and the one thread that serves them.
//!
//! What threads can do to each other here is tried in every order by `host-driver/model`, which has this file with the locks of
//! a model checker. So the locks come from the module above.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::lock::{Arc, AtomicU64, Mutex, Ordering, lock};

/// When a device had its last turn in a lane; 0 if it had none.
pub type Turn = Arc<AtomicU64>;

/// A lane whose thread has memory of the kind `M` while it works. There is never more than one block of it.
pub struct Lane<M> {
    queue: Mutex<Queue<M>>,
    /// Counts turns.
    clock: AtomicU64,
    memory: fn() -> M,
}

struct Queue<M> {
    waiting: Vec<Waiting<M>>,
    /// A thread takes from here.
    running: bool,
}

/// A device's computation, which waits for its turn.
pub struct Waiting<M> {
    turn: Turn,
    task: Box<dyn FnOnce(&mut M) -> bool + Send>,
}

impl<M> Waiting<M> {
    /// The task says whether it computed: one that had nothing to do any more took no turn.
    pub fn new(turn: &Turn, task: impl FnOnce(&mut M) -> bool + Send + 'static) -> Self {
        Self { turn: Arc::clone(turn), task: Box::new(task) }
    }
}

impl<M> fmt::Debug for Lane<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({} wait)", lock(&self.queue).waiting.len())
    }
}

impl<M> Lane<M> {
    /// Nobody waits. `memory` makes the block that a thread works with.
    pub fn new(memory: fn() -> M) -> Self {
        let queue = Mutex::new(Queue { waiting: Vec::new(), running: false });
        Self { queue, clock: AtomicU64::new(0), memory }
    }

    /// Puts a task in the lane. `spawn` is asked for a thread that calls [`Self::work`], and again after each task that was done
    /// here and now: the others' tasks are not for this session to do.
    pub fn queue(lane: &Arc<Self>, waiting: Waiting<M>, spawn: impl Fn(Arc<Self>) -> io::Result<()>) {
        let mut queue = lock(&lane.queue);
        queue.waiting.push(waiting);
        if queue.running {
            return;
        }
        queue.running = true;
        drop(queue);
        while let Err(error) = spawn(Arc::clone(lane)) {
            tracing::warn!(%error, "no thread for what a device computes: it delays its session");
            if let Some(next) = lane.next() {
                lane.serve(next, &mut None);
            }
            if lane.is_over() {
                return;
            }
        }
    }

    /// Until nobody waits. The memory is given back before anybody can ask for another thread: there is one block at a time.
    pub fn work(&self) {
        loop {
            let mut memory = None;
            while let Some(next) = self.next() {
                self.serve(next, &mut memory);
            }
            drop(memory);
            if self.is_over() {
                return;
            }
        }
    }

    /// A block of memory that a failed task leaves is given back before there is another.
    fn serve(&self, next: Waiting<M>, memory: &mut Option<M>) {
        let block = memory.get_or_insert_with(self.memory);
        let computed = catch_unwind(AssertUnwindSafe(|| (next.task)(block))).unwrap_or_else(|_| {
            tracing::error!("what a device computes failed");
            *memory = None;
            true
        });
        if computed {
            // Before anybody is next: the device comes behind those who waited meanwhile.
            next.turn.store(self.clock.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// Nobody waits, and whoever comes next asks for a thread.
    fn is_over(&self) -> bool {
        let mut queue = lock(&self.queue);
        if queue.waiting.is_empty() {
            queue.running = false;
        }
        !queue.running
    }

    /// Of the device that had no turn for the longest time; among equals, the first that came.
    fn next(&self) -> Option<Waiting<M>> {
        let mut queue = lock(&self.queue);
        let last = |waiting: &Waiting<M>| waiting.turn.load(Ordering::Relaxed);
        let (at, _) = queue.waiting.iter().enumerate().min_by_key(|(at, waiting)| (last(waiting), *at))?;
        Some(queue.waiting.remove(at))
    }
}
