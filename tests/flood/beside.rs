//! A process that stands beside the honest host. The process runs while the host is measured, and is stopped in
//! between.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Fault, attack::Flood, server::Server};

/// The number of a user who does not exist.
const STRANGER: u32 = 64_124;
/// How long a flood may take to reach its full strength.
const RISING: Duration = Duration::from_millis(1500);

/// The process.
pub struct Beside {
    child: Child,
    /// How long the process ran since it reached its full strength, and how long it computed.
    ran: Duration,
    computed: Duration,
}

impl Beside {
    /// A flood, which reaches its full strength before it is stopped.
    pub fn flood(this: &Path, flood: Flood, server: &Server) -> Result<Self, Fault> {
        let mut command = Command::new(this);
        command.args(["attack", &format!("{flood:?}"), &server.usbip, &server.usbredir, &server.control]);
        if flood.is_a_strangers() {
            command.uid(STRANGER).gid(STRANGER).current_dir("/");
        }
        let mut beside = Self::start(command)?;
        thread::sleep(RISING);
        beside.signal(Signal::STOP)?;
        // A short run at full strength is enough to tell how many cores the flood takes.
        beside.during(|| {
            thread::sleep(RISING);
            Ok(())
        })?;
        Ok(beside)
    }

    /// A process that takes this many cores and does not touch the server.
    pub fn busy(this: &Path, cores: f64) -> Result<Self, Fault> {
        let mut command = Command::new(this);
        command.args(["busy", &cores.to_string()]);
        let beside = Self::start(command)?;
        beside.signal(Signal::STOP)?;
        Ok(beside)
    }

    fn start(mut command: Command) -> Result<Self, Fault> {
        let child = command.spawn().map_err(|error| format!("a second process: {error}"))?;
        Ok(Self { child, ran: Duration::ZERO, computed: Duration::ZERO })
    }

    fn signal(&self, signal: Signal) -> Result<(), Fault> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).ok_or("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Lets the process run while `measure` does.
    pub fn during<T>(&mut self, measure: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let (begun, before) = (Instant::now(), cpu(self.child.id())?);
        self.signal(Signal::CONT)?;
        let measured = measure();
        self.signal(Signal::STOP)?;
        self.ran += begun.elapsed();
        self.computed += cpu(self.child.id())?.saturating_sub(before);
        measured
    }

    /// The cores that the process takes while it runs.
    pub fn cores(&self) -> Result<f64, Fault> {
        Ok(self.computed.as_secs_f64() / self.ran.as_secs_f64())
    }

    /// Ends the process, which must have lived until now.
    pub fn end(mut self) -> Result<(), Fault> {
        match self.child.try_wait()? {
            Some(status) => {
                Err(format!("what stands beside the honest host ended by itself: {status}").into())
            }
            None => Ok(()),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time that a process has computed for, in and outside the kernel (proc_pid_stat(5), fields 14 and 15).
fn cpu(process: u32) -> Result<Duration, Fault> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in brackets, and may hold anything.
    let (_, fields) = text.rsplit_once(')').ok_or("no name in /proc/PID/stat")?;
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let [user, system] = [ticks.next().ok_or("no utime")??, ticks.next().ok_or("no stime")??];
    Ok(Duration::from_millis((user + system) * 1000 / rustix::param::clock_ticks_per_second()))
}
