//! `-d`: the same program again, in a session of its own. The one that was typed waits until it is ready, or says
//! why not.

use std::{
    fs,
    io::{Read, Write},
    os::fd::RawFd,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use terminal::{Context, Exit, Failure, Outcome, say_bytes, warn_lines};

/// Tells the second program that it is the one in the background.
const MARK: &str = "USHIELD_IN_BACKGROUND";
/// Ends what the background program says when it is ready.
const READY: u8 = 0;
/// Secrets that commands take from the environment. The background needs none, and whoever may read its /proc entry
/// would find them there as long as it runs.
const SECRETS: [&str; 3] = ["USHIELD_PIN", "USHIELD_PUK", "USHIELD_NEW_PIN"];

/// Whether this is the program in the background.
pub(super) fn in_background() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Starts the program in the background and waits until it is ready.
pub(super) fn start() -> Outcome {
    let this = std::env::current_exe().what("the program could not be started in the background")?;
    let mut command = Command::new(this);
    for secret in SECRETS {
        command.env_remove(secret);
    }
    let mut child = command
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .what("the program could not be started in the background")?;
    let mut said = Vec::new();
    let mut complained = Vec::new();
    // Both end when it is ready or has failed; it says too little before that to fill a pipe.
    child
        .stdout
        .take()
        .map(|mut pipe| pipe.read_to_end(&mut said))
        .transpose()
        .what("the background is lost")?;
    child
        .stderr
        .take()
        .map(|mut pipe| pipe.read_to_end(&mut complained))
        .transpose()
        .what("the background is lost")?;
    if !complained.is_empty() {
        warn_lines(String::from_utf8_lossy(&complained).trim_end());
    }
    if said.pop_if(|last| *last == READY).is_some() {
        // As it is: a path in it need not be UTF-8.
        say_bytes(said.trim_ascii_end());
        return Ok(Exit::Done);
    }
    let ended = child.wait().what("the background is lost")?;
    match ended.code() {
        // It has said why.
        Some(_) if !complained.is_empty() => Ok(Exit::Refused),
        _ => Err(Failure::new("the program in the background ended early").because(ended)),
    }
}

/// In the background: a session of its own, so that closing the terminal does not end it.
pub(super) fn begin() {
    // Fails only for the leader of a group, which a fresh child is not.
    let _ = rustix::process::setsid();
    let _ = INHERITED.set(open_files());
}

/// What the program was started with besides its three standard files. It stays open until the program is ready, because an
/// option may name it (`--pin-file <(…)`, `--ready-file /dev/fd/3`).
static INHERITED: OnceLock<Vec<RawFd>> = OnceLock::new();

/// The numbers of all open files above standard error.
fn open_files() -> Vec<RawFd> {
    let numbers: Vec<RawFd> = match fs::read_dir("/proc/self/fd") {
        Ok(entries) => {
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
        }
        // Without /proc nobody knows which there are: all that there may be.
        Err(_) => (0..FEW).collect(),
    };
    // The listing had itself among them.
    numbers.into_iter().filter(|number| *number > 2 && is_open(*number)).collect()
}

/// A bound for [`open_files`] where the system does not tell.
const FEW: RawFd = 1024;

#[allow(unsafe_code)]
fn is_open(number: RawFd) -> bool {
    // SAFETY: F_GETFD reads a flag, of whatever number.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// Lets go of what the starter had open and of where it was: its locks, the pipes that others wait on, its disk.
#[allow(unsafe_code)]
fn let_go() {
    for number in INHERITED.get().into_iter().flatten() {
        // SAFETY: nobody here owns it: it was open before this program opened anything, and was never closed since, so that
        // its number means nothing else.
        unsafe { libc::close(*number) };
    }
    // The root is always there. Every path that is used from here on is absolute.
    let _ = std::env::set_current_dir("/");
}

/// In the background: says the last words to the terminal, lets go of all that was the starter's, and from here on writes to
/// the log.
pub(super) fn release(words: &[u8], log: &Path) -> Result<(), Failure> {
    let name = log.display();
    let file = card::file::append(log).what(format!("the log {name} could not be opened"))?;
    let_go();
    let mut out = std::io::stdout();
    // The terminal may have been closed meanwhile: that is no reason to stop.
    let _ = out.write_all(words).and_then(|()| out.write_all(&[b'\n', READY])).and_then(|()| out.flush());
    rustix::stdio::dup2_stdout(&file).what(format!("the log {name} could not be used"))?;
    rustix::stdio::dup2_stderr(&file).what(format!("the log {name} could not be used"))
}
