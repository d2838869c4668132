//! The machine that a command works on: its files, its programs, who we are. Unit tests put a folder and a list of
//! answers in its place.

use std::{
    cell::OnceCell,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// As many links as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// A machine.
pub(crate) struct System {
    /// What `/` stands for.
    root: PathBuf,
    programs: Box<dyn Programs>,
    user: u32,
    clock: fn() -> SystemTime,
    /// [`crate::pcscd::features`]: a process is dear where a machine is emulated.
    pub(crate) pcscd_features: OnceCell<Option<Vec<String>>>,
}

/// How programs are run.
pub(crate) trait Programs {
    /// Runs a program to its end, without standard input.
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran>;
}

/// What a program said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    /// Whether it ended with 0.
    pub(crate) fn is_good(&self) -> bool {
        self.code == Some(0)
    }

    /// The last thing it complained of.
    pub(crate) fn complaint(&self) -> String {
        let said = if self.err.trim().is_empty() { &self.out } else { &self.err };
        said.trim().lines().last().unwrap_or("it said nothing").to_owned()
    }
}

impl System {
    /// This machine.
    pub(crate) fn here() -> Self {
        Self {
            root: "/".into(),
            programs: Box::new(Shell),
            user: rustix::process::geteuid().as_raw(),
            clock: SystemTime::now,
            pcscd_features: OnceCell::new(),
        }
    }

    /// A machine whose files lie below a folder, as an image in the making: none of its programs can be run.
    pub(crate) fn below(root: &Path) -> Self {
        Self { root: root.into(), programs: Box::new(Idle), ..Self::here() }
    }

    /// Whether its programs run here.
    pub(crate) fn is_here(&self) -> bool {
        self.root == Path::new("/")
    }

    /// What its clock says.
    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// The user on whose behalf we run: 0 is root.
    pub(crate) const fn is_root(&self) -> bool {
        self.user == 0
    }

    /// Where a file of the machine is: `absolute` is its name there.
    pub(crate) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Whether a place is below the root, links followed: one in an image may lead to the machine that makes the image.
    pub(crate) fn holds(&self, absolute: impl AsRef<Path>) -> bool {
        let Ok(root) = self.root.canonicalize() else { return false };
        let path = self.path(absolute);
        // What is not there yet will be made in the last folder that is.
        path.ancestors()
            .find_map(|path| path.canonicalize().ok())
            .is_some_and(|found| found.starts_with(root))
    }

    /// What a link at the end of a path leads to, as the machine names it: an absolute link starts at its root.
    pub(crate) fn follow(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let mut path = absolute.as_ref().to_owned();
        for _ in 0..MOST_LINKS {
            let Ok(target) = fs::read_link(self.path(&path)) else { break };
            path = path.parent().unwrap_or(Path::new("/")).join(target);
        }
        path
    }

    /// A file as text, without the white space around it; `None` when there is none to read.
    pub(crate) fn text(&self, absolute: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(absolute)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Whether something is there.
    pub(crate) fn has(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }

    /// The names in a folder, sorted; empty when there is none to read.
    pub(crate) fn names(&self, absolute: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(absolute)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs a program of the machine.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran> {
        self.programs.run(program, arguments)
    }

    /// The release of the kernel that runs.
    pub(crate) fn kernel(&self) -> Option<String> {
        self.text("/proc/sys/kernel/osrelease")
    }
}

/// Runs programs for real.
struct Shell;

impl Programs for Shell {
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran> {
        let mut command = Command::new(program);
        // Programs of the administrator are often outside a user's path.
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(arguments).stdin(std::process::Stdio::null());
        command.env("PATH", format!("{path}:/usr/sbin:/sbin:/usr/local/sbin")).env("LC_ALL", "C");
        let ran = command.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran { code: ran.status.code(), out: text(&ran.stdout), err: text(&ran.stderr) })
    }
}

/// Runs nothing.
struct Idle;

impl Programs for Idle {
    fn run(&self, _: &str, _: &[&str]) -> io::Result<Ran> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// A machine in a folder, for tests.
#[cfg(test)]
pub(crate) mod fake {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    /// The machine's folder, what its programs answer, and what was run.
    pub(crate) struct Fake {
        pub(crate) folder: tempfile::TempDir,
        answers: Rc<RefCell<Vec<(String, Ran)>>>,
        ran: Rc<RefCell<Vec<String>>>,
        user: u32,
        clock: fn() -> SystemTime,
    }

    impl Fake {
        pub(crate) fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { folder, answers: Rc::default(), ran: Rc::default(), user: 0, clock: SystemTime::now }
        }

        pub(crate) fn run_by(mut self, user: u32) -> Self {
            self.user = user;
            self
        }

        pub(crate) fn at(mut self, clock: fn() -> SystemTime) -> Self {
            self.clock = clock;
            self
        }

        /// Puts a file there.
        pub(crate) fn file(&self, absolute: &str, text: &str) -> &Self {
            let path = self.folder.path().join(absolute.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        /// A file that is there now.
        pub(crate) fn read(&self, absolute: &str) -> Option<String> {
            fs::read_to_string(self.folder.path().join(absolute.trim_start_matches('/'))).ok()
        }

        /// What a program answers to a command line; others are not installed.
        pub(crate) fn answers(&self, line: &str, code: i32, out: &str) -> &Self {
            let ran = Ran { code: Some(code), out: out.into(), err: String::new() };
            self.answers.borrow_mut().push((line.into(), ran));
            self
        }

        /// A program that answered is not installed any more.
        pub(crate) fn forgets(&self, line: &str) {
            self.answers.borrow_mut().retain(|(known, _)| known != line);
        }

        /// A process has the USB device 2 of bus 1 open.
        pub(crate) fn open_by(&self, process: u32) -> &Self {
            let folder = self.folder.path().join(format!("proc/{process}/fd"));
            fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink("/dev/bus/usb/001/002", folder.join("7")).unwrap();
            self
        }

        /// What was run, a line each.
        pub(crate) fn ran(&self) -> Vec<String> {
            self.ran.borrow().clone()
        }

        pub(crate) fn system(&self) -> System {
            System {
                root: self.folder.path().into(),
                programs: Box::new(Answers { answers: self.answers.clone(), ran: self.ran.clone() }),
                user: self.user,
                clock: self.clock,
                pcscd_features: OnceCell::new(),
            }
        }
    }

    struct Answers {
        answers: Rc<RefCell<Vec<(String, Ran)>>>,
        ran: Rc<RefCell<Vec<String>>>,
    }

    impl Programs for Answers {
        fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran> {
            let line = [&[program], arguments].concat().join(" ");
            self.ran.borrow_mut().push(line.clone());
            let answers = self.answers.borrow();
            let found = answers.iter().rev().find(|(known, _)| *known == line);
            found.map(|(_, ran)| ran.clone()).ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }
}
