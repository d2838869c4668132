//! The kernel: whether it can take a token over USB/IP, and whether a port of it is stuck.

use super::{Examined, Finding, Fix};
use crate::vhci::{Missing, State, Vhci};

const KERNEL: &str = "kernel";

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let vhci = match Vhci::find(examined.system) {
        Ok(vhci) => vhci,
        Err(missing) => return vec![without(&missing)],
    };
    let ports = match vhci.ports() {
        Ok(ports) => ports,
        Err(failure) => return vec![Finding::unknown(KERNEL, "vhci_unread", failure.to_string())],
    };
    let stuck = ports.iter().filter(|port| port.state == State::Error);
    let mut findings: Vec<Finding> = stuck
        .map(|port| {
            let message = format!(
                "port {} of vhci_hcd is in error: its device is gone and its place is not free",
                port.number
            );
            Finding::error(KERNEL, "vhci_port_error", message)
                .mended_by(format!("sudo ushield detach {}", port.number))
                .fixed_by(Fix::FreePort(port.number))
        })
        .collect();
    if findings.is_empty() {
        let taken = ports.iter().filter(|port| port.state != State::Free).count();
        let kernel = examined.system.kernel().unwrap_or_default();
        findings.push(Finding::good(
            KERNEL,
            format!("{kernel} has vhci_hcd; {taken} of {} ports are in use", ports.len()),
        ));
    }
    findings
}

fn without(missing: &Missing) -> Finding {
    match missing {
        Missing::NotLoaded => Finding::warning(KERNEL, "vhci_not_loaded", missing.what())
            .mended_by(missing.next())
            .fixed_by(Fix::LoadModule),
        Missing::NoModules { .. } => {
            let message = format!("{}: {}", missing.what(), missing.why());
            Finding::error(KERNEL, "kernel_no_modules", message).mended_by(missing.next())
        }
        Missing::NotBuilt { .. } => {
            let message = format!("{}: {}", missing.what(), missing.why());
            Finding::error(KERNEL, "kernel_no_vhci", message).mended_by(missing.next())
        }
    }
}
