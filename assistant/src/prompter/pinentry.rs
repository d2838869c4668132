//! pinentry: the window in which GnuPG asks for PINs. It is a program of its own, which no page reaches (pinentry's manual,
//! "Pinentry's Assuan Protocol").

use std::{
    env,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Instant,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use terminal::{
    Failure,
    assuan::{LONGEST, Reply, reply, request},
    prompt::{self, Modes, Unanswered},
    secret::{Secret, Variable},
    signal::stop_in_background,
};
use zeroize::Zeroizing;

use super::{HOLDER, NotGiven, Prompter, Question, Stop, nobody};

/// How often somebody looks whether the end is wished.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Errors of libgpg-error: GPG_ERR_TIMEOUT, GPG_ERR_CANCELED, GPG_ERR_NOT_CONFIRMED, GPG_ERR_FULLY_CANCELED. Above them stands the
/// error's source.
const TIMEOUT: u32 = 62;
const CANCELLED: [u32; 3] = [99, 114, 198];
const WITHOUT_SOURCE: u32 = 0xFFFF;

/// A program that speaks pinentry's protocol.
#[derive(Clone, Debug)]
pub struct Pinentry {
    /// The program.
    pub program: PathBuf,
}

/// Whether the program, behind Debian's links to it, is none of those that ask in a terminal only. Started with a desktop, those have none.
pub(super) fn opens_windows(program: &Path) -> bool {
    let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    !["pinentry-curses", "pinentry-tty"].iter().any(|other| program.ends_with(other))
}

impl Prompter for Pinentry {
    fn is_there(&self) -> bool {
        opens_windows(&self.program) || prompt::is_there()
    }

    fn pin(&self, question: &Question<'_>, stop: &Stop) -> Result<Secret, NotGiven> {
        let mut window = Window::open(self, stop)?;
        window.describe(question)?;
        window.ask(b"GETPIN\n")?.map(|pin| Secret::from(&pin[..])).ok_or(NotGiven::Cancelled)
    }

    fn confirm(&self, question: &Question<'_>, stop: &Stop) -> Result<(), NotGiven> {
        let mut window = Window::open(self, stop)?;
        window.describe(question)?;
        window.ask(b"CONFIRM\n").map(drop)
    }
}

/// A pinentry that runs. It ends when this value is dropped.
struct Window<'a> {
    process: Child,
    answers: ChildStdout,
    /// What was read and is not a whole line yet. The buffer has its full size from the start, and is wiped.
    buffer: Zeroizing<Vec<u8>>,
    stop: &'a Stop,
    end: Instant,
    /// A pinentry that asks in the terminal may be killed while it has the terminal's modes changed. `None`: the terminal is not ours to ask in.
    modes: Option<Modes>,
}

