//! Servers and clients are processes of their own, as in real life; this program starts itself anew for most of them.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::thread::CpuSet;
use serde_json::Value;
use tempfile::TempDir;

/// How long a program may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(300);

/// What names the path of its Unix socket to a server.
const SOCKET: &str = "USHIELD_BENCH_SOCKET";

/// A process that runs until this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended already, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that runs until this is dropped.
pub(crate) struct Server {
    running: Running,
    /// The address at which the server listens.
    pub(crate) address: SocketAddr,
    /// Its Unix socket, as `USHIELD_USBIP` names it.
    pub(crate) unix: String,
    _folder: TempDir,
}

impl Server {
    /// Starts this program with these arguments and reads its address from the first line that it prints.
    pub(crate) fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("usbip");
        let unix = format!("{}{}", wire::usbip::UNIX, socket.display());
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .env(SOCKET, socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a server")?;
        let output = child.stdout.take();
        let running = Running(child);
        let mut line = String::new();
        BufReader::new(output.context("its output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the server said {line:?}"))?;
        Ok(Self { running, address, unix, _folder: folder })
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        resident(&self.running.0.id().to_string())
    }
}

/// The resident memory of a process by its number or `self`, in KiB.
pub(crate) fn resident(process: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    line.split_whitespace().nth(1).context("no figure")?.parse().context("not a figure")
}

/// A file that was built beside this program.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(path.exists(), "{} is not there: start benches/run, which builds it", path.display());
    Ok(path)
}

/// Starts a program that writes what it has to say, as JSON, to the file of its option `--ready-file`.
pub(crate) fn start_ready(mut command: Command, ready: &Path) -> anyhow::Result<(Running, Value)> {
    let log = ready.with_extension("log");
    command.arg("--ready-file").arg(ready);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
    let mut running = Running(command.spawn().with_context(|| format!("{command:?}"))?);
    let end = Instant::now() + PATIENCE;
    while !ready.exists() {
        if let Some(status) = running.0.try_wait()? {
            bail!("{command:?} ended with {status}: {}", std::fs::read_to_string(&log)?);
        }
        ensure!(Instant::now() < end, "{command:?} is not ready");
        thread::sleep(Duration::from_millis(5));
    }
    Ok((running, serde_json::from_slice(&std::fs::read(ready)?)?))
}

/// Runs this program with these arguments and settings, and reads the JSON that the program prints.
pub(crate) fn ask(arguments: &[&OsStr], settings: &[(&str, String)]) -> anyhow::Result<Value> {
    let settings = settings.iter().map(|(name, value)| (name, value));
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .env_remove(wire::pcsclite::ENVIRONMENT)
        .env_remove(card::road::ENVIRONMENT)
        .envs(settings)
        .stderr(Stdio::inherit())
        .output()
        .context("starting a client")?;
    ensure!(output.status.success(), "a client ended with {}: {arguments:?}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// In the server: the path of its Unix socket, which the parent has chosen.
pub(crate) fn socket() -> anyhow::Result<PathBuf> {
    std::env::var_os(SOCKET).map(PathBuf::from).context("this part is started by the program itself")
}

/// In the server: any free port on loopback, printed for the parent, and the Unix socket.
pub(crate) fn listen() -> anyhow::Result<(TcpListener, UnixListener)> {
    let listeners = (TcpListener::bind(("127.0.0.1", 0))?, UnixListener::bind(socket()?)?);
    announce(listeners.0.local_addr()?)?;
    Ok(listeners)
}

/// In the server: tells the parent where the server listens, and ends when the parent ends.
pub(crate) fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    out.flush()?;
    thread::spawn(|| {
        let _ = std::io::stdin().lines().count();
        std::process::exit(0);
    });
    Ok(())
}

/// The cores that a machine may have. The kernel ignores those that this machine lacks.
const CORES: usize = 1024;

/// Binds this process, and those that it will start, to one core. On two cores, two processes that wait for each other are now fast
/// and now slow.
pub(crate) fn pin() -> anyhow::Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    let last = (0..CORES).rev().find(|cpu| allowed.is_set(*cpu)).context("no core to run on")?;
    let mut one = CpuSet::new();
    one.set(last);
    rustix::thread::sched_setaffinity(None, &one).context("binding to one core")
}

/// While this value lives, the process and those that it starts may run on every core. Afterwards the former cores count again.
pub(crate) struct Free(CpuSet);

impl Free {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let before = rustix::thread::sched_getaffinity(None)?;
        let mut all = CpuSet::new();
        (0..CORES).for_each(|cpu| all.set(cpu));
        rustix::thread::sched_setaffinity(None, &all).context("running on every core")?;
        Ok(Self(before))
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        // The next measurement runs on one core again. If the kernel refuses that, the reason is printed.
        if let Err(error) = rustix::thread::sched_setaffinity(None, &self.0) {
            eprintln!("the rest is not bound to one core: {error}");
        }
    }
}
