//! Long computations of devices, taken in turn: one PIN is stretched at a time in the whole process, and one key made.
//!
//! Each takes a core, and a stretched PIN 19 MiB: many at once would leave neither to those who only want a signature. A
//! device has one computation at a time (`bus`), and the next is that of the device which had none for the longest time:
//! whoever changes a PIN over and over waits behind a holder who enters one. The threads are of low priority, and end
//! when nobody waits; the memory goes with them.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use firmware::Memory;

use crate::{lock::lock, urb::Labour};

/// Room that is set aside, in KiB; only what is used of it becomes memory. It is more than 32 MiB because the C library maps
/// what is larger for itself, and gives it back to the system at once (mallopt(3), DEFAULT_MMAP_THRESHOLD_MAX): what is
/// smaller it keeps, in an arena for each thread.
const ROOM: usize = 33 << 10;
/// How nice the threads are to those that talk to hosts (nice(2)).
const NICENESS: i32 = 5;
/// Bytes of a thread's stack: RSA in a build without optimization goes deep.
const STACK: usize = 2 << 20;

/// Memory for stretching, as the threads here have it.
pub fn memory() -> Memory {
    Memory::with_room(ROOM)
}

/// When a device had its last turn.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicU64);

/// Where devices wait.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    stretching: Arc<Lane>,
    key_making: Arc<Lane>,
}

impl Lanes {
    /// Has this done on another thread, once its turn comes; here and now where the system gives none: slow is better than
    /// never. The caller holds no lock that the task wants.
    pub(crate) fn queue(
        &self,
        kind: Labour,
        turn: &Arc<Turn>,
        task: impl FnOnce(&mut Memory) + Send + 'static,
    ) {
        let lane = match kind {
            Labour::Stretching => &self.stretching,
            Labour::KeyMaking => &self.key_making,
        };
        lane.queue(Waiting { turn: Arc::clone(turn), task: Box::new(task) });
    }
}

#[derive(Default)]
struct Lane {
    queue: Mutex<Queue>,
    /// Counts turns.
    clock: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// A thread takes from here.
    running: bool,
}

struct Waiting {
    turn: Arc<Turn>,
    task: Box<dyn FnOnce(&mut Memory) + Send>,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({} wait)", lock(&self.queue).waiting.len())
    }
}

impl Lane {
    fn queue(self: &Arc<Self>, waiting: Waiting) {
        let mut queue = lock(&self.queue);
        queue.waiting.push(waiting);
        if queue.running {
            return;
        }
        queue.running = true;
        drop(queue);
        let lane = Arc::clone(self);
        let thread = thread::Builder::new().name("ushield-labour".into()).stack_size(STACK);
        let started = thread.spawn(move || {
            // Of this thread alone, on Linux. Without it all goes on as well, but for those who wait beside it.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            lane.work();
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread for what a device computes: it delays its session");
            self.work();
        }
    }

    /// Until nobody waits.
    fn work(&self) {
        let mut memory = memory();
        while let Some(next) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| (next.task)(&mut memory))).is_err() {
                tracing::error!("what a device computes failed");
                memory = self::memory();
            }
        }
    }

    /// Of the device that had no turn for the longest time; among equals, the first that came.
    fn next(&self) -> Option<Waiting> {
        let mut queue = lock(&self.queue);
        let last = |waiting: &Waiting| waiting.turn.0.load(Ordering::Relaxed);
        let Some((at, _)) = queue.waiting.iter().enumerate().min_by_key(|(at, waiting)| (last(waiting), *at))
        else {
            queue.running = false;
            return None;
        };
        let next = queue.waiting.remove(at);
        next.turn.0.store(self.clock.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::AtomicUsize,
        mpsc::{self, Sender},
    };

    use super::*;

    /// Lanes whose stretching is held up until the sender is dropped or sends.
    fn held(turn: &Arc<Turn>) -> (Lanes, Sender<()>) {
        let lanes = Lanes::default();
        let (go, gate) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        lanes.queue(Labour::Stretching, turn, move |_| {
            begun.send(()).unwrap();
            let _ = gate.recv();
        });
        begins.recv().unwrap();
        (lanes, go)
    }

    /// Eight devices that were served a moment ago wait behind one that was not, however early they came.
    #[test]
    fn who_had_no_turn_for_the_longest_time_is_next() {
        let turns: Vec<Arc<Turn>> = (0..10).map(|_| Arc::default()).collect();
        let (said, hears) = mpsc::channel();
        let (lanes, go) = held(&turns[9]);
        let queue = |device: usize| {
            let said = said.clone();
            lanes.queue(Labour::Stretching, &turns[device], move |_| said.send(device).unwrap());
        };
        (0..8).for_each(queue);
        go.send(()).unwrap();
        let first: Vec<usize> = hears.iter().take(8).collect();
        assert_eq!(first, [0, 1, 2, 3, 4, 5, 6, 7], "as they came");
        // Again the eight, and now a holder who enters a PIN for the first time.
        let (gated, gate) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        lanes.queue(Labour::Stretching, &turns[9], move |_| {
            begun.send(()).unwrap();
            let _ = gate.recv();
        });
        begins.recv().unwrap();
        [3, 1, 0, 2, 4, 5, 6, 7, 8].into_iter().for_each(queue);
        drop(gated);
        let then: Vec<usize> = hears.iter().take(9).collect();
        assert_eq!(then, [8, 0, 1, 2, 3, 4, 5, 6, 7]);
    }

    /// One at a time of each kind, on one thread; a key that is made holds no PIN up.
    #[test]
    fn one_at_a_time() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (lanes, go) = held(&Arc::default());
        let (done, all) = mpsc::channel();
        for _device in 0..20 {
            let (now, most, done) = (Arc::clone(&now), Arc::clone(&most), done.clone());
            lanes.queue(Labour::Stretching, &Arc::default(), move |_| {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                thread::yield_now();
                now.fetch_sub(1, Ordering::Relaxed);
                done.send(()).unwrap();
            });
        }
        let (made, keys) = mpsc::channel();
        lanes.queue(Labour::KeyMaking, &Arc::default(), move |_| made.send(()).unwrap());
        keys.recv().unwrap();
        go.send(()).unwrap();
        assert_eq!(all.iter().take(20).count(), 20);
        assert_eq!(most.load(Ordering::Relaxed), 1);
    }

    /// One that fails takes nobody with it.
    #[test]
    fn a_failure_is_its_own() {
        let (lanes, go) = held(&Arc::default());
        let (done, all) = mpsc::channel();
        lanes.queue(Labour::Stretching, &Arc::default(), |_| panic!("as asked"));
        lanes.queue(Labour::Stretching, &Arc::default(), move |_| done.send(()).unwrap());
        drop(go);
        all.recv().unwrap();
    }
}
