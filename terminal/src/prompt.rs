//! A question at the terminal that controls the program. While a secret is asked for, what is typed is not shown; and whatever ends the
//! question leaves the terminal as it was: an answer, a signal, a stop, the time. The way is that of BSD's readpassphrase(3).

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, getpgrp},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use wire::display::printed;
use zeroize::Zeroizing;

use crate::{noting::Noting, signal::is_ignored};

/// How often somebody looks whether the question is still wanted.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// The longest answer. A terminal takes 4,096 bytes a line (termios(3), canonical mode).
const LONGEST: usize = 4096;

/// A question.
pub struct Prompt<'a> {
    /// What is shown. Each of its lines is escaped.
    pub text: &'a str,
    /// Whether the answer is a secret.
    pub hidden: bool,
    /// How long the answer may take.
    pub patience: Option<Duration>,
    /// Whether nobody wants the answer any more.
    pub unwanted: &'a dyn Fn() -> bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// No terminal controls the program.
    NoTerminal(io::Error),
    /// The program is in the background of its terminal: what is typed there is for another program.
    Background,
    /// Nobody wants the answer any more.
    Unwanted,
    /// The time is over.
    TimedOut,
    /// A signal came that ends programs, and the program has not ended yet.
    Interrupted,
    /// The terminal failed.
    Failed(io::Error),
}

/// Whether a terminal controls the program.
pub fn is_there() -> bool {
    open().is_ok()
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

impl Prompt<'_> {
    /// Asks. The answer is one line, without its end; it is empty when the terminal is closed instead.
    ///
    /// # Errors
    /// There is no answer.
    pub fn ask(&self) -> Result<Zeroizing<Vec<u8>>, Unanswered> {
        let tty = open().map_err(Unanswered::NoTerminal)?;
        let end = self.patience.map(|patience| Instant::now() + patience);
        loop {
            let noting = Noting::begin();
            let answer = self.once(&tty, end, &noting);
            // From here on the terminal is as it was.
            let ends = noting.obey();
            // The program was stopped and goes on, perhaps at a terminal whose modes a shell has set: the question is asked anew.
            if !matches!(answer, Err(Unanswered::Interrupted)) || ends {
                return answer;
            }
        }
    }

    fn once(
        &self,
        tty: &File,
        end: Option<Instant>,
        noting: &Noting,
    ) -> Result<Zeroizing<Vec<u8>>, Unanswered> {
        // A program that ignores the signal would change the modes of a terminal that another program uses.
        if is_ignored(Signal::TTOU) && !is_ours(tty) {
            return Err(Unanswered::Background);
        }
        let _quiet = self.hidden.then(|| Quiet::begin(tty, noting)).transpose()?;
        let lines: Vec<String> = self.text.split('\n').map(|line| printed(line).to_string()).collect();
        show(tty, lines.join("\n").as_bytes(), noting)?;
        let answer = self.read(tty, end, noting);
        if answer.is_err() {
            // What comes next begins a line of its own.
            let _ = show(tty, b"\n", noting);
        }
        answer
    }

    /// Reads one line. The buffer never grows, so that no part of a secret stays behind.
    fn read(
        &self,
        mut tty: &File,
        end: Option<Instant>,
        noting: &Noting,
    ) -> Result<Zeroizing<Vec<u8>>, Unanswered> {
        let mut buffer = Zeroizing::new(vec![0; LONGEST]);
        loop {
            if noting.any() {
                return Err(Unanswered::Interrupted);
            }
            if (self.unwanted)() {
                return Err(Unanswered::Unwanted);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Err(Unanswered::TimedOut);
            }
            if !matches!(poll(&mut [PollFd::new(tty, PollFlags::IN)], Some(&GLANCE)), Ok(1..)) {
                continue;
            }
            match tty.read(&mut buffer) {
                Ok(count) => {
                    let line = buffer.get(..count).unwrap_or_default();
                    return Ok(Zeroizing::new(line.strip_suffix(b"\n").unwrap_or(line).to_vec()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Unanswered::Failed(error)),
            }
        }
    }
}

/// Writes to the terminal, whatever signals come meanwhile. A program in the background of a terminal that is set so (stty(1), tostop) does not
/// get through: each try brings the signal that is to stop the program.
fn show(mut tty: &File, mut text: &[u8], noting: &Noting) -> Result<(), Unanswered> {
    while !text.is_empty() {
        match tty.write(text) {
            Ok(0) => return Err(Unanswered::Failed(io::ErrorKind::WriteZero.into())),
            Ok(count) => text = text.get(count..).unwrap_or_default(),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(Unanswered::Failed(error));
            }
            Err(_) if noting.has(libc::SIGTTOU) => return Err(Unanswered::Interrupted),
            Err(_) => {}
        }
    }
    Ok(())
}

/// The modes of the controlling terminal, which come back when this value is dropped: another program, which may be killed, asks there
/// meanwhile.
pub struct Modes {
    tty: File,
    former: Termios,
}

impl Modes {
    /// The modes now. `None`: no terminal controls this program, or it is in the terminal's background.
    pub fn kept() -> Option<Self> {
        let tty = open().ok().filter(is_ours)?;
        let former = tcgetattr(&tty).ok()?;
        Some(Self { tty, former })
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        if is_ours(&self.tty) {
            let _ = tcsetattr(&self.tty, OptionalActions::Flush, &self.former);
        }
    }
}

/// Whether this program is in the foreground of the terminal.
fn is_ours(tty: &File) -> bool {
    tcgetpgrp(tty).is_ok_and(|foreground| foreground == getpgrp())
}

/// A terminal that does not show what is typed, until this value is dropped.
struct Quiet<'a> {
    tty: &'a File,
    former: Termios,
    noting: &'a Noting,
}

impl<'a> Quiet<'a> {
    fn begin(tty: &'a File, noting: &'a Noting) -> Result<Self, Unanswered> {
        let former = tcgetattr(tty).map_err(|error| Unanswered::Failed(error.into()))?;
        let mut quiet = former.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        // What was typed before the question is no answer to it.
        set(tty, &quiet, noting)?;
        Ok(Self { tty, former, noting })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = set(self.tty, &self.former, self.noting);
    }
}

/// Sets the terminal's modes, whatever signals come meanwhile. Only a program in the background does not get through (tcsetattr(3), EINTR).
fn set(tty: &File, modes: &Termios, noting: &Noting) -> Result<(), Unanswered> {
    loop {
        match tcsetattr(tty, OptionalActions::Flush, modes) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INTR) if noting.has(libc::SIGTTOU) => return Err(Unanswered::Interrupted),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Unanswered::Failed(error.into())),
        }
    }
}
