//! What comes out: exit code, and what was mended.

use super::*;
use crate::system::fake::Fake;

/// Nothing is on any road.
struct Nobody;

impl Card for Nobody {
    fn reach(&self) -> Vec<doctor::Reached> {
        vec![Err(card::Error::NotFound("no token".into()))]
    }
}

#[test]
fn exit_codes() {
    let findings = |fake: &Fake| treat(&fake.system(), &Nobody, false, Duration::ZERO).0;
    assert_eq!(exit(&findings(&Fake::new())), Exit::Refused);
    let all = findings(&Fake::new());
    let only = |severities: &[Severity]| -> Vec<Finding> {
        all.iter().filter(|finding| severities.contains(&finding.severity)).cloned().collect()
    };
    assert_eq!(exit(&only(&[Severity::Unknown, Severity::Good, Severity::Note])), Exit::Unknown);
    assert_eq!(exit(&only(&[Severity::Good, Severity::Note])), Exit::Done);
    assert!(!only(&[Severity::Unknown]).is_empty() && !only(&[Severity::Good]).is_empty());
}

#[test]
fn each_mending_is_tried_once_and_its_failure_told() {
    let fake = Fake::new();
    fake.file("/proc/sys/kernel/osrelease", "6.1.0\n");
    fake.file("/lib/modules/6.1.0/modules.dep", "kernel/drivers/usb/usbip/vhci-hcd.ko:\n");
    fake.answers("modprobe vhci-hcd", 1, "modprobe: FATAL: not permitted\n");
    let mended = treat(&fake.system(), &Nobody, true, Duration::ZERO).1;
    let told: Vec<(&str, bool)> =
        mended.iter().map(|mended| (mended.code, mended.failure.is_none())).collect();
    assert_eq!(told, [("vhci_not_loaded", false)]);
    assert!(mended[0].line(Paint::stdout()).contains("FATAL: not permitted"));
    assert_eq!(mended[0].json()["done"], false);
    assert_eq!(fake.ran().iter().filter(|line| line.starts_with("modprobe")).count(), 1);
}
