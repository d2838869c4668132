//! `-d`: the program starts itself again in a session of its own. The first process waits until the second is ready, or says
//! why it is not.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::fd::RawFd,
    path::Path,
    process::{ChildStderr, Command, Stdio},
    sync::OnceLock,
    thread::{self, JoinHandle},
};

use host_driver::runtime::no_thread;

use terminal::{Context, Exit, Failure, Outcome, say_bytes, secret::Variable, warn_lines};

/// The variable that tells the second process that it runs in the background.
const MARK: &str = "USHIELD_IN_BACKGROUND";
/// The byte after the last word of the background process, when it is ready.
const READY: u8 = 0;
/// Whether this is the background process.
pub(super) fn in_background() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Starts the background process, and waits until it is ready.
pub(super) fn start() -> Outcome {
    let this = std::env::current_exe().what("the program could not be started in the background")?;
    let mut command = Command::new(this);
    // The background process needs none of them, and others could read them in /proc as long as it runs.
    for secret in Variable::ALL {
        command.env_remove(secret.name());
    }
    let mut child = command
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .what("the program could not be started in the background")?;
    // Both pipes end when the background process is ready or has failed. Meanwhile it may say how far it is.
    let passing = child.stderr.take().map(pass_on).transpose()?;
    let mut said = Vec::new();
    child
        .stdout
        .take()
        .map(|mut pipe| pipe.read_to_end(&mut said))
        .transpose()
        .what("the background is lost")?;
    let complained = passing.is_some_and(|passing| passing.join().unwrap_or(false));
    if said.pop_if(|last| *last == READY).is_some() {
        // The bytes are passed on as they are: a path among them need not be UTF-8.
        say_bytes(said.trim_ascii_end());
        return Ok(Exit::Done);
    }
    let ended = child.wait().what("the background is lost")?;
    match ended.code() {
        // The background process has said why.
        Some(_) if complained => Ok(Exit::Refused),
        _ => Err(Failure::new("the program in the background ended early").because(ended)),
    }
}

/// Passes on what the background process writes to standard error, line by line, until it is ready or has ended. The thread returns
/// whether anything was written.
fn pass_on(pipe: ChildStderr) -> Result<JoinHandle<bool>, Failure> {
    let pass = move || {
        let mut any = false;
        // An error says that the process is gone, as the end of the pipe does.
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            warn_lines(&String::from_utf8_lossy(&line));
            any = true;
        }
        any
    };
    thread::Builder::new().name("ushield-pass".into()).spawn(pass).map_err(no_thread)
}

/// Makes the background process the leader of a session of its own, so that it does not end when the terminal is closed.
pub(super) fn begin() {
    // setsid(2) fails only for the leader of a process group, and a new child is none.
    let _ = rustix::process::setsid();
    let _ = INHERITED.set(open_files());
}

/// The files that were open when the program started, besides the three standard ones. They stay open until the program is
/// ready, because an option may name one (`--pin-file <(…)`, `--ready-file /dev/fd/3`).
static INHERITED: OnceLock<Vec<RawFd>> = OnceLock::new();

/// The numbers of all open files above standard error.
fn open_files() -> Vec<RawFd> {
    let numbers: Vec<RawFd> = match fs::read_dir("/proc/self/fd") {
        Ok(entries) => {
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
        }
        // Without /proc it is not known which files are open: every number is tried.
        Err(_) => (0..FEW).collect(),
    };
    // The folder that was listed was open, too.
    numbers.into_iter().filter(|number| *number > 2 && is_open(*number)).collect()
}

/// A bound for [`open_files`] where the system does not tell.
const FEW: RawFd = 1024;

#[allow(unsafe_code)]
fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD reads a flag, of whatever number.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// Closes the files that the starter had open, and leaves its working folder: others may wait for a lock, a pipe or a disk of
/// the starter.
#[allow(unsafe_code)]
fn let_go() {
    for number in INHERITED.get().into_iter().flatten() {
        // SAFETY: no value of this program owns this descriptor. It was open before the program opened anything, and has not
        // been closed since, so that its number means no other file.
        unsafe { libc::close(*number) };
    }
    // The root folder is always there, and every path that is used from here on is absolute.
    let _ = std::env::set_current_dir("/");
}

/// Ends the start of the background process: it says its last words to the terminal, closes what was the starter's, and
/// writes to the log from here on.
pub(super) fn release(words: &[u8], log: &Path) -> Result<(), Failure> {
    let name = log.display();
    let file = file::append(log).what(format!("the log {name} could not be opened"))?;
    let_go();
    let mut out = std::io::stdout();
    // An error says that the terminal was closed meanwhile, which is no reason to stop.
    let _ = out.write_all(words).and_then(|()| out.write_all(&[b'\n', READY])).and_then(|()| out.flush());
    rustix::stdio::dup2_stdout(&file).what(format!("the log {name} could not be used"))?;
    rustix::stdio::dup2_stderr(&file).what(format!("the log {name} could not be used"))
}
