//! `-d`: the same program again, in a session of its own. The one that was typed waits until it is ready, or says
//! why not.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    failure::{Context, Exit, Failure, Outcome},
    terminal::{say, warn},
};

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
        warn(String::from_utf8_lossy(&complained).trim_end());
    }
    if said.pop_if(|last| *last == READY).is_some() {
        say(String::from_utf8_lossy(&said).trim_end());
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
}

/// In the background: says the last words to the terminal, and from here on writes to the log.
pub(super) fn release(words: &str, log: &Path) -> Result<(), Failure> {
    let name = log.display();
    let file = card::file::append(log).what(format!("the log {name} could not be opened"))?;
    let mut out = std::io::stdout();
    // The terminal may have been closed meanwhile: that is no reason to stop.
    let _ = out
        .write_all(words.as_bytes())
        .and_then(|()| out.write_all(&[b'\n', READY]))
        .and_then(|()| out.flush());
    rustix::stdio::dup2_stdout(&file).what(format!("the log {name} could not be used"))?;
    rustix::stdio::dup2_stderr(&file).what(format!("the log {name} could not be used"))
}
