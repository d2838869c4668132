//! A process that is as busy as a flood was, and does not touch the server: what a flood costs beyond the cores that it takes.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::Fault;

/// A slice of time, a part of which is busy.
const SLICE: Duration = Duration::from_millis(2);

/// A busy process.
pub struct Busy(Child);

/// Starts a process that takes so many cores.
pub fn start(this: &Path, cores: f64, time: Duration) -> Result<Busy, Fault> {
    let seconds = (time.as_secs() + 60).to_string();
    Ok(Busy(Command::new(this).args(["busy", &cores.to_string(), &seconds]).spawn()?))
}

impl Busy {
    pub fn end(mut self) -> Result<(), Fault> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

/// In the busy process.
pub fn run(cores: &str, seconds: &str) -> Result<(), Fault> {
    let cores: f64 = cores.parse()?;
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
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

/// The time that a process has computed for, in and outside the kernel (proc_pid_stat(5), fields 14 and 15).
pub fn cpu(process: u32) -> Result<Duration, Fault> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in brackets, and may hold anything.
    let (_, fields) = text.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let [user, system] = [ticks.next().ok_or("no utime")??, ticks.next().ok_or("no stime")??];
    Ok(Duration::from_millis((user + system) * 1000 / rustix::param::clock_ticks_per_second()))
}
