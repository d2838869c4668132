//! pcscd: whether it is installed, runs, and lets programs in.

use std::{io::ErrorKind, os::unix::net::UnixStream};

use super::{Examined, Finding, Fix};
use crate::{
    pcscd::{self, Pcscd, SOCKET},
    system::System,
};

const PCSCD: &str = "pcscd";

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    vec![look(examined.system)]
}

fn look(system: &System) -> Finding {
    let process = Pcscd::find(system);
    if process.is_none() && pcscd::features(system).is_none() {
        return Finding::error(PCSCD, "pcscd_missing", "pcscd is not installed").mended_by(
            "sudo apt install pcscd   (Fedora: sudo dnf install pcsc-lite; Arch: sudo pacman -S pcsclite)",
        );
    }
    let restart = |code, message: String| {
        Finding::error(PCSCD, code, message)
            .mended_by(pcscd::restart_command(system))
            .fixed_by(Fix::RestartPcscd)
    };
    let start = |code, message: &str| {
        Finding::error(PCSCD, code, message).mended_by(pcscd::start_command(system)).fixed_by(Fix::StartPcscd)
    };
    match (UnixStream::connect(system.path(SOCKET)).map_err(|error| error.kind()), process) {
        (Ok(_), Some(pcscd)) => {
            Finding::good(PCSCD, format!("it runs (process {}) and answers at {SOCKET}", pcscd.process))
        }
        (Ok(_), None) => Finding::good(PCSCD, format!("it starts when a program opens {SOCKET}")),
        (Err(ErrorKind::PermissionDenied), _) => {
            Finding::error(PCSCD, "pcscd_closed", format!("this user may not open {SOCKET}"))
                .mended_by(format!("see who may: ls -l {SOCKET}"))
        }
        (Err(_), Some(pcscd)) => restart(
            "pcscd_deaf",
            format!("pcscd runs (process {}) and does not answer at {SOCKET}", pcscd.process),
        ),
        (Err(ErrorKind::NotFound), None) => start("pcscd_stopped", "pcscd does not run"),
        (Err(_), None) => {
            start("pcscd_stale", "pcscd does not run; one that was killed left its socket behind")
        }
    }
}
