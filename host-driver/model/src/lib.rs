//! The lanes of `host-driver`, in every order in which their threads can run.
//!
//! The file is the product's own; its locks and atomics are those of the model checker, which runs a test once for each order
//! of their steps that can make a difference.
#![cfg(test)]

#[path = "../../src/labour/lane.rs"]
mod lane;
mod lock;

use std::{
    cell::{Cell, RefCell},
    io,
};

use lane::{Lane, Turn, Waiting};
use lock::{Arc, AtomicU64, Ordering};
use loom::thread::{self, JoinHandle};

// Loom runs all threads of a model on one real thread, in turn.
std::thread_local! {
    /// Blocks of memory that there are.
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    /// The lane's threads that were started.
    static THREADS: RefCell<Vec<JoinHandle<()>>> = const { RefCell::new(Vec::new()) };
}

/// The memory of a lane's thread: a second block beside it is a failure.
struct Block;

impl Block {
    fn new() -> Self {
        BLOCKS.set(BLOCKS.get() + 1);
        assert_eq!(BLOCKS.get(), 1, "blocks of memory at once");
        Self
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // Giving it back takes time, in which others run.
        thread::yield_now();
        BLOCKS.set(BLOCKS.get() - 1);
    }
}

fn spawn(lane: Arc<Lane<Block>>) -> io::Result<()> {
    let thread = thread::spawn(move || lane.work());
    THREADS.with_borrow_mut(|threads| threads.push(thread));
    Ok(())
}

fn refuse(_: Arc<Lane<Block>>) -> io::Result<()> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// Two sessions, each with a task for the lane; `refused` is the one that gets no thread when it asks for one, and the task of
/// `fails` panics. Both tasks are done once, there is never a second block of memory, and none is left.
fn two_sessions(refused: Option<usize>, fails: Option<usize>) {
    BLOCKS.set(0);
    THREADS.take();
    let done = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
    let lane = Arc::new(Lane::new(Block::new));
    let session = |number: usize| {
        let (lane, done) = (Arc::clone(&lane), Arc::clone(&done[number]));
        let turn = Turn::new(AtomicU64::new(0));
        let task = Waiting::new(&turn, move |_| {
            done.fetch_add(1, Ordering::Relaxed);
            assert!(fails != Some(number), "as asked");
            true
        });
        move || Lane::queue(&lane, task, if refused == Some(number) { refuse } else { spawn })
    };
    let other = thread::spawn(session(0));
    session(1)();
    other.join().unwrap();
    while let Some(thread) = THREADS.with_borrow_mut(Vec::pop) {
        thread.join().unwrap();
    }
    assert_eq!(done.map(|done| done.load(Ordering::Relaxed)), [1, 1], "how often each task was done");
    assert_eq!(BLOCKS.get(), 0, "blocks that are left");
}

#[test]
fn nobody_is_lost_and_there_is_one_block() {
    loom::model(|| two_sessions(None, None));
}

#[test]
fn nobody_is_lost_where_the_system_gives_no_thread() {
    loom::model(|| two_sessions(Some(0), None));
}

#[test]
fn a_task_that_fails_leaves_no_block_behind() {
    loom::model(|| two_sessions(None, Some(0)));
}
