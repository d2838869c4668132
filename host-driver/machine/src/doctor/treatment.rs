//! A treatment: the machine is examined, and what can be mended safely is mended.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Card, Examined, Finding, Fix, Severity, examine, of_machine};
use crate::system::System;

/// Each mending may uncover the next fault: the machine is examined again at most so often.
const ROUNDS: usize = 4;

/// A mending that was tried.
#[derive(Clone, Debug)]
pub struct Mended {
    /// The code of the finding.
    pub code: &'static str,
    /// The command that does the same.
    pub command: String,
    /// Why it did not succeed.
    pub failure: Option<String>,
}

/// What the findings say of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is to be done.
    Good,
    /// Something is to be done.
    Faulty,
    /// Nothing is known to be wrong, and something could not be told.
    Unknown,
}

impl Verdict {
    /// The verdict on all findings together.
    pub fn on(findings: &[Finding]) -> Self {
        let any = |wanted: &[Severity]| findings.iter().any(|finding| wanted.contains(&finding.severity));
        if any(&[Severity::Warning, Severity::Error]) {
            Self::Faulty
        } else if any(&[Severity::Unknown]) {
            Self::Unknown
        } else {
            Self::Good
        }
    }
}

/// Examines the machine, and with `fix` mends it until nothing more can be mended. What was mended may take the time
/// `settle` to show.
pub fn treat(system: &System, card: &dyn Card, fix: bool, settle: Duration) -> (Vec<Finding>, Vec<Mended>) {
    let examined = Examined { system, card };
    let mut findings = examine(&examined);
    let (mut mended, mut tried): (Vec<Mended>, Vec<Fix>) = (Vec::new(), Vec::new());
    for _ in 0..if fix { ROUNDS } else { 0 } {
        let before = tried.len();
        for finding in &findings {
            let Some(fix) = finding.fix.clone().filter(|fix| !tried.contains(fix)) else { continue };
            let failure = fix.apply(system).err().map(|failure| failure.to_string());
            let command = finding.mend.clone().unwrap_or_default();
            mended.push(Mended { code: finding.code, command, failure });
            tried.push(fix);
        }
        if tried.len() == before {
            break;
        }
        findings = settled(&examined, settle);
    }
    (findings, mended)
}

/// Examines the machine once the mending has settled, or after `patience`: pcscd answers before it has looked at the bus. The
/// token itself is asked only then, because pcscd wants it too.
fn settled(examined: &Examined<'_>, patience: Duration) -> Vec<Finding> {
    let end = Instant::now() + patience;
    while of_machine(examined).iter().any(|finding| finding.fix.is_some()) && Instant::now() < end {
        thread::sleep(Duration::from_millis(250));
    }
    examine(examined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doctor::Reached, system::fake::Fake};

    /// Nothing is on any road.
    struct Nobody;

    impl Card for Nobody {
        fn reach(&self) -> Vec<Reached> {
            vec![Err(card::Error::NotFound("no token".into()))]
        }
    }

    #[test]
    fn a_fault_counts_more_than_what_could_not_be_told() {
        let all = treat(&Fake::new().system(), &Nobody, false, Duration::ZERO).0;
        assert_eq!(Verdict::on(&all), Verdict::Faulty);
        let only = |severities: &[Severity]| -> Vec<Finding> {
            all.iter().filter(|finding| severities.contains(&finding.severity)).cloned().collect()
        };
        assert_eq!(
            Verdict::on(&only(&[Severity::Unknown, Severity::Good, Severity::Note])),
            Verdict::Unknown
        );
        assert_eq!(Verdict::on(&only(&[Severity::Good, Severity::Note])), Verdict::Good);
        assert!(!only(&[Severity::Unknown]).is_empty() && !only(&[Severity::Good]).is_empty());
    }

    #[test]
    fn each_mending_is_tried_once_and_its_failure_told() {
        let fake = Fake::new();
        fake.file("/proc/sys/kernel/osrelease", "6.1.0\n");
        fake.file("/lib/modules/6.1.0/modules.dep", "kernel/drivers/usb/usbip/vhci-hcd.ko:\n");
        fake.answers("modprobe vhci-hcd", 1, "modprobe: FATAL: not permitted\n");
        let mended = treat(&fake.system(), &Nobody, true, Duration::ZERO).1;
        let [Mended { code: "vhci_not_loaded", failure: Some(failure), .. }] = &mended[..] else {
            panic!("{mended:?}")
        };
        assert!(failure.contains("FATAL: not permitted"), "{failure}");
        assert_eq!(fake.ran().iter().filter(|line| line.starts_with("modprobe")).count(), 1);
    }
}
