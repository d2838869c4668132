//! Long computations of devices, taken in turn: one PIN is stretched at a time in the whole process, and one key made.
//!
//! Each computation takes a core, and to stretch a PIN takes 19 MiB. Many at once would leave no core and no memory for a host
//! that only wants a signature. A device has one computation at a time (`bus`), and the next one is that of the device which
//! had none for the longest time: a host that changes a PIN over and over waits behind a holder who enters one. The threads
//! have low priority. They end when no computation waits, and their memory is given back.

mod lane;

use std::{io, sync::Arc, thread};

use firmware::Memory;

use crate::{
    labour::lane::{Turn, Waiting},
    urb::Labour,
};

/// What [`lane`] locks with.
mod lock {
    pub(super) use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    };

    pub(super) use lock::lock;
}

/// A lane whose threads have memory for stretching.
type Lane = lane::Lane<Memory>;

/// Room for stretching, in KiB. Only pages that are used become memory. It is more than 32 MiB because the C library maps
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

/// When a device had its last turn, for each kind of computation: keys that a device has made do not delay its PINs, and PINs
/// do not delay its keys.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    stretching: Turn,
    key_making: Turn,
}

/// Where devices wait.
#[derive(Debug)]
pub(crate) struct Lanes {
    stretching: Arc<Lane>,
    key_making: Arc<Lane>,
}

impl Default for Lanes {
    fn default() -> Self {
        let [stretching, key_making] = [(); 2].map(|()| Arc::new(Lane::new(memory)));
        Self { stretching, key_making }
    }
}

impl Lanes {
    /// Queues a task for another thread. Where the system gives no thread, the task is done in this one: slow is better than
    /// never. The task returns whether it computed; a task that had nothing to do takes no turn. The caller must hold no lock
    /// that the task takes.
    pub(crate) fn queue(
        &self,
        kind: Labour,
        turns: &Turns,
        task: impl FnOnce(&mut Memory) -> bool + Send + 'static,
    ) {
        let (lane, turn) = match kind {
            Labour::Stretching => (&self.stretching, &turns.stretching),
            Labour::KeyMaking => (&self.key_making, &turns.key_making),
        };
        Lane::queue(lane, Waiting::new(turn, task), spawn);
    }
}

