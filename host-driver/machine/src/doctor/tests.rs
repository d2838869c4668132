//! A machine that is well, and each fault put into it.

use std::{
    fs,
    os::unix::net::UnixListener,
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, KeyPair};
use wire::{algorithm::KeyAlgorithm, shield::Information};

use super::{token::Holding, *};

mod faults;

use crate::{driver, system::fake::Fake};
use faults::{FAULTS, fault};

const VHCI: &str = "/sys/devices/platform/vhci_hcd.0";
const DEVICE: &str = "/sys/bus/usb/devices/1-1";
const BUNDLE: &str = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents";
const LIBCCID: &str = "\x7fELF\0ifd-ccid.bundle\0";
const MODULE: &str = "/usr/share/p11-kit/modules/opensc-pkcs11.module";
const OPENSC: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/opensc-pkcs11.so";

/// A machine, and what keeps its socket open.
struct Machine {
    fake: Fake,
    socket: Option<UnixListener>,
    card: Told,
}

/// What the token is said to say.
struct Told {
    flags: u8,
    left: u8,
    /// Days from now of the certificate's beginning and end.
    days: Option<(i64, i64)>,
    junk: bool,
    busy: bool,
}

impl Card for Told {
    fn reach(&self) -> Vec<Reached> {
        if self.busy {
            return vec![Err(card::Error::Busy)];
        }
        let information = Information {
            version: 1,
            brand: "U-shield".into(),
            serial: "0A1B".into(),
            generation: 2,
            tries: [self.left, 6, 6, 6],
            pin_length: [6, 8],
            state_version: 1,
            flags: self.flags,
            label: String::new(),
            algorithm: KeyAlgorithm::P256,
        };
        let certificate = match self.days {
            _ if self.junk => Some(b"junk".to_vec()),
            None => None,
            Some((begin, end)) => Some(certificate(begin, end)),
        };
        vec![Ok(Holding { information, certificates: vec![("payment", certificate), ("9A", None)] })]
    }
}

fn certificate(begin: i64, end: i64) -> Vec<u8> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    let now = OffsetDateTime::now_utc();
    // An hour over, so that the test may take its time.
    parameters.not_before = now + time::Duration::days(begin);
    parameters.not_after = now + time::Duration::days(end) + time::Duration::hours(1);
    parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

impl Machine {
    fn well() -> Self {
        let fake = Fake::new();
        fake.file("/proc/sys/kernel/osrelease", "6.1.0\n");
        fake.file("/lib/modules/6.1.0/modules.dep", "kernel/drivers/usb/usbip/vhci-hcd.ko:\n");
        fake.file(&format!("{VHCI}/attach"), "").file(&format!("{VHCI}/detach"), "");
        fake.file(
            &format!("{VHCI}/status"),
            "hub port sta spd dev sockfd local_busid\nhs 0000 006 002 00010001 3 1-1\n",
        );
        for (name, text) in [
            ("idVendor", "163c"),
            ("idProduct", "0407"),
            ("product", "U-shield test token"),
            ("serial", "0A1B"),
            ("busnum", "1"),
            ("devnum", "2"),
            ("authorized", "1"),
            ("bConfigurationValue", "1"),
            ("1-1:1.0/bInterfaceClass", "0b"),
        ] {
            fake.file(&format!("{DEVICE}/{name}"), text);
        }
        fake.file(
            &format!("{BUNDLE}/Info.plist"),
            &driver::tests::list(&[("0x163C", "0x0407", "Watchdata USB Key")]),
        );
        fake.file(&format!("{BUNDLE}/Linux/libccid.so"), LIBCCID);
        fake.answers("pcscd --version", 0, "Enabled features: Linux libsystemd usb libudev\n");
        fake.file("/proc/42/comm", "pcscd");
        fake.open_by(42);
        fake.file(MODULE, "module: opensc-pkcs11.so\n").file(OPENSC, "");
        fake.file("/etc/machine-id", "x");
        let machine = Self {
            socket: None,
            card: Told {
                flags: Information::HEALTHY,
                left: 6,
                days: Some((-1, 365)),
                junk: false,
                busy: false,
            },
            fake,
        };
        machine.listens()
    }

    fn listens(mut self) -> Self {
        let path = self.fake.folder.path().join("run/pcscd/pcscd.comm");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.socket = Some(UnixListener::bind(path).unwrap());
        self
    }

    fn removes(&self, absolute: &str) {
        let path = self.fake.folder.path().join(&absolute[1..]);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    fn findings(&self) -> Vec<Finding> {
        examine(&Examined { system: &self.fake.system(), card: &self.card })
    }

    /// What is not good.
    fn faults(&self) -> Vec<Finding> {
        self.findings().into_iter().filter(|finding| finding.severity != Severity::Good).collect()
    }
}

#[test]
fn a_machine_that_is_well() {
    let machine = Machine::well();
    let findings = machine.findings();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Good), "{findings:#?}");
    let checks: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(
        checks,
        ["kernel", "token", "driver", "polkit", "pcscd", "holder", "pkcs11", "clock", "pin", "certificate"]
    );
}

