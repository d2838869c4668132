//! The keeper of a run's command: the same program again, between the run and the command. When the run is killed, by whatever
//! signal, the keeper ends all that the command has started; when the keeper is killed, the run does.
//!
//! Both are subreapers (prctl(2), PR_SET_CHILD_SUBREAPER): a process whose parent died becomes the keeper's child, so that what
//! the command started is found even where it began a session of its own.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use host_driver::memory::Limits;
use rustix::{
    io::{FdFlags, fcntl_setfd},
    pipe::{PipeFlags, pipe_with},
    process::{Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper, wait},
};
use terminal::{Context, Exit, Failure, Outcome, warn};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe::Receiver,
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use super::{
    OURS,
    child::{self, Signals},
    folder::Folder,
    lifeline::{self, Variable},
};

/// The variable that tells the second process that it is the keeper: the number of the run's process, and behind a colon the number of
/// the keeper's end of the lifeline, whose other end the run holds.
const MARK: &str = "USHIELD_RUN_KEEPER";
/// The keeper's first arguments. The command and its arguments follow, so that the keeper need not understand the options of the run.
const HEAD: [&str; 2] = ["run", "--"];
/// How long the processes that the command has started may take to end when they are asked to.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long they may take to be gone when they are killed.
const END: Duration = Duration::from_secs(5);
/// How long a run that was killed may take until the kernel has closed its files.
const LETTING_GO: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(10);
const NOT_STARTED: &str = "the command could not be started";

/// The run's side of a keeper. The kernel closes the lifeline when the run ends, however it ends.
pub(super) struct Keeper {
    command: Vec<OsString>,
    limits: Limits,
    started: Option<Started>,
}

/// A process of its own. It is the keeper, or without a keeper the command.
struct Started {
    child: tokio::process::Child,
    /// A keeper's.
    lifeline: Option<OwnedFd>,
}

impl Keeper {
    /// Starts the keeper, which waits for [`Self::begin`]. Meanwhile the run makes what the command will find: the two starts take
    /// place side by side. Must be called inside the runtime, by a thread that lives until the command has ended.
    ///
    /// Where /proc is not mounted there is no keeper, because it could not tell which processes the command has started. Then
    /// only the command itself ends with us.
    ///
    /// The keeper has the limits that we were started with, and it may dump core and be traced: execve(2) ends what this process
    /// has asked of the kernel for itself.
    pub(super) fn start(command: &[OsString], limits: Limits) -> Result<Self, Failure> {
        // The processes that a killed keeper leaves become our children.
        set_child_subreaper(Some(getpid())).what(NOT_STARTED)?;
        let command = command.to_vec();
        let Ok(this) = std::env::current_exe() else { return Ok(Self { command, limits, started: None }) };
        let (theirs, lifeline) = pipe_with(PipeFlags::CLOEXEC).what(NOT_STARTED)?;
        let mut keeper = Command::new(this);
        keeper.args(HEAD).args(&command).env(MARK, mark(getpid(), theirs.as_raw_fd()));
        before_exec(&mut keeper, move || {
            fcntl_setfd(&theirs, FdFlags::empty())?;
            limits.restore()
        });
        let child = tokio::process::Command::from(keeper).spawn().what(NOT_STARTED)?;
        Ok(Self { command, limits, started: Some(Started { child, lifeline: Some(lifeline) }) })
    }

