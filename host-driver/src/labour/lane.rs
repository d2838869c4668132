//! A lane holds the devices that wait for one kind of computation, and has one thread that serves them.
//!
//! `host-driver/model` tries every order in which the threads of this file can meet. The model includes this file with the locks
//! of a model checker, and so the locks come from the module above.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::lock::{Arc, AtomicU64, Mutex, Ordering, lock};

/// When a device had its last turn in a lane; 0 if it had none.
pub type Turn = Arc<AtomicU64>;

/// A lane whose thread has memory of the kind `M` while it works. A lane never has more than one block of that memory.
pub struct Lane<M> {
    queue: Mutex<Queue<M>>,
    /// The clock of the lane, which counts turns.
    clock: AtomicU64,
    memory: fn() -> M,
}

struct Queue<M> {
    waiting: Vec<Waiting<M>>,
    /// Whether a thread takes tasks from this queue.
    running: bool,
}

/// A device's computation, which waits for its turn.
pub struct Waiting<M> {
    turn: Turn,
    task: Box<dyn FnOnce(&mut M) -> bool + Send>,
}

impl<M> Waiting<M> {
    /// Makes an entry. `task` returns whether it computed: a task that had nothing to do any more takes no turn.
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
    /// A lane in which nobody waits. `memory` makes the block that a thread works with.
    pub fn new(memory: fn() -> M) -> Self {
        let queue = Mutex::new(Queue { waiting: Vec::new(), running: false });
        Self { queue, clock: AtomicU64::new(0), memory }
    }

    /// Puts a task in the lane. `spawn` is asked for a thread that calls [`Self::work`]. Where there is no thread, this session
    /// does one task itself and asks again, because it is not there to do the tasks of others.
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

    /// Works until nobody waits. The memory is given back before anybody can ask for another thread, so that there is only one
    /// block at a time.
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

    /// Does one task. Where the task fails, its block of memory is given back before there is another block.
    fn serve(&self, next: Waiting<M>, memory: &mut Option<M>) {
        let block = memory.get_or_insert_with(self.memory);
        let computed = catch_unwind(AssertUnwindSafe(|| (next.task)(block))).unwrap_or_else(|_| {
            tracing::error!("what a device computes failed");
            *memory = None;
            true
        });
        if computed {
            // The turn is counted before the next task is chosen. So the device comes behind those that waited meanwhile.
            next.turn.store(self.clock.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// Whether nobody waits. Then the next task asks for a thread.
    fn is_over(&self) -> bool {
        let mut queue = lock(&self.queue);
        if queue.waiting.is_empty() {
            queue.running = false;
        }
        !queue.running
    }

    /// The task of the device that has had no turn for the longest time. Among equals the task that came first is next.
    fn next(&self) -> Option<Waiting<M>> {
        let mut queue = lock(&self.queue);
        let last = |waiting: &Waiting<M>| waiting.turn.load(Ordering::Relaxed);
        let (at, _) = queue.waiting.iter().enumerate().min_by_key(|(at, waiting)| (last(waiting), *at))?;
        Some(queue.waiting.remove(at))
    }
}
