//! Servers are processes of their own, as in real life; this program starts itself anew for each.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

/// A server that runs until this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts this program with these arguments and reads its address from the first line that it prints.
    pub(crate) fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a server")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("the server said {line:?}"))?;
        Ok(Self { child, address })
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        line.split_whitespace().nth(1).context("no figure")?.parse().context("not a figure")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The child may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the server: any free port on loopback, printed for the parent.
pub(crate) fn listen() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

/// In the server: tells the parent where it listens, and ends when the parent does.
pub(crate) fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{address}")?;
    out.flush()?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().lines().count();
        std::process::exit(0);
    });
    Ok(())
}

/// Binds this process, and those it will start, to one core: a ping-pong over two flips between two modes.
pub(crate) fn pin() -> anyhow::Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    let last = (0..1024).rev().find(|cpu| allowed.is_set(*cpu)).context("no core to run on")?;
    let mut one = rustix::thread::CpuSet::new();
    one.set(last);
    rustix::thread::sched_setaffinity(None, &one).context("binding to one core")
}

/// While this lives, the process and those that it starts may run on every core; then on the ones from before.
pub(crate) struct Free(rustix::thread::CpuSet);

impl Free {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let before = rustix::thread::sched_getaffinity(None)?;
        let mut all = rustix::thread::CpuSet::new();
        (0..1024).for_each(|cpu| all.set(cpu));
        rustix::thread::sched_setaffinity(None, &all).context("running on every core")?;
        Ok(Self(before))
    }
}

impl Drop for Free {
    fn drop(&mut self) {
        // The next measurement is on one core again, or says how it is not.
        if let Err(error) = rustix::thread::sched_setaffinity(None, &self.0) {
            eprintln!("the rest is not bound to one core: {error}");
        }
    }
}