/// `ushield up` and our own programs, or a reader without root: there the kernel and pcscd have nothing to do.
#[test]
fn what_is_not_needed_is_no_fault() {
    let mut machine = Machine::well();
    machine.removes(DEVICE);
    machine.removes(VHCI);
    machine.removes(BUNDLE);
    machine.socket = None;
    machine.removes("/run/pcscd");
    machine.removes(MODULE);
    let faults = machine.faults();
    let codes: Vec<&str> = faults.iter().map(|finding| finding.code).collect();
    for code in ["vhci_not_loaded", "token_absent", "ccid_damaged", "pkcs11_none"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    assert!(
        faults.iter().all(|found| found.severity == Severity::Note && found.fix.is_none()),
        "{faults:#?}"
    );
    // Nobody reaches a token: then they are what is wrong.
    machine.card.busy = true;
    assert!(
        machine
            .faults()
            .iter()
            .any(|found| found.code == "token_absent" && found.severity == Severity::Error)
    );
}

#[test]
fn each_fault_is_found_with_what_mends_it() {
    for (inject, code, severity, fix, mend) in FAULTS {
        let mut machine = Machine::well();
        inject(&mut machine);
        let faults = machine.faults();
        let Some(found) = faults.iter().find(|finding| finding.code == code) else {
            panic!("{code} was not found: {faults:#?}")
        };
        assert_eq!(found.severity, severity, "{code}");
        assert!(found.mend.clone().unwrap_or_default().contains(mend), "{code}: {found:?}");
        if fix.is_some() {
            assert_eq!(found.fix, fix, "{code}");
        }
    }
}

#[test]
fn the_document_names_each_code_and_no_other() {
    let document = include_str!("../../../../docs/doctor.md");
    let rows = document.lines().filter_map(|line| line.split('|').nth(2)).map(str::trim);
    let mut told: Vec<&str> = rows.filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`')).collect();
    // Those of the tests below, of another user, and one that depends on who runs the test.
    let apart = [
        "polkit_denies",
        "pcscd_closed",
        "holder_unseen",
        "clock_behind",
        "clock_disagrees",
        "certificate_absent",
        "certificate_ends_soon",
        "certificate_expired",
        "certificate_not_yet_valid",
    ];
    let mut known: Vec<&str> = FAULTS.iter().map(|fault| fault.1).chain(apart).collect();
    told.sort_unstable();
    known.sort_unstable();
    known.dedup();
    assert_eq!(told, known);
}

#[test]
fn what_is_mended_is_well() {
    for code in ["brand_unknown", "driver_outdated", "driver_damaged", "pkcs11_not_registered"] {
        let mut machine = Machine::well();
        fault(code)(&mut machine);
        let found = machine.faults().into_iter().find(|finding| finding.code == code).unwrap();
        found.fix.unwrap().apply(&machine.fake.system()).unwrap();
        assert_eq!(machine.faults(), [], "{code}");
    }
    // The module cannot be loaded here, and the word of modprobe is passed on.
    let mut machine = Machine::well();
    fault("vhci_not_loaded")(&mut machine);
    machine.fake.answers("modprobe vhci-hcd", 1, "modprobe: FATAL: no\n");
    assert!(Fix::LoadModule.apply(&machine.fake.system()).unwrap_err().to_string().contains("FATAL: no"));
}

#[test]
fn the_personal_id_warns_from_thirty_days_on() {
    for (days, code, severity) in [
        ((-1, 31), "good", Severity::Good),
        ((-1, 29), "certificate_ends_soon", Severity::Warning),
        ((-1, 0), "certificate_ends_soon", Severity::Warning),
        ((-9, -2), "certificate_expired", Severity::Error),
        ((2, 400), "certificate_not_yet_valid", Severity::Error),
    ] {
        let mut machine = Machine::well();
        machine.card.days = Some(days);
        let findings = machine.findings();
        let found = findings.iter().find(|finding| finding.check == "certificate").unwrap();
        assert_eq!((found.code, found.severity), (code, severity), "{days:?}");
    }
    let mut machine = Machine::well();
    machine.card.days = None;
    assert_eq!(machine.faults()[0].code, "certificate_absent");
}

#[test]
fn a_clock_that_cannot_be_right() {
    let machine = Machine::well();
    let behind = Machine {
        fake: machine.fake.at(|| SystemTime::now() - Duration::from_secs(3 * 24 * 3600)),
        ..machine
    };
    let faults = behind.faults();
    assert!(
        faults.iter().any(|finding| finding.code == "clock_behind" && finding.message.contains("machine-id")),
        "{faults:#?}"
    );
    let machine = Machine::well();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    machine.fake.file("/sys/class/rtc/rtc0/since_epoch", &format!("{now}\n"));
    assert_eq!(machine.faults(), []);
    let ahead = Machine {
        fake: machine.fake.at(|| SystemTime::now() + Duration::from_secs(3 * 24 * 3600)),
        ..machine
    };
    assert_eq!(ahead.faults()[0].code, "clock_disagrees");
}

#[test]
fn polkit_says_who_may() {
    let line = |action| {
        format!("pkcheck --action-id org.debian.pcsc-lite.{action} --process {}", std::process::id())
    };
    for (code, found) in [(0, None), (1, Some("polkit_denies")), (127, Some("polkit_absent"))] {
        let machine = Machine::well();
        machine.fake.answers("pcscd --version", 0, "Enabled features: usb polkit\n");
        machine.fake.answers(&line("access_pcsc"), 0, "").answers(&line("access_card"), code, "");
        assert_eq!(machine.faults().first().map(|finding| finding.code), found);
    }
}

#[test]
fn who_holds_the_token_is_for_root_to_see() {
    let machine = Machine::well();
    let machine = Machine { fake: machine.fake.run_by(1000), ..machine };
    let faults = machine.faults();
    assert_eq!(
        faults.iter().map(|finding| (finding.code, finding.severity)).collect::<Vec<_>>(),
        [("holder_unseen", Severity::Note)]
    );
}
