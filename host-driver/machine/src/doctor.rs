//! The doctor checks what a bank's installation wizard checks. Each check has a file of its own, and the checks follow the
//! way that a payment takes: kernel, token, pcscd, driver, programs, personal ID.

mod treatment;
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

use time::OffsetDateTime;

pub use finding::{Finding, Severity};
pub use fix::Fix;
pub use token::{Card, Holding, Reached, Reaching, Roads};
pub use treatment::{Mended, Verdict, treat};

use crate::system::System;

/// What is examined.
pub(crate) struct Examined<'a> {
    /// The machine.
    pub(crate) system: &'a System,
    /// What the tokens tell of themselves.
    pub(crate) card: &'a dyn Card,
}

impl Examined<'_> {
    /// The machine's clock.
    fn now(&self) -> OffsetDateTime {
        self.system.now().into()
    }
}

/// The checks of the machine. A check stands behind those on whose subject its own subject depends. Each check has a finding
/// even when all is good.
const OF_MACHINE: [fn(&Examined<'_>) -> Vec<Finding>; 8] = [
    kernel::check,
    token::check,
    ccid::check,
    polkit::check,
    pcscd::check,
    holder::check,
    pkcs11::check,
    clock::check,
];

/// The checks that matter only to programs which reach a token through the kernel, pcscd or p11-kit.
const OF_KERNEL: [&str; 7] = ["kernel", "token", "driver", "polkit", "pcscd", "holder", "pkcs11"];

/// The checks of what a token tells of itself.
const OF_TOKEN: [fn(&Examined<'_>, &Reached) -> Vec<Finding>; 2] = [pin::check, certificate::check];

/// Examines the machine and its tokens.
fn examine(examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings = of_machine(examined);
    let reached = examined.card.reach();
    // A token is reached without the kernel: over USB/IP, or through the reader that needs no root. Then nothing is wrong with
    // a machine that lacks what the kernel and pcscd would need.
    if reached.iter().any(Result::is_ok) && token::on_bus(examined.system).is_empty() {
        let of_kernel = |finding: &Finding| OF_KERNEL.contains(&finding.check);
        findings = findings
            .into_iter()
            .map(|found| if of_kernel(&found) { found.needless() } else { found })
            .collect();
    }
    for reached in &reached {
        findings.extend(OF_TOKEN.iter().flat_map(|check| check(examined, reached)));
    }
    findings
}

fn of_machine(examined: &Examined<'_>) -> Vec<Finding> {
    OF_MACHINE.iter().flat_map(|check| check(examined)).collect()
}

#[cfg(test)]
mod tests;
