//! The terminal in which the assistant runs.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use terminal::{Failure, secret::Secret, warn_lines};
use wire::display::printed;
use zeroize::Zeroizing;

use super::{NotGiven, Prompter, Question, Stop};

/// How often somebody looks whether the end is wished.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// How long the holder may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest answer. A terminal takes 4,096 bytes a line (termios(3), canonical mode).
const LONGEST: usize = 4096;

/// The controlling terminal.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl Console {
    /// Whether there is a controlling terminal.
    pub fn is_there() -> bool {
        Self::open().is_ok()
    }

    fn open() -> std::io::Result<File> {
        OpenOptions::new().read(true).write(true).open("/dev/tty")
    }

    fn ask(question: &Question<'_>, end: &str, hidden: bool, stop: &Stop) -> Result<Secret, NotGiven> {
        let failed = |why: &dyn std::fmt::Display| {
            NotGiven::Failed(Failure::new("the holder was not asked").because(why).next(super::INSTALL))
        };
        let tty = Self::open().map_err(|error| failed(&error))?;
        let _quiet = if hidden { Some(Quiet::begin(&tty).map_err(|error| failed(&error))?) } else { None };
        let text = question.text();
        let lines: Vec<String> = text.split('\n').map(|line| printed(line).to_string()).collect();
        warn_lines(&format!("\n{}\n{}{end}", lines.join("\n"), question.prompt()));
        read_line(&tty, stop)
    }
}

impl Prompter for Console {
    fn pin(&self, question: &Question<'_>, stop: &Stop) -> Result<Secret, NotGiven> {
        Self::ask(question, ":", true, stop)
    }

    fn confirm(&self, question: &Question<'_>, stop: &Stop) -> Result<(), NotGiven> {
        let answer = Self::ask(question, "? (yes/no)", false, stop)?;
        let yes = [&b"yes"[..], "是".as_bytes()].contains(&answer.bytes());
        if yes { Ok(()) } else { Err(NotGiven::Cancelled) }
    }
}

/// Reads one line. The buffer never grows, so that no part of a PIN stays behind.
fn read_line(tty: &File, stop: &Stop) -> Result<Secret, NotGiven> {
    let end = Instant::now() + PATIENCE;
    let mut buffer = Zeroizing::new(vec![0; LONGEST]);
    loop {
        if stop.is_wished() {
            return Err(NotGiven::Stopped);
        }
        if Instant::now() >= end {
            return Err(NotGiven::TimedOut);
        }
        let mut watched = [PollFd::new(tty, PollFlags::IN)];
        if !matches!(poll(&mut watched, Some(&GLANCE)), Ok(1..)) {
            continue;
        }
        let mut tty = tty;
        let count = tty.read(&mut buffer).map_err(|error| {
            NotGiven::Failed(Failure::new("the answer was not read").because(error).next(super::INSTALL))
        })?;
        let line = buffer.get(..count).unwrap_or_default();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        return if line.is_empty() { Err(NotGiven::Cancelled) } else { Ok(Secret::from(line)) };
    }
}

/// A terminal that does not show what is typed, until this value is dropped.
struct Quiet<'a> {
    tty: &'a File,
    former: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(tty: &'a File) -> rustix::io::Result<Self> {
        let former = tcgetattr(tty)?;
        let mut quiet = former.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        // What was typed before the question is no answer to it.
        tcsetattr(tty, OptionalActions::Flush, &quiet)?;
        Ok(Self { tty, former })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.former);
    }
}