    /// Has the command started, in our environment with these variables set or removed.
    pub(super) fn begin(&mut self, variables: &[Variable<&'static str>]) -> Result<(), Failure> {
        let Some(started) = &mut self.started else { return self.begin_alone(variables) };
        let lifeline = started.lifeline.take().map(|lifeline| lifeline::send(lifeline, variables));
        started.lifeline = lifeline.transpose().what(NOT_STARTED)?;
        Ok(())
    }

    /// Starts the command without a keeper.
    fn begin_alone(&mut self, variables: &[Variable<&'static str>]) -> Result<(), Failure> {
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| Failure::new("there is no command to run"))?;
        let mut command = child::command(program, arguments);
        apply(&mut command, variables);
        child::die_with_us(&mut command);
        let limits = self.limits;
        before_exec(&mut command, move || limits.restore());
        let child = tokio::process::Command::from(command).spawn();
        let child = child.map_err(|error| child::not_started(program, &error))?;
        self.started = Some(Started { child, lifeline: None });
        Ok(())
    }

    /// Waits until the command has ended. Signals that come meanwhile are passed on.
    pub(super) async fn wait(&mut self, signals: &mut Signals) -> Result<ExitStatus, Failure> {
        let child = &mut self.started.as_mut().ok_or_else(|| Failure::new(NOT_STARTED))?.child;
        loop {
            let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            let passed = tokio::select! {
                ended = child.wait() => {
                    let status = ended.what("the command is lost")?;
                    if status.signal().is_some() {
                        kill_all();
                    }
                    return Ok(status);
                }
                passed = signals.next() => passed,
            };
            child::pass(pid, passed);
        }
    }
}

/// Has the new process call `first` before it becomes the program. `first` may make one or two system calls, and no more.
#[allow(unsafe_code)]
fn before_exec(command: &mut Command, calls: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: after fork(2) nothing is allocated and no lock is taken, as both callers in this file show.
    unsafe { command.pre_exec(calls) };
}

/// Sets the variables that have a value, and removes the others.
fn apply<N: AsRef<OsStr>>(command: &mut Command, variables: &[Variable<N>]) {
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Does a keeper's work, if this process is a keeper. A keeper asks this before anything else, because its command may wait.
pub(super) fn work() -> Option<Outcome> {
    let (run, lifeline) = marked(&std::env::var(MARK).ok()?)?;
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (head, command) = line.split_at_checked(HEAD.len())?;
    let (program, arguments) = command.split_first().filter(|_| head == HEAD)?;
    Some(keep(run, lifeline, program, arguments))
}

/// What [`MARK`] says.
fn mark(run: Pid, lifeline: RawFd) -> String {
    format!("{}:{lifeline}", run.as_raw_nonzero())
}

/// The run's process and the lifeline, from what [`MARK`] says.
fn marked(text: &str) -> Option<(Pid, RawFd)> {
    let (run, lifeline) = text.split_once(':')?;
    Some((Pid::from_raw(run.parse().ok()?)?, lifeline.parse().ok()?))
}

/// Runs the command, and ends as the command ends.
fn keep(run: Pid, lifeline: RawFd, program: &OsStr, arguments: &[OsString]) -> Outcome {
    set_child_subreaper(Some(getpid())).what(NOT_STARTED)?;
    let runtime =
        Builder::new_current_thread().enable_all().build().what("the runtime could not be started")?;
    runtime.block_on(async {
        let mut lifeline = take(lifeline).what("the run is lost")?;
        let mut signals = Signals::catch()?;
        let mut children = signal(SignalKind::child()).what("signals cannot be watched")?;
        // The run says why it failed, where it ends before it has a command to start.
        let Ok(variables) = lifeline::receive(&mut lifeline).await else {
            sweep_after(run).await;
            return Ok(Exit::As(OURS));
        };
        let mut command = child::command(program, arguments);
        command.env_remove(MARK);
        apply(&mut command, &variables);
        // This thread starts the command, because it lives until the command has ended.
        let pid = child::start(&mut command)?;
        let mut ending = false;
        loop {
            tokio::select! {
                _ = children.recv() => {
                    if let Some(status) = reap(Some(pid)) {
                        // A command that a signal has ended (Ctrl-C of the terminal's, somebody's kill) had no time to end what it had started.
                        if ending || status.signal().is_some() {
                            end_all();
                        }
                        return Ok(Exit::As(child::code(status)));
                    }
                }
                passed = signals.next() => ending |= child::pass(Some(pid), passed) && child::ends(passed),
                () = gone(&mut lifeline) => {
                    kill_all();
                    // The run can remove nothing any more: its sockets, its PIN.
                    sweep_after(run).await;
                    return Err(Failure::new("the run was killed, and its command with it"));
                }
            }
        }
    })
}

/// Removes the run's folder, once the run has let go of its lock. The kernel gives a process's children to another parent only after it
/// has closed that process's files.
async fn sweep_after(run: Pid) {
    // The run itself has told its number: a keeper that asked for its parent would get another process where the run has ended before.
    let end = Instant::now() + LETTING_GO;
    while getppid() == Some(run) && Instant::now() < end {
        sleep(Duration::from_millis(2)).await;
    }
    Folder::sweep();
}

/// Takes the keeper's end of the lifeline, and closes it to processes that are started from here on.
#[allow(unsafe_code)]
fn take(number: RawFd) -> io::Result<Receiver> {
    // SAFETY: the run has left this descriptor open for the keeper, and no value of this process owns it.
    let lifeline = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&lifeline, FdFlags::CLOEXEC)?;
    Receiver::from_owned_fd(lifeline)
}

/// Returns when the run has ended. The run writes nothing more to the lifeline, so that a read returns only then.
async fn gone(lifeline: &mut Receiver) {
    let _ = lifeline.read_u8().await;
}

/// Collects children that have ended. Returns the status of the one that is asked for.
fn reap(wanted: Option<Pid>) -> Option<ExitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if Some(pid) == wanted {
            found = Some(ExitStatus::from_raw(status.as_raw()));
        }
    }
    found
}

/// Ends all processes that the command has started: they are asked first, and killed later.
fn end_all() {
    signal_until(Signal::TERM, LAST_WORDS, true);
    kill_all();
}

fn kill_all() {
    if !signal_until(Signal::KILL, END, false) {
        warn("ushield: something that the command has started could not be ended: it runs as another user");
    }
}

/// Sends a signal to all descendants, `once` or again and again, until none is left. Returns false when some are left after
/// `patience`.
fn signal_until(signal: Signal, patience: Duration, once: bool) -> bool {
    let end = Instant::now() + patience;
    let mut told = Vec::new();
    loop {
        let all = descendants(&parents(), getpid().as_raw_nonzero().get());
        if all.is_empty() {
            return true;
        }
        for pid in all.into_iter().filter_map(Pid::from_raw) {
            if !(once && told.contains(&pid)) {
                // An error says that the process has just ended.
                let _ = kill_process(pid, signal);
                told.push(pid);
            }
        }
        reap(None);
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

/// The parent of each process (proc_pid_stat(5)). Processes that have ended and wait to be collected are left out.
fn parents() -> BTreeMap<i32, i32> {
    let parent = |stat: String| -> Option<i32> {
        // The parent stands behind the name. The name is in brackets, and may hold any character, brackets too.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        (fields.next()? != "Z").then(|| fields.next()?.parse().ok()).flatten()
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect()
}

/// All descendants of a process.
fn descendants(parents: &BTreeMap<i32, i32>, of: i32) -> Vec<i32> {
    let mut found = vec![of];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_reads_what_its_run_has_written() {
        let run = getpid();
        assert_eq!(marked(&mark(run, 7)), Some((run, 7)));
        for nothing in ["", "7", ":7", "0:7", "1:", "-", "1:7:9"] {
            assert_eq!(marked(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn children_and_their_children() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 2)]);
        assert_eq!(descendants(&parents, 2), [3, 7, 4]);
        assert_eq!(descendants(&parents, 6), Vec::<i32>::new());
        assert!(super::parents().contains_key(&getpid().as_raw_nonzero().get()), "we are there");
    }
}
