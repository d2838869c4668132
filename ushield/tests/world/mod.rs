//! A user's world of its own: home, state, sockets and files in a temporary folder. Programs that run in it end with
//! it.

#![allow(dead_code)] // Each test program uses a part of this module.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use authority::{
    ca::{Authority, found_for_trial},
    moment::Validity,
};
use cert_tool::enrol::{Enrolment, Silent, Wish, enrol};
use payment::order::{self, Terms};

/// Copies a program that a test starts. Another process copies: a file that this process had open for writing would stay open in whatever
/// another test starts meanwhile, and the copy could not be started ("Text file busy").
pub fn copy_program(from: impl AsRef<OsStr>, to: &Path) {
    assert!(Command::new("cp").arg("-L").arg(from).arg(to).status().unwrap().success());
}

/// What a program said and how it ended.
pub struct Ended {
    pub code: i32,
    pub said: String,
    pub complained: String,
}

/// A running `up`.
pub struct Up {
    pub said: String,
    pub ready: serde_json::Value,
}

impl Up {
    /// The address at which USB/IP is served.
    pub fn road(&self) -> String {
        self.ready["listen"].as_str().unwrap().to_owned()
    }
}

pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        // The folder's name is short, because a socket lives below it.
        let folder = tempfile::Builder::new().prefix("us").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(folder.path().join("run")).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner may read. Returns the path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = heeds_signals(env!("CARGO_BIN_EXE_ushield"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// The output of a program, whether it is text or not.
    pub fn end_raw(child: Child) -> Output {
        child.wait_with_output().unwrap()
    }

    pub fn end(child: Child) -> Ended {
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            said: String::from_utf8(output.stdout).unwrap(),
            complained: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Self::end(self.start(arguments))
    }

    /// Runs a command that must succeed. Returns what the command said.
    pub fn done(&self, arguments: &[&str]) -> String {
        let Ended { code, said, complained } = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}{complained}");
        said
    }

    /// `up -d` on a free port.
    pub fn up(&self, arguments: &[&str]) -> Up {
        let ready = self.path("ready.json");
        let mut all = vec!["up", "-d", "--listen", "127.0.0.1:0", "--ready-file", ready.to_str().unwrap()];
        all.extend(arguments);
        let said = self.done(&all);
        let ready = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
        Up { said, ready }
    }

    /// Makes a CA in `ca` and enrols the token, pressing OK on its screen.
    pub fn enrol(&self, up: &Up, pin: &str) {
        let enrolled = AtomicBool::new(false);
        thread::scope(|scope| {
            // Two requests are shown, each on a page or more. Every question is answered by OK.
            scope.spawn(|| {
                while !enrolled.load(Ordering::Relaxed) {
                    self.run(&["press", "ok"]);
                }
            });
            let _over = Flag(&enrolled);
            self.enrol_quietly(up, pin);
        });
    }

    /// Makes a CA in `ca` and enrols the token, whose panel presses OK by itself.
    pub fn enrol_quietly(&self, up: &Up, pin: &str) {
        let ca = self.path("ca");
        let mut authority =
            found_for_trial(&ca, "Test Bank CA", wire::algorithm::KeyAlgorithm::P256).unwrap();
        let free = free(up);
        let mut card = card::road::open(&card::road::Selection::usbip(up.road())).unwrap();
        let mut shield = card::shield::Shield::select(&mut card).unwrap();
        let wish = Wish::Enrol { name: "张三", user_id: "6222020200112233", replace: false };
        let enrolment = Enrolment { wish, brand: None, validity: Validity::Days(365), factory: None };
        enrol(&mut shield, &mut authority, &enrolment, &mut |_| Ok(pin.into()), &mut Silent).unwrap();
        drop(card);
        until_free(up, free);
    }

    /// Renews the ID with the CA that [`Self::enrol_quietly`] made.
    pub fn renew_quietly(&self, up: &Up, pin: &str) -> Result<(), terminal::Failure> {
        let mut authority = Authority::open(&self.path("ca"), None)?;
        let free = free(up);
        let mut card = card::road::open(&card::road::Selection::usbip(up.road())).unwrap();
        let mut shield = card::shield::Shield::select(&mut card).unwrap();
        let validity = Validity::Days(365);
        let enrolment = Enrolment { wish: Wish::Renew, brand: None, validity, factory: None };
        let renewed = enrol(&mut shield, &mut authority, &enrolment, &mut |_| Ok(pin.into()), &mut Silent);
        drop(card);
        until_free(up, free);
        renewed.map(drop)
    }

    /// Presses OK until the screen is dark.
    pub fn press_through(&self) {
        for _ in 0..20 {
            if self.done(&["screen", "--json"]).contains("null") {
                return;
            }
            self.done(&["press", "ok"]);
        }
        panic!("the screen does not end");
    }

    /// A payment order of ¥100.00, good for an hour.
    pub fn order(&self, number: &str) -> String {
        let terms = Terms {
            number,
            payer_account: "6222020200112233",
            payee_name: "上海水务",
            payee_account: "1001244300000000123",
            amount: "100.00",
            currency: "CNY",
            memo: "11月水费",
            lifetime: Duration::from_secs(3600),
        };
        let order = terms.issue(SystemTime::now()).unwrap();
        self.file(&format!("{number}.json"), &order::to_json(order.order()).unwrap())
    }
}

/// A program that starts with no signal ignored. The test itself may have been started with ignored signals (nohup, a
/// job in the background).
#[allow(dead_code)]
pub fn heeds_signals(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.args(["--default-signal=HUP,INT,QUIT,PIPE", program]);
    command
}

/// Sets the flag at the end, also when the test fails.
struct Flag<'a>(&'a AtomicBool);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Stops every server that still runs in this world. Several runs have different sockets.
        let sockets = fs::read_dir(self.path("run/ushield")).into_iter().flatten().flatten();
        for socket in sockets.map(|entry| entry.path()) {
            let _ = self.command(&["down", "--control", socket.to_str().unwrap_or_default()]).output();
        }
    }
}

/// How many tokens no host holds.
fn free(up: &Up) -> usize {
    card::usbip::list(&up.road()).unwrap().len()
}

/// Waits until this many tokens are free: a server hears only some time after its host has gone that the line is closed.
fn until_free(up: &Up, tokens: usize) {
    eventually("the token is free again", || free(up) >= tokens);
}

/// Looks again and again until the condition is so.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(120), "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