impl<'a> Window<'a> {
    fn open(pinentry: &Pinentry, stop: &'a Stop) -> Result<Self, NotGiven> {
        let mut command = Command::new(&pinentry.program);
        for variable in Variable::ALL {
            command.env_remove(variable.name());
        }
        // The assistant goes on in the background of its terminal. A pinentry that did the same would change the modes of a terminal that
        // another program uses.
        stop_in_background(&mut command);
        let modes = Modes::kept();
        if modes.is_none() && !opens_windows(&pinentry.program) {
            return Err(if prompt::is_there() { Unanswered::Background.into() } else { nobody() });
        }
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(pinentry, &error))?;
        let Some(answers) = process.stdout.take() else { return Err(NotGiven::Cancelled) };
        let buffer = Zeroizing::new(Vec::with_capacity(LONGEST));
        let mut window = Self { process, answers, buffer, stop, end: Instant::now() + HOLDER, modes };
        window.good()?;
        Ok(window)
    }

    fn describe(&mut self, question: &Question<'_>) -> Result<(), NotGiven> {
        // A pinentry in a terminal draws what its locale can show.
        let locale = question.language.of("zh_CN.UTF-8", "C.UTF-8");
        let mut options = vec![format!("lc-ctype={locale}")];
        // A terminal in whose background the assistant is belongs to another program.
        if self.modes.is_some() {
            let kind = env::var("TERM").unwrap_or_else(|_| "dumb".into());
            options.extend(["ttyname=/dev/tty".into(), format!("ttytype={kind}")]);
        }
        for option in options {
            // A pinentry that knows no such option asks all the same.
            self.send(&request("OPTION", &option))?;
            let _ = self.good();
        }
        for (command, text) in [
            ("SETTITLE", question.title()),
            ("SETDESC", &question.text()),
            ("SETPROMPT", &format!("{}:", question.prompt())),
        ] {
            self.send(&request(command, text))?;
            self.good()?;
        }
        self.send(&request("SETTIMEOUT", &HOLDER.as_secs().to_string()))?;
        let _ = self.good();
        Ok(())
    }

    fn send(&mut self, line: &[u8]) -> Result<(), NotGiven> {
        let sent =
            self.process.stdin.as_mut().map(|input| input.write_all(line).and_then(|()| input.flush()));
        sent.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into())).map_err(|error| broken(&error))
    }

    fn good(&mut self) -> Result<(), NotGiven> {
        self.answer().map(drop)
    }

    fn ask(&mut self, line: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, NotGiven> {
        self.send(line)?;
        self.answer()
    }

    /// Reads until OK or ERR, and gives the data that stood before.
    fn answer(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, NotGiven> {
        let mut data = None;
        loop {
            let line = self.line()?;
            match reply(&line) {
                Reply::Good => return Ok(data),
                Reply::Data(found) => data = Some(found),
                Reply::Other => {}
                Reply::Bad(code) if CANCELLED.contains(&(code & WITHOUT_SOURCE)) => {
                    return Err(NotGiven::Cancelled);
                }
                Reply::Bad(code) if code & WITHOUT_SOURCE == TIMEOUT => return Err(NotGiven::TimedOut),
                Reply::Bad(code) => return Err(broken(&format!("pinentry answered with error {code}"))),
            }
        }
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<Zeroizing<Vec<u8>>, NotGiven> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = Zeroizing::new(self.buffer[..end].to_vec());
                let rest = self.buffer.len() - end - 1;
                self.buffer.copy_within(end + 1.., 0);
                self.shorten(rest);
                return Ok(line);
            }
            if self.buffer.len() >= LONGEST {
                return Err(broken(&"pinentry sent a line that is too long"));
            }
            self.wait()?;
            let before = self.buffer.len();
            self.buffer.resize(LONGEST, 0);
            let read = self.answers.read(&mut self.buffer[before..]);
            let read = match read {
                Ok(0) => Err(broken(&"pinentry has ended")),
                Ok(count) => Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                Err(error) => Err(broken(&error)),
            };
            self.shorten(before + *read.as_ref().unwrap_or(&0));
            read?;
        }
    }

    /// Cuts the buffer, and wipes what is cut off.
    fn shorten(&mut self, length: usize) {
        self.buffer[length..].fill(0);
        self.buffer.truncate(length);
    }

    /// Waits until there is something to read, looking again and again whether the end is wished.
    fn wait(&self) -> Result<(), NotGiven> {
        loop {
            if self.stop.is_wished() {
                return Err(NotGiven::Stopped);
            }
            if Instant::now() >= self.end {
                return Err(NotGiven::TimedOut);
            }
            let mut watched = [PollFd::new(&self.answers, PollFlags::IN)];
            match poll(&mut watched, Some(&GLANCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(broken(&error)),
            }
        }
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        // Its window must not outlive the question.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn failed(pinentry: &Pinentry, error: &io::Error) -> NotGiven {
    let name = pinentry.program.display();
    NotGiven::Failed(Failure::new(format!("{name} was not started")).because(error).next(super::INSTALL))
}

fn broken(why: &dyn std::fmt::Display) -> NotGiven {
    NotGiven::Failed(Failure::new("the holder was not asked").because(why).next(super::INSTALL))
}

#[cfg(test)]
mod tests;
