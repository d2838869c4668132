//! The doctor: what a bank's installation wizard checks, each check in a file of its own, on the way that a payment takes:
//! kernel, token, pcscd, driver, programs, personal ID.

mod certificate;
mod pin;
mod clock;
mod pkcs11;
mod holder;
mod ccid;
mod polkit;
mod pcscd;
mod token;
mod kernel;
mod finding;
mod fix;

use std::{
    thread,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

pub(crate) use finding::{Finding, Severity};
pub(crate) use fix::Fix;
pub(crate) use token::{Card, Reached, Roads};

use crate::system::System;

/// What is examined.
pub(crate) struct Patient<'a> {
    pub(crate) system: &'a System,
    /// What the tokens tell of themselves.
    pub(crate) card: &'a dyn Card,
}

impl Patient<'_> {
    /// The machine's clock.
    fn now(&self) -> OffsetDateTime {
        self.system.now().into()
    }
}

/// The checks of the machine, in the order in which what they look at depends on one another. Each finds one thing or more,
/// and says so too when it is good.
const OF_MACHINE: [fn(&Patient<'_>) -> Vec<Finding>; 8] = [
    kernel::check,
    token::check,
    ccid::check,
    polkit::check,
    pcscd::check,
    holder::check,
    pkcs11::check,
    clock::check,
];

/// Those that matter to programs which reach a token through the kernel, pcscd or p11-kit.
const OF_KERNEL: [&str; 7] = ["kernel", "token", "driver", "polkit", "pcscd", "holder", "pkcs11"];

/// The checks of what one token told.
const OF_TOKEN: [fn(&Patient<'_>, &Reached) -> Vec<Finding>; 2] = [pin::check, certificate::check];

/// Examines it.
pub(crate) fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = of_machine(patient);
    let reached = patient.card.reach();
    // Programs of ours speak USB/IP, or PC/SC to a reader without root: what the kernel and pcscd would need is not needed.
    if reached.iter().any(Result::is_ok) && token::on_bus(patient.system).is_empty() {
        let of_kernel = |finding: &Finding| OF_KERNEL.contains(&finding.check);
        findings = findings
            .into_iter()
            .map(|found| if of_kernel(&found) { found.needless() } else { found })
            .collect();
    }
    for reached in &reached {
        findings.extend(OF_TOKEN.iter().flat_map(|check| check(patient, reached)));
    }
    findings
}

/// Examines it once what was mended has settled, or after so long: pcscd answers before it has looked at the bus. The token
/// is left in peace until then: pcscd wants it too.
pub(crate) fn settled(patient: &Patient<'_>, patience: Duration) -> Vec<Finding> {
    let end = Instant::now() + patience;
    while of_machine(patient).iter().any(|finding| finding.fix.is_some()) && Instant::now() < end {
        thread::sleep(Duration::from_millis(250));
    }
    examine(patient)
}

fn of_machine(patient: &Patient<'_>) -> Vec<Finding> {
    OF_MACHINE.iter().flat_map(|check| check(patient)).collect()
}

#[cfg(test)]
mod tests;
