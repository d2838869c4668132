//! The system's pcscd: whether pcscd runs, and how to start it again.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use terminal::{Context, Failure};

use crate::system::System;

/// The socket at which programs reach pcscd.
pub const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// A pcscd that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pcscd {
    /// The number of the process.
    pub process: u32,
}

impl Pcscd {
    /// The pcscd that runs, if one runs.
    pub fn find(system: &System) -> Option<Self> {
        let is_pcscd =
            |process: &u32| system.text(format!("/proc/{process}/comm")).as_deref() == Some("pcscd");
        let written = system.text("/run/pcscd/pcscd.pid").and_then(|text| text.parse().ok());
        let all = system.names("/proc").into_iter().filter_map(|name| name.parse().ok());
        written.into_iter().chain(all).find(is_pcscd).map(|process| Self { process })
    }
}

/// The features that pcscd was built with, one word each; `None` when pcscd is not installed. The program is asked once.
pub fn features(system: &System) -> Option<&[String]> {
    let ask = || {
        let ran = system.run("pcscd", &["--version"]).ok()?;
        Some(ran.out.split_whitespace().map(ToOwned::to_owned).collect())
    };
    system.pcscd_features.get_or_init(ask).as_deref()
}

/// Whether systemd runs the services of this machine.
fn has_systemd(system: &System) -> bool {
    system.has("/run/systemd/system")
}

/// The command that starts pcscd, as people type it.
pub fn start_command(system: &System) -> &'static str {
    if has_systemd(system) { "sudo systemctl enable --now pcscd.socket" } else { "sudo pcscd" }
}

/// The command that ends pcscd and starts it again, as people type it.
pub fn restart_command(system: &System) -> String {
    match Pcscd::find(system) {
        _ if has_systemd(system) => "sudo systemctl restart pcscd".into(),
        Some(pcscd) => format!("sudo kill {} && sleep 1 && sudo pcscd", pcscd.process),
        None => "sudo pcscd".into(),
    }
}

/// Starts pcscd.
///
/// # Errors
/// The command that starts pcscd failed.
pub fn start(system: &System) -> Result<(), Failure> {
    let line: &[&str] =
        if has_systemd(system) { &["systemctl", "enable", "--now", "pcscd.socket"] } else { &["pcscd"] };
    run(system, line)
}

/// Ends pcscd, if it runs, and starts it.
///
/// # Errors
/// pcscd does not end, or the command that starts it failed.
pub fn restart(system: &System) -> Result<(), Failure> {
    if has_systemd(system) {
        return run(system, &["systemctl", "restart", "pcscd"]);
    }
    if let Some(pcscd) = Pcscd::find(system)
        && let Some(process) = i32::try_from(pcscd.process).ok().and_then(Pid::from_raw)
    {
        kill_process(process, Signal::TERM).what("pcscd was not ended")?;
        let end = Instant::now() + Duration::from_secs(10);
        while Pcscd::find(system) == Some(pcscd) {
            if Instant::now() >= end {
                return Err(Failure::new("pcscd did not end").next(format!("sudo kill -9 {}", pcscd.process)));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    start(system)
}

fn run(system: &System, line: &[&str]) -> Result<(), Failure> {
    let (program, arguments) = line.split_first().map_or(("", line), |(program, rest)| (*program, rest));
    let what = || format!("{} failed", line.join(" "));
    match system.run(program, arguments) {
        Ok(ran) if ran.is_good() => Ok(()),
        Ok(ran) => Err(Failure::new(what()).because(ran.complaint())),
        Err(error) => Err(Failure::new(what()).because(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn found_by_its_file_or_by_its_name() {
        let fake = Fake::new();
        assert_eq!(Pcscd::find(&fake.system()), None);
        fake.file("/proc/42/comm", "pcscd\n").file("/proc/7/comm", "sh\n");
        assert_eq!(Pcscd::find(&fake.system()), Some(Pcscd { process: 42 }));
        // A killed pcscd leaves its pid file behind, and another process may have that number now.
        fake.file("/run/pcscd/pcscd.pid", "7\n");
        assert_eq!(Pcscd::find(&fake.system()), Some(Pcscd { process: 42 }));
        assert!(restart_command(&fake.system()).contains("kill 42"));
        fake.file("/run/systemd/system/x", "");
        assert_eq!(restart_command(&fake.system()), "sudo systemctl restart pcscd");
    }

    #[test]
    fn a_start_that_fails_says_what_was_said() {
        let fake = Fake::new();
        fake.answers("pcscd", 1, "file /run/pcscd/pcscd.comm already exists\n");
        assert!(start(&fake.system()).unwrap_err().to_string().contains("already exists"));
    }
}
