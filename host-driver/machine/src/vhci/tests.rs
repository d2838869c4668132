//! The controller on a folder that looks like its part of /sys, taken from Linux 6.1.

use super::*;
use crate::system::fake::Fake;

const FOLDER: &str = "/sys/devices/platform/vhci_hcd.0";
const HEAD: &str = "hub port sta spd dev      sockfd local_busid\n";
const FREE: &str = "hs  0000 004 000 00000000 000000 0-0\nss  0001 004 000 00000000 000000 0-0\n";
const USED: &str = "hs  0000 006 002 00010001 000003 1-1\nss  0001 004 000 00000000 000000 0-0\n";

fn machine(status: &str) -> Fake {
    let fake = Fake::new();
    fake.file(&format!("{FOLDER}/attach"), "").file(&format!("{FOLDER}/detach"), "");
    fake.file(&format!("{FOLDER}/status"), &format!("{HEAD}{status}"));
    fake.file(
        &format!("{FOLDER}/status.1"),
        &format!("{HEAD}hs  0030 004 000 00000000 000000 0-0\nss  0045 004 000 00000000 000000 0-0\n"),
    );
    fake
}

fn plugged(fake: &Fake, configuration: &str) {
    for (name, text) in [
        ("idVendor", "163c\n"),
        ("idProduct", "0407\n"),
        ("product", "U-shield test token\n"),
        ("serial", "0A1B\n"),
        ("busnum", "1\n"),
        ("devnum", "2\n"),
        ("bConfigurationValue", configuration),
        ("1-1:1.0/bInterfaceClass", "0b\n"),
    ] {
        fake.file(&format!("/sys/bus/usb/devices/1-1/{name}"), text);
    }
}

#[test]
fn ports_of_all_controllers_in_order() {
    let fake = machine(USED);
    let system = fake.system();
    let ports = Vhci::find(&system).unwrap().ports().unwrap();
    assert_eq!(ports.iter().map(|port| port.number).collect::<Vec<_>>(), [0, 1, 30, 45]);
    assert_eq!((ports[0].state, ports[0].bus_id.as_deref()), (State::Used, Some("1-1")));
    assert_eq!((ports[1].hub, ports[1].state, &ports[1].bus_id), (Some(Hub::SuperSpeed), State::Free, &None));
}

