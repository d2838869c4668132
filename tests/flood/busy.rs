//! A process that is as busy as a flood and does not touch the server. Beside it shows what a flood costs beyond the cores that
//! the flood takes.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{Fault, attack::LONGEST};

/// A slice of time. The process is busy during a part of each slice.
const SLICE: Duration = Duration::from_millis(2);

/// Runs in the busy process.
pub fn run(cores: &str) -> Result<(), Fault> {
    let cores: f64 = cores.parse()?;
    let end = Instant::now() + LONGEST;
    let threads = cores.ceil().max(1.0);
    let busy = SLICE.mul_f64((cores / threads).clamp(0.0, 1.0));
    thread::scope(|scope| {
        for _ in 0..threads as usize {
            scope.spawn(|| {
                while Instant::now() < end {
                    let slice = Instant::now();
                    while slice.elapsed() < busy {
                        std::hint::spin_loop();
                    }
                    thread::sleep(SLICE.saturating_sub(slice.elapsed()));
                }
            });
        }
    });
    Ok(())
}
