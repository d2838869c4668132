//! The `ushield up` that is flooded. The server's ten tokens are kept on disk, so that their PINs are stretched. The first token
//! is the honest host's, and the last is the guests'.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use card::{Card, piv::Piv, usbip::Link};

use crate::Fault;

/// The PIN of all tokens.
pub const PIN: &[u8] = b"135790";
/// The number of the first token that floods use.
pub const OTHERS: usize = 2;
/// How many tokens the floods use.
const TAKEN: usize = 8;

/// The program, which is killed when this is dropped.
pub struct Server {
    child: Child,
    pub usbip: String,
    pub usbredir: String,
    pub control: String,
}

impl Server {
    pub fn start(ushield: &Path, folder: &Path) -> Result<Self, Fault> {
        let path = |name: &str| folder.join(name).display().to_string();
        fs::write(folder.join("pin"), PIN)?;
        let (ready, control) = (path("ready"), path("control.sock"));
        let child = Command::new(ushield)
            .args(["up", "--tokens", "10", "--panel", "none", "--listen", "127.0.0.1:0"])
            .args(["--state", &path("state"), "--secret", &path("config/secret")])
            .args(["--usbredir", "127.0.0.1:0=1-10", "--ready-file", &ready, "--control", &control])
            .args(["--pin-file", &path("pin")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("log"))?)
            .spawn()
            .map_err(|error| format!("{}: {error}", ushield.display()))?;
        let mut server = Self { child, usbip: String::new(), usbredir: String::new(), control };
        let begun = Instant::now();
        while !Path::new(&ready).exists() {
            if begun.elapsed() > Duration::from_secs(60) || server.child.try_wait()?.is_some() {
                return Err(format!("it does not start: {}", fs::read_to_string(path("log"))?).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        let ready: serde_json::Value = serde_json::from_slice(&fs::read(&ready)?)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or("no address");
        server.usbip = text(&ready["listen"])?;
        server.usbredir = text(&ready["usbredir"][0]["address"])?;
        Ok(server)
    }

    /// Uses the PIN of each token once, so that no token stretches its PIN for the first time in a flood.
    pub fn prepare(&self) -> Result<(), Fault> {
        for number in OTHERS..OTHERS + TAKEN {
            let mut card = Card::open(Link::import(&self.usbip, &format!("1-{number}"))?)?;
            Piv::select(&mut card)?.verify(PIN)?;
        }
        Ok(())
    }

    /// Counts the peak from now on (proc_pid_clear_refs(5)). The server hides its memory from other processes, so that only root
    /// may do this. Without root the peak is that of all floods so far.
    pub fn forget_peak(&self) {
        let _ = fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    /// The most memory that the server had, in MiB (VmHWM).
    pub fn peak(&self) -> Result<f64, Fault> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Ends the server, which must have lived until now.
    pub fn end(mut self) -> Result<(), Fault> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("the server ended by itself: {status}").into()),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