#[test]
fn the_columns_of_an_older_kernel() {
    let text = "prt sta spd dev      sockfd local_busid\n000 004 000 00000000 000000 0-0\n001 007 000 00000000 000000 0-0\n";
    let ports = port::parse(text).unwrap();
    assert_eq!((ports[0].hub, ports[0].number, ports[1].state), (None, 0, State::Error));
    assert!(ports[0].takes(Hub::SuperSpeed) && ports[0].takes(Hub::HighSpeed));
    for wrong in
        ["hub port spd\n", "hub port sta local_busid\nxs 0 4 0-0\n", "hub port sta local_busid\nhs 0 9 0-0\n"]
    {
        assert!(port::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_stream_goes_to_the_first_free_port_of_its_hub() {
    for (status, speed, number) in [(FREE, 2, 0), (USED, 2, 30), (USED, 3, 30), (FREE, 5, 1)] {
        let fake = machine(status);
        let system = fake.system();
        let stream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(Vhci::find(&system).unwrap().attach(&stream, 0x1_0001, speed).unwrap(), number);
        let line = format!("{number} {} 65537 {speed}", stream.as_raw_fd());
        assert_eq!(fake.read(&format!("{FOLDER}/attach")).unwrap(), line);
    }
}

#[test]
fn a_full_hub_says_so() {
    let fake = machine(USED);
    fake.file(&format!("{FOLDER}/status.1"), "");
    let system = fake.system();
    let stream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = Vhci::find(&system).unwrap().attach(&stream, 1, 2).unwrap_err().to_string();
    assert!(text.contains("high-speed ports") && text.contains("ushield detach PORT"), "{text}");
}

#[test]
fn enumerated_is_when_a_configuration_is_set() {
    let fake = machine(USED);
    plugged(&fake, "1\n");
    let system = fake.system();
    let device = Vhci::find(&system).unwrap().enumerated(0, Duration::from_secs(1)).unwrap();
    assert_eq!((device.usb.as_str(), device.product.as_str()), ("163c:0407", "U-shield test token"));
    assert_eq!((device.reader, device.node, device.serial.as_str()), (true, (1, 2), "0A1B"));
}

#[test]
fn what_a_device_calls_itself_does_nothing_to_a_terminal() {
    let fake = machine(USED);
    plugged(&fake, "1\n");
    fake.file("/sys/bus/usb/devices/1-1/product", "\u{1b}[2Jtoken\u{9b}\n");
    assert_eq!(UsbDevice::read(&fake.system(), "1-1").unwrap().product, "?[2Jtoken?");
}

#[test]
fn what_never_enumerates_is_taken_back_and_the_reason_is_named() {
    for (authorized, says) in [("1\n", "within 0 s"), ("0\n", "USBGuard")] {
        let fake = machine(USED);
        plugged(&fake, "\n");
        fake.file("/sys/bus/usb/devices/1-1/authorized", authorized);
        let system = fake.system();
        let text =
            Vhci::find(&system).unwrap().enumerated(0, Duration::from_millis(60)).unwrap_err().to_string();
        assert!(text.contains(says), "{text}");
        assert_eq!(fake.read(&format!("{FOLDER}/detach")).unwrap(), "0");
    }
    // The kernel gave up by itself.
    let fake = machine(FREE);
    let system = fake.system();
    let text = Vhci::find(&system).unwrap().enumerated(0, Duration::from_secs(5)).unwrap_err().to_string();
    assert!(text.contains("let it go"), "{text}");
}

#[test]
fn where_a_port_comes_from_is_kept_as_the_stock_tool_keeps_it() {
    let fake = machine(FREE);
    let system = fake.system();
    let origin = Origin::new("[::1]:9", "1-2");
    origin.keep(&system, 7).unwrap();
    assert_eq!(fake.read("/var/run/vhci_hcd/port7").unwrap(), "::1 9 1-2\n");
    assert_eq!(Origin::of(&system, 7), Some(origin));
    Vhci::find(&system).unwrap().detach(0).unwrap();
    assert!(fake.read("/var/run/vhci_hcd/port7").is_some());
    Origin::forget(&system, 7);
    assert!(!system.has("/var/run/vhci_hcd"));
    for (address, host, port) in
        [("a.example", "a.example", 3240), ("10.0.2.2:99", "10.0.2.2", 99), ("fe80::1", "fe80::1", 3240)]
    {
        let Origin { host: found, port: at, .. } = Origin::new(address, "1-1");
        assert_eq!((found.as_str(), at), (host, port), "{address}");
    }
}

#[test]
fn why_there_is_no_controller() {
    let kernel = |fake: &Fake, modules: &str| {
        fake.file("/proc/sys/kernel/osrelease", "6.1.0\n");
        if !modules.is_empty() {
            fake.file("/lib/modules/6.1.0/modules.dep", modules);
        }
    };
    let with = "kernel/drivers/usb/usbip/vhci-hcd.ko: kernel/drivers/usb/usbip/usbip-core.ko\n";
    // The Bluetooth module of a like name is another.
    let without = "kernel/drivers/bluetooth/hci_vhci.ko:\n";
    for (modules, says) in
        [("", "no modules"), (with, "modprobe vhci-hcd"), (without, "not a -cloud- kernel")]
    {
        let fake = Fake::new();
        kernel(&fake, modules);
        fake.file("/etc/os-release", "ID=debian\n");
        let text = Vhci::find(&fake.system()).err().unwrap().failure().to_string();
        assert!(text.contains(says), "{text}");
    }
    // The module is loaded where it can be, and modprobe's word is passed on where not.
    let fake = Fake::new();
    kernel(&fake, with);
    fake.answers("modprobe vhci-hcd", 1, "modprobe: FATAL: Operation not permitted\n");
    let text = Vhci::load(&fake.system()).err().unwrap().to_string();
    assert!(text.contains("Operation not permitted") && text.contains("sudo modprobe vhci-hcd"), "{text}");
    assert_eq!(fake.ran(), ["modprobe vhci-hcd"]);
}

#[test]
fn only_root() {
    let system = Fake::new().run_by(1000).system();
    let text = check_root(&system, "ushield attach h").unwrap_err().to_string();
    assert!(text.contains("sudo ushield attach h"), "{text}");
}
