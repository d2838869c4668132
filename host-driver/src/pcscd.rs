//! The system's pcscd: whether it runs, and how it is started again.

use crate::system::System;
/// A pcscd that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pcscd {
    pub(crate) process: u32,
}

impl Pcscd {
    /// The one that runs, if one does.
    pub(crate) fn find(system: &System) -> Option<Self> {
        let is_pcscd =
            |process: &u32| system.text(format!("/proc/{process}/comm")).as_deref() == Some("pcscd");
        let written = system.text("/run/pcscd/pcscd.pid").and_then(|text| text.parse().ok());
        let all = system.names("/proc").into_iter().filter_map(|name| name.parse().ok());
        written.into_iter().chain(all).find(is_pcscd).map(|process| Self { process })
    }
}

/// Whether systemd looks after services here.
fn has_systemd(system: &System) -> bool {
    system.has("/run/systemd/system")
}

/// What starts it again, as people type it.
pub(crate) fn restart_command(system: &System) -> String {
    match Pcscd::find(system) {
        _ if has_systemd(system) => "sudo systemctl restart pcscd".into(),
        Some(pcscd) => format!("sudo kill {} && sleep 1 && sudo pcscd", pcscd.process),
        None => "sudo pcscd".into(),
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
        // A file that a killed one left names whoever has its number now.
        fake.file("/run/pcscd/pcscd.pid", "7\n");
        assert_eq!(Pcscd::find(&fake.system()), Some(Pcscd { process: 42 }));
        assert!(restart_command(&fake.system()).contains("kill 42"));
        fake.file("/run/systemd/system/x", "");
        assert_eq!(restart_command(&fake.system()), "sudo systemctl restart pcscd");
    }
}