/// Starts a thread for the tasks that wait in this lane.
fn spawn(lane: Arc<Lane>) -> io::Result<()> {
    let thread = thread::Builder::new().name("ushield-labour".into()).stack_size(STACK);
    let started = thread.spawn(move || {
        // On Linux this sets the priority of this thread alone. If it fails, other threads only have to wait longer.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        lane.work();
    });
    started.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Sender},
    };

    use super::*;

    /// Lanes whose stretching is held up until the sender is dropped or sends.
    fn held(turns: &Turns) -> (Lanes, Sender<()>) {
        let lanes = Lanes::default();
        let go = hold(&lanes, turns);
        (lanes, go)
    }

    /// Holds the stretching up with a task of this device.
    fn hold(lanes: &Lanes, turns: &Turns) -> Sender<()> {
        let (go, gate) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        lanes.queue(Labour::Stretching, turns, move |_| {
            begun.send(()).unwrap();
            let _ = gate.recv();
            true
        });
        begins.recv().unwrap();
        go
    }

    /// Eight devices that were served a moment ago wait behind one that was not, however early they came.
    #[test]
    fn who_had_no_turn_for_the_longest_time_is_next() {
        let turns: Vec<Turns> = (0..10).map(|_| Turns::default()).collect();
        let (said, hears) = mpsc::channel();
        let (lanes, go) = held(&turns[9]);
        let queue = |device: usize| {
            let said = said.clone();
            lanes.queue(Labour::Stretching, &turns[device], move |_| said.send(device).is_ok());
        };
        (0..8).for_each(queue);
        go.send(()).unwrap();
        let first: Vec<usize> = hears.iter().take(8).collect();
        assert_eq!(first, [0, 1, 2, 3, 4, 5, 6, 7], "as they came");
        // Again the eight, and now a holder who enters a PIN for the first time.
        let gated = hold(&lanes, &turns[9]);
        [3, 1, 0, 2, 4, 5, 6, 7, 8].into_iter().for_each(queue);
        drop(gated);
        let then: Vec<usize> = hears.iter().take(9).collect();
        assert_eq!(then, [8, 0, 1, 2, 3, 4, 5, 6, 7]);
    }

    /// A device that made many keys enters its first PIN: that is before the second ones of the others. And the reverse.
    #[test]
    fn a_turn_of_one_kind_is_none_of_the_other() {
        for (often, once) in
            [(Labour::KeyMaking, Labour::Stretching), (Labour::Stretching, Labour::KeyMaking)]
        {
            let (lanes, [busy, other, gate]) = (Lanes::default(), <[Turns; 3]>::default());
            let (said, hears) = mpsc::channel();
            let queue = |kind, turns: &Turns, name: &'static str| {
                let said = said.clone();
                lanes.queue(kind, turns, move |_| said.send(name).is_ok());
            };
            for _ in 0..9 {
                queue(often, &busy, "often");
            }
            queue(once, &other, "other");
            assert_eq!(hears.iter().take(10).count(), 10);
            let (go, gated) = mpsc::channel::<()>();
            let (begun, begins) = mpsc::channel();
            lanes.queue(once, &gate, move |_| {
                begun.send(()).unwrap();
                gated.recv().is_err()
            });
            begins.recv().unwrap();
            queue(once, &other, "other");
            queue(once, &busy, "busy");
            drop(go);
            assert_eq!(hears.iter().take(2).collect::<Vec<_>>(), ["busy", "other"]);
        }
    }

    /// What was given up before its turn came takes none.
    #[test]
    fn who_computed_nothing_had_no_turn() {
        let (gone, patient, gate) = (Turns::default(), Turns::default(), Turns::default());
        let (lanes, go) = held(&gate);
        lanes.queue(Labour::Stretching, &gone, |_| false);
        lanes.queue(Labour::Stretching, &patient, |_| true);
        drop(go);
        // Another task of the gate's is behind both.
        let go = hold(&lanes, &gate);
        let (said, hears) = mpsc::channel();
        for (turns, name) in [(&patient, "patient"), (&gone, "gone")] {
            let said = said.clone();
            lanes.queue(Labour::Stretching, turns, move |_| said.send(name).is_ok());
        }
        drop(go);
        assert_eq!(hears.iter().take(2).collect::<Vec<_>>(), ["gone", "patient"]);
    }

    /// The system gives no thread at first: the session does one task, and a thread the others as soon as there is one.
    #[test]
    fn a_session_does_not_work_for_all_the_others() {
        let (lane, (said, hears)) = (Arc::new(Lane::new(memory)), mpsc::channel());
        let task = |name: &'static str| {
            let said = said.clone();
            Waiting::new(&Turn::default(), move |_| said.send((name, thread::current().id())).is_ok())
        };
        let refused = std::cell::Cell::new(false);
        let late = |lane: Arc<Lane>| {
            if refused.replace(true) {
                return spawn(lane);
            }
            // Meanwhile others come, and find that somebody works.
            Lane::queue(&lane, task("second"), |_| unreachable!("somebody works"));
            Lane::queue(&lane, task("third"), |_| unreachable!("somebody works"));
            Err(io::ErrorKind::WouldBlock.into())
        };
        Lane::queue(&lane, task("first"), late);
        let done: Vec<_> = hears.iter().take(3).collect();
        assert_eq!(done.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["first", "second", "third"]);
        let here = thread::current().id();
        assert_eq!(done.iter().map(|(_, id)| *id == here).collect::<Vec<_>>(), [true, false, false]);
        // Alone, and without any thread: done all the same, and whoever comes next asks anew.
        let lane = Arc::new(Lane::new(memory));
        for name in ["alone", "again"] {
            Lane::queue(&lane, task(name), |_| Err(io::ErrorKind::WouldBlock.into()));
            assert_eq!(hears.try_recv().unwrap(), (name, here));
        }
    }

    /// One at a time of each kind, on one thread; a key that is made holds no PIN up.
    #[test]
    fn one_at_a_time() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (lanes, go) = held(&Turns::default());
        let (done, all) = mpsc::channel();
        for _device in 0..20 {
            let (now, most, done) = (Arc::clone(&now), Arc::clone(&most), done.clone());
            lanes.queue(Labour::Stretching, &Turns::default(), move |_| {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                thread::yield_now();
                now.fetch_sub(1, Ordering::Relaxed);
                done.send(()).is_ok()
            });
        }
        let (made, keys) = mpsc::channel();
        lanes.queue(Labour::KeyMaking, &Turns::default(), move |_| made.send(()).is_ok());
        keys.recv().unwrap();
        go.send(()).unwrap();
        assert_eq!(all.iter().take(20).count(), 20);
        assert_eq!(most.load(Ordering::Relaxed), 1);
    }

    /// One that fails takes nobody with it.
    #[test]
    fn a_failure_is_its_own() {
        let (lanes, go) = held(&Turns::default());
        let (done, all) = mpsc::channel();
        lanes.queue(Labour::Stretching, &Turns::default(), |_| panic!("as asked"));
        lanes.queue(Labour::Stretching, &Turns::default(), move |_| done.send(()).is_ok());
        drop(go);
        all.recv().unwrap();
    }
}
