//! The faults, one by one.

use wire::shield::Information;

use super::{BUNDLE, DEVICE, LIBCCID, MODULE, Machine, OPENSC, VHCI};
use crate::{
    doctor::{Fix, Severity},
    driver,
};

/// One fault: how it is made, then its code, how bad it is, what `--fix` does, and a piece of the command that mends it.
pub(super) type Fault = (fn(&mut Machine), &'static str, Severity, Option<Fix>, &'static str);

pub(super) const FAULTS: [Fault; 31] = [
    (
        |machine| machine.removes(VHCI),
        "vhci_not_loaded",
        Severity::Warning,
        Some(Fix::LoadModule),
        "sudo modprobe vhci-hcd",
    ),
    (
        |machine| {
            machine.removes(VHCI);
            machine.removes("/lib/modules");
        },
        "kernel_no_modules",
        Severity::Error,
        None,
        "start the machine again",
    ),
    (
        |machine| {
            machine.removes(VHCI);
            machine.fake.file("/lib/modules/6.1.0/modules.dep", "").file("/etc/os-release", "ID=ubuntu\n");
        },
        "kernel_no_vhci",
        Severity::Error,
        None,
        "linux-modules-extra",
    ),
    (
        |machine| {
            let status = "hub port sta spd dev sockfd local_busid\nhs 0003 007 002 00010001 3 1-1\n";
            machine.fake.file(&format!("{VHCI}/status"), status);
        },
        "vhci_port_error",
        Severity::Error,
        Some(Fix::FreePort(3)),
        "sudo ushield detach 3",
    ),
    (
        |machine| {
            machine.fake.file(&format!("{VHCI}/status"), "what is this\nand that\n");
        },
        "vhci_unread",
        Severity::Unknown,
        None,
        "",
    ),
    (
        |machine| {
            machine.removes(DEVICE);
            machine.card.busy = true;
        },
        "token_absent",
        Severity::Error,
        None,
        "`ushield up`",
    ),
    (
        |machine| {
            machine.fake.file(&format!("{DEVICE}/authorized"), "0");
            machine.removes(&format!("{DEVICE}/1-1:1.0"));
        },
        "token_not_authorized",
        Severity::Error,
        None,
        "/sys/bus/usb/devices/1-1/authorized",
    ),
    (
        |machine| machine.removes(&format!("{DEVICE}/1-1:1.0")),
        "token_not_whole",
        Severity::Error,
        None,
        "dmesg",
    ),
    (
        |machine| machine.removes("/usr/lib/pcsc/drivers/ifd-ccid.bundle"),
        "ccid_missing",
        Severity::Error,
        None,
        "apt install libccid",
    ),
    (
        |machine| machine.removes(&format!("{BUNDLE}/Info.plist")),
        "ccid_damaged",
        Severity::Error,
        None,
        "apt install --reinstall libccid",
    ),
    (
        |machine| {
            machine
                .fake
                .file(&format!("{DEVICE}/idVendor"), "1209")
                .file(&format!("{DEVICE}/idProduct"), "0001");
        },
        "brand_unknown",
        Severity::Error,
        None, // judged below: it names the brand
        "sudo ushield driver install --brand indigo",
    ),
    (
        |machine| {
            machine
                .fake
                .file(&format!("{DEVICE}/idVendor"), "1209")
                .file(&format!("{DEVICE}/idProduct"), "0009");
        },
        "brand_unknown",
        Severity::Error,
        None,
        "--brand FILE.toml",
    ),
    (
        |machine| {
            let system = machine.fake.system();
            driver::install(&system, &crate::brand::named("indigo").unwrap()).unwrap();
            machine.fake.file(&format!("{BUNDLE}/Linux/libccid.so"), &format!("{LIBCCID}2"));
        },
        "driver_outdated",
        Severity::Warning,
        None, // judged below
        "sudo ushield driver install --brand indigo",
    ),
    (
        |machine| {
            let system = machine.fake.system();
            driver::install(&system, &crate::brand::named("indigo").unwrap()).unwrap();
            machine.removes("/usr/lib/pcsc/drivers/ushield12090001");
        },
        "driver_damaged",
        Severity::Error,
        None, // judged below
        "sudo ushield driver install --brand indigo",
    ),
    (
        |machine| {
            machine.removes("/proc/42");
            machine.fake.forgets("pcscd --version");
        },
        "pcscd_missing",
        Severity::Error,
        None,
        "apt install pcscd",
    ),
    (
        |machine| {
            machine.removes("/proc/42");
            machine.removes("/run/pcscd");
        },
        "pcscd_stopped",
        Severity::Error,
        Some(Fix::StartPcscd),
        "sudo pcscd",
    ),
    (
        |machine| {
            machine.removes("/proc/42");
            machine.socket = None;
        },
        "pcscd_stale",
        Severity::Error,
        Some(Fix::StartPcscd),
        "sudo pcscd",
    ),
    (|machine| machine.socket = None, "pcscd_deaf", Severity::Error, Some(Fix::RestartPcscd), "sudo kill 42"),
    (
        |machine| {
            machine.fake.file("/proc/7/comm", "scdaemon").open_by(7);
        },
        "token_held",
        Severity::Error,
        None,
        "disable-ccid",
    ),
    (
        |machine| machine.removes("/proc/42/fd/7"),
        "token_not_taken",
        Severity::Warning,
        Some(Fix::RestartPcscd),
        "sudo kill 42",
    ),
    (
        |machine| {
            machine.fake.answers("pcscd --version", 0, "Enabled features: usb polkit\n");
        },
        "polkit_absent",
        Severity::Error,
        None,
        "apt install polkitd",
    ),
    (|machine| machine.removes(OPENSC), "pkcs11_library_missing", Severity::Error, None, MODULE),
    (|machine| machine.removes(MODULE), "pkcs11_none", Severity::Warning, None, "apt install opensc-pkcs11"),
    (
        |machine| {
            machine.removes(MODULE);
            machine.fake.file("/usr/local/lib/libushield_pkcs11.so", "");
        },
        "pkcs11_not_registered",
        Severity::Warning,
        None, // judged below
        "/etc/pkcs11/modules/ushield.module",
    ),
    (|machine| machine.card.busy = true, "token_unread", Severity::Unknown, None, ""),
    (|machine| machine.card.flags = 0, "token_fault", Severity::Error, None, "plug it in"),
    (|machine| machine.card.left = 0, "pin_blocked", Severity::Error, None, "ushield pin unblock"),
    (
        |machine| machine.card.flags |= Information::FACTORY_PIN,
        "pin_factory",
        Severity::Warning,
        None,
        "ushield pin change",
    ),
    (
        |machine| machine.card.flags |= Information::KNOWN_PUK,
        "puk_known",
        Severity::Warning,
        None,
        "ushield pin change --puk",
    ),
    (|machine| machine.card.left = 5, "pin_tries", Severity::Note, None, ""),
    (|machine| machine.card.junk = true, "certificate_damaged", Severity::Error, None, "cert-tool enrol"),
];

/// How the first fault with this code is made.
pub(super) fn fault(code: &str) -> fn(&mut Machine) {
    FAULTS.iter().find(|fault| fault.1 == code).unwrap().0
}
