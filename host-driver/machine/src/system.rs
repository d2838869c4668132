//! The machine that a command works on: its files, its programs, its clock, and the user who runs the command. Unit tests
//! put a folder in the place of the files, and a list of answers in the place of the programs.

use std::{
    cell::OnceCell,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// The kernel follows so many symbolic links (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// A machine.
pub struct System {
    /// The folder that `/` stands for.
    root: PathBuf,
    programs: Box<dyn Programs>,
    user: u32,
    clock: fn() -> SystemTime,
    /// The words of `pcscd --version`. They are kept, because to start a process takes long on an emulated machine.
    pub(crate) pcscd_features: OnceCell<Option<Vec<String>>>,
}

/// How a machine runs programs.
pub(crate) trait Programs {
    /// Runs a program to its end, without standard input.
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran>;
}

/// What came of a program that ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Whether the program ended with 0.
    pub fn is_good(&self) -> bool {
        self.code == Some(0)
    }

    /// The last line of what the program said on standard error, or else on standard output.
    pub fn complaint(&self) -> String {
        let said = if self.err.trim().is_empty() { &self.out } else { &self.err };
        said.trim().lines().last().unwrap_or("it said nothing").to_owned()
    }
}

impl System {
    /// This machine.
    pub fn here() -> Self {
        Self {
            root: "/".into(),
            programs: Box::new(Shell),
            user: rustix::process::geteuid().as_raw(),
            clock: SystemTime::now,
            pcscd_features: OnceCell::new(),
        }
    }

    /// A machine whose files lie below a folder, such as an image in the making. None of that machine's programs can be run.
    pub fn below(root: &Path) -> Self {
        Self { root: root.into(), programs: Box::new(Idle), ..Self::here() }
    }

    /// Whether the machine is the one that we run on.
    pub fn is_here(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The time on the machine's clock.
    pub fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Whether root runs us.
    pub const fn is_root(&self) -> bool {
        self.user == 0
    }

    /// Where we find a file of the machine; `absolute` is the file's path on the machine.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Whether a path of the machine stays on the machine when links are followed. A link in an image may lead out of the
    /// image, to the machine that makes it.
    pub fn holds(&self, absolute: impl AsRef<Path>) -> bool {
        let Ok(root) = self.root.canonicalize() else { return false };
        let path = self.path(absolute);
        // A file that is not there yet will be made in the lowest folder that is there.
        path.ancestors()
            .find_map(|path| path.canonicalize().ok())
            .is_some_and(|found| found.starts_with(root))
    }

    /// Follows the links at the end of a path. The result is a path of the machine: an absolute link starts at the machine's
    /// root.
    pub fn follow(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let mut path = absolute.as_ref().to_owned();
        for _ in 0..MOST_LINKS {
            let Ok(target) = fs::read_link(self.path(&path)) else { break };
            path = path.parent().unwrap_or(Path::new("/")).join(target);
        }
        path
    }

    /// A file as text, without the white space around the text; `None` when the file cannot be read.
    pub fn text(&self, absolute: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.path(absolute)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Whether the machine has something at this path.
    pub fn has(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }

    /// The names in a folder, sorted; empty when the folder cannot be read.
    pub fn names(&self, absolute: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(absolute)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs a program of the machine to its end.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran> {
        self.programs.run(program, arguments)
    }

    /// The release of the kernel that runs.
    pub fn kernel(&self) -> Option<String> {
        self.text("/proc/sys/kernel/osrelease")
    }
}

/// Runs programs for real.
struct Shell;

impl Programs for Shell {
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Ran> {
        let mut command = Command::new(program);
        // A user's PATH often lacks the folders of the administrator's programs.
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
    pub struct Fake {
        pub folder: tempfile::TempDir,
        answers: Rc<RefCell<Vec<(String, Ran)>>>,
        ran: Rc<RefCell<Vec<String>>>,
        user: u32,
        clock: fn() -> SystemTime,
    }

    impl Fake {
        pub fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { folder, answers: Rc::default(), ran: Rc::default(), user: 0, clock: SystemTime::now }
        }

        pub fn run_by(mut self, user: u32) -> Self {
            self.user = user;
            self
        }

        pub fn at(mut self, clock: fn() -> SystemTime) -> Self {
            self.clock = clock;
            self
        }

        /// Puts a file there.
        pub fn file(&self, absolute: &str, text: &str) -> &Self {
            let path = self.folder.path().join(absolute.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        /// A file that is there now.
        pub fn read(&self, absolute: &str) -> Option<String> {
            fs::read_to_string(self.folder.path().join(absolute.trim_start_matches('/'))).ok()
        }

        /// What a program answers to a command line; others are not installed.
        pub fn answers(&self, line: &str, code: i32, out: &str) -> &Self {
            let ran = Ran { code: Some(code), out: out.into(), err: String::new() };
            self.answers.borrow_mut().push((line.into(), ran));
            self
        }

        /// A program that answered is not installed any more.
        pub fn forgets(&self, line: &str) {
            self.answers.borrow_mut().retain(|(known, _)| known != line);
        }

        /// A process has the USB device 2 of bus 1 open.
        pub fn open_by(&self, process: u32) -> &Self {
            let folder = self.folder.path().join(format!("proc/{process}/fd"));
            fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink("/dev/bus/usb/001/002", folder.join("7")).unwrap();
            self
        }

        /// What was run, a line each.
        pub fn ran(&self) -> Vec<String> {
            self.ran.borrow().clone()
        }

        pub fn system(&self) -> System {
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
