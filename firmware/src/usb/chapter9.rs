//! The rows of `docs/usb-chapter9.md`: each is a test here, and the page has to say the same.
//! To write the page anew: `WRITE_CHAPTER9=1 cargo test -p firmware chapter9`.

use std::{env, format, fs, string::String, vec::Vec};

use hex_literal::hex;

use super::{
    About, Device, Halted, Reply, State,
    descriptor::{configuration, device},
    *,
};
use crate::profile::Profile;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/usb-chapter9.md");
/// The table begins behind this line of the page.
const MARK: &str = "|--:|---|---|---|---|---|\n";

/// What a request answers.
#[derive(Clone, Copy)]
enum Answer {
    Stall,
    /// These bytes; the state stays.
    Data(&'static [u8]),
    /// The descriptor of this name, whole or cut to so many bytes; the state stays.
    Named(&'static str, usize),
    /// The request is done and sends nothing; the device is in this state then.
    Done(Where),
    /// The class decides.
    Class,
}

/// A state, and which endpoint is halted in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Default,
    Addressed,
    Configured,
    Halted(u8),
}

use Answer::{Class, Data, Done, Named, Stall as Stalls};
use Where::{Addressed, Configured, Default, Halted as HaltedAt};

const ALL: usize = usize::MAX;
const NO: [Answer; 3] = [Stalls; 3];
const ZEROS: Answer = Data(&[0, 0]);

/// A request and its answers in the Default, Address and Configured states.
type Case = (&'static str, [u8; 8], &'static str, [Answer; 3]);

/// Behind a semicolon stands what is wrong.
#[rustfmt::skip]
const CASES: &[Case] = &[
    ("GET_STATUS device", hex!("8000 0000 0000 0200"), "9.4.5", [Stalls, ZEROS, ZEROS]),
    ("GET_STATUS device; wIndex 1", hex!("8000 0000 0100 0200"), "9.4.5", NO),
    ("GET_STATUS device; wValue 1", hex!("8000 0100 0000 0200"), "9.4.5", NO),
    ("GET_STATUS device; wLength 1", hex!("8000 0000 0000 0100"), "9.4.5", NO),
    ("GET_STATUS device; direction OUT", hex!("0000 0000 0000 0200"), "9.4.5", NO),
    ("GET_STATUS interface 0", hex!("8100 0000 0000 0200"), "9.4.5", [Stalls, Stalls, ZEROS]),
    ("GET_STATUS interface 1; none such", hex!("8100 0000 0100 0200"), "9.4.5", NO),
    ("GET_STATUS interface 0; high byte of wIndex", hex!("8100 0000 0001 0200"), "9.3.4", NO),
    ("GET_STATUS endpoint 00", hex!("8200 0000 0000 0200"), "9.4.5", [Stalls, ZEROS, ZEROS]),
    ("GET_STATUS endpoint 80", hex!("8200 0000 8000 0200"), "9.4.5", [Stalls, ZEROS, ZEROS]),
    ("GET_STATUS endpoint 01", hex!("8200 0000 0100 0200"), "9.4.5", [Stalls, Stalls, ZEROS]),
    ("GET_STATUS endpoint 82", hex!("8200 0000 8200 0200"), "9.4.5", [Stalls, Stalls, ZEROS]),
    ("GET_STATUS endpoint 83", hex!("8200 0000 8300 0200"), "9.4.5", [Stalls, Stalls, ZEROS]),
    ("GET_STATUS endpoint 81; none such", hex!("8200 0000 8100 0200"), "9.4.5", NO),
    ("GET_STATUS endpoint 04; none such", hex!("8200 0000 0400 0200"), "9.4.5", NO),
    ("GET_STATUS endpoint 82; high byte of wIndex", hex!("8200 0000 8201 0200"), "9.3.4", NO),
    ("GET_STATUS; recipient other", hex!("8300 0000 0000 0200"), "9.4.5", NO),
    ("CLEAR_FEATURE ENDPOINT_HALT 01", hex!("0201 0000 0100 0000"), "9.4.1", [Stalls, Stalls, Done(Configured)]),
    ("CLEAR_FEATURE ENDPOINT_HALT 82", hex!("0201 0000 8200 0000"), "9.4.1", [Stalls, Stalls, Done(Configured)]),
    ("CLEAR_FEATURE ENDPOINT_HALT 83", hex!("0201 0000 8300 0000"), "9.4.1", [Stalls, Stalls, Done(Configured)]),
    ("CLEAR_FEATURE ENDPOINT_HALT; endpoint zero has no such feature", hex!("0201 0000 0000 0000"), "9.4.5", NO),
    ("CLEAR_FEATURE ENDPOINT_HALT 81; none such", hex!("0201 0000 8100 0000"), "9.4.1", NO),
    ("CLEAR_FEATURE ENDPOINT_HALT 82; wLength 1", hex!("0201 0000 8200 0100"), "9.4.1", NO),
    ("CLEAR_FEATURE ENDPOINT_HALT 82; direction IN", hex!("8201 0000 8200 0000"), "9.4.1", NO),
    ("CLEAR_FEATURE endpoint 82; unknown feature", hex!("0201 0500 8200 0000"), "9.4.1", NO),
    ("CLEAR_FEATURE DEVICE_REMOTE_WAKEUP; not offered", hex!("0001 0100 0000 0000"), "9.4.1", NO),
    ("CLEAR_FEATURE interface 0; it has no feature", hex!("0101 0000 0000 0000"), "9.4.1", NO),
    ("SET_FEATURE ENDPOINT_HALT 01", hex!("0203 0000 0100 0000"), "9.4.9", [Stalls, Stalls, Done(HaltedAt(0x01))]),
    ("SET_FEATURE ENDPOINT_HALT 82", hex!("0203 0000 8200 0000"), "9.4.9", [Stalls, Stalls, Done(HaltedAt(0x82))]),
    ("SET_FEATURE ENDPOINT_HALT 83", hex!("0203 0000 8300 0000"), "9.4.9", [Stalls, Stalls, Done(HaltedAt(0x83))]),
    ("SET_FEATURE ENDPOINT_HALT; endpoint zero has no such feature", hex!("0203 0000 0000 0000"), "9.4.5", NO),
    ("SET_FEATURE ENDPOINT_HALT 81; none such", hex!("0203 0000 8100 0000"), "9.4.9", NO),
    ("SET_FEATURE ENDPOINT_HALT 82; wLength 1", hex!("0203 0000 8200 0100"), "9.4.9", NO),
    ("SET_FEATURE endpoint 82; unknown feature", hex!("0203 0500 8200 0000"), "9.4.9", NO),
    ("SET_FEATURE DEVICE_REMOTE_WAKEUP; not offered", hex!("0003 0100 0000 0000"), "9.4.9", NO),
    ("SET_FEATURE TEST_MODE; high speed only", hex!("0003 0200 0001 0000"), "9.4.9", NO),
    ("SET_FEATURE interface 0; it has no feature", hex!("0103 0000 0000 0000"), "9.4.9", NO),
    ("SET_ADDRESS 5", hex!("0005 0500 0000 0000"), "9.4.6", [Done(Addressed), Done(Addressed), Stalls]),
    ("SET_ADDRESS 127", hex!("0005 7F00 0000 0000"), "9.4.6", [Done(Addressed), Done(Addressed), Stalls]),
    ("SET_ADDRESS 0", hex!("0005 0000 0000 0000"), "9.4.6", [Done(Default), Done(Default), Stalls]),
    ("SET_ADDRESS 128; over 127", hex!("0005 8000 0000 0000"), "9.4.6", NO),
    ("SET_ADDRESS 5; wIndex 1", hex!("0005 0500 0100 0000"), "9.4.6", NO),
    ("SET_ADDRESS 5; wLength 1", hex!("0005 0500 0000 0100"), "9.4.6", NO),
    ("SET_ADDRESS 5; recipient interface", hex!("0105 0500 0000 0000"), "9.4.6", NO),
    ("GET_DESCRIPTOR device", hex!("8006 0001 0000 1200"), "9.4.3", [Named("device", ALL); 3]),
    ("GET_DESCRIPTOR device, 8 bytes", hex!("8006 0001 0000 0800"), "9.4.3", [Named("device", 8); 3]),
    ("GET_DESCRIPTOR device, 255 bytes", hex!("8006 0001 0000 FF00"), "9.4.3", [Named("device", ALL); 3]),
    ("GET_DESCRIPTOR device; index 1", hex!("8006 0101 0000 1200"), "9.4.3", NO),
    ("GET_DESCRIPTOR device; wIndex 0409", hex!("8006 0001 0904 1200"), "9.4.3", NO),
    ("GET_DESCRIPTOR device; direction OUT", hex!("0006 0001 0000 1200"), "9.4.3", NO),
    ("GET_DESCRIPTOR device; recipient interface", hex!("8106 0001 0000 1200"), "9.4.3", NO),
    ("GET_DESCRIPTOR configuration", hex!("8006 0002 0000 FF00"), "9.4.3", [Named("configuration", ALL); 3]),
    ("GET_DESCRIPTOR configuration, 9 bytes", hex!("8006 0002 0000 0900"), "9.4.3", [Named("configuration", 9); 3]),
    ("GET_DESCRIPTOR configuration; index 1", hex!("8006 0102 0000 FF00"), "9.4.3", NO),
    ("GET_DESCRIPTOR string 0", hex!("8006 0003 0000 FF00"), "9.6.7", [Data(&hex!("06030904 0408")); 3]),
    ("GET_DESCRIPTOR string 1, en-US", hex!("8006 0103 0904 FF00"), "9.6.7", [Named("iManufacturer en-US", ALL); 3]),
    ("GET_DESCRIPTOR string 1, zh-CN", hex!("8006 0103 0408 FF00"), "9.6.7", [Named("iManufacturer zh-CN", ALL); 3]),
    ("GET_DESCRIPTOR string 2, en-US", hex!("8006 0203 0904 FF00"), "9.6.7", [Named("iProduct en-US", ALL); 3]),
    ("GET_DESCRIPTOR string 2, zh-CN", hex!("8006 0203 0408 FF00"), "9.6.7", [Named("iProduct zh-CN", ALL); 3]),
    ("GET_DESCRIPTOR string 3, en-US", hex!("8006 0303 0904 FF00"), "9.6.7", [Named("iSerialNumber", ALL); 3]),
    ("GET_DESCRIPTOR string 3, zh-CN", hex!("8006 0303 0408 FF00"), "9.6.7", [Named("iSerialNumber", ALL); 3]),
    ("GET_DESCRIPTOR string 3, 2 bytes", hex!("8006 0303 0904 0200"), "9.6.7", [Named("iSerialNumber", 2); 3]),
    ("GET_DESCRIPTOR string 1; LANGID 0407", hex!("8006 0103 0704 FF00"), "9.6.7", NO),
    ("GET_DESCRIPTOR string 1; LANGID 0", hex!("8006 0103 0000 FF00"), "9.6.7", NO),
    ("GET_DESCRIPTOR string 4; none such", hex!("8006 0403 0904 FF00"), "9.6.7", NO),
    ("GET_DESCRIPTOR string EE; none such", hex!("8006 EE03 0000 1200"), "9.6.7", NO),
    ("GET_DESCRIPTOR device qualifier; full speed only", hex!("8006 0006 0000 0A00"), "9.6.2", NO),
    ("GET_DESCRIPTOR other speed; full speed only", hex!("8006 0007 0000 0900"), "9.6.4", NO),
    ("GET_DESCRIPTOR interface; not by itself", hex!("8006 0004 0000 0900"), "9.4.3", NO),
    ("GET_DESCRIPTOR endpoint; not by itself", hex!("8006 0005 0000 0700"), "9.4.3", NO),
    ("GET_DESCRIPTOR CCID class; not by itself", hex!("8006 0021 0000 3600"), "9.4.3", NO),
    ("GET_DESCRIPTOR BOS; USB 2.0 has none", hex!("8006 000F 0000 0500"), "9.4.3", NO),
    ("SET_DESCRIPTOR device; not offered", hex!("0007 0001 0000 1200"), "9.4.8", NO),
    ("SET_DESCRIPTOR string 1; not offered", hex!("0007 0103 0904 0400"), "9.4.8", NO),
    ("GET_CONFIGURATION", hex!("8008 0000 0000 0100"), "9.4.2", [Stalls, Data(&[0]), Data(&[1])]),
    ("GET_CONFIGURATION; wValue 1", hex!("8008 0100 0000 0100"), "9.4.2", NO),
    ("GET_CONFIGURATION; wIndex 1", hex!("8008 0000 0100 0100"), "9.4.2", NO),
    ("GET_CONFIGURATION; wLength 2", hex!("8008 0000 0000 0200"), "9.4.2", NO),
    ("SET_CONFIGURATION 1", hex!("0009 0100 0000 0000"), "9.4.7", [Stalls, Done(Configured), Done(Configured)]),
    ("SET_CONFIGURATION 0", hex!("0009 0000 0000 0000"), "9.4.7", [Stalls, Done(Addressed), Done(Addressed)]),
    ("SET_CONFIGURATION 2; none such", hex!("0009 0200 0000 0000"), "9.4.7", NO),
    ("SET_CONFIGURATION 1; high byte of wValue", hex!("0009 0101 0000 0000"), "9.4.7", NO),
    ("SET_CONFIGURATION 1; wIndex 1", hex!("0009 0100 0100 0000"), "9.4.7", NO),
    ("SET_CONFIGURATION 1; wLength 1", hex!("0009 0100 0000 0100"), "9.4.7", NO),
    ("SET_CONFIGURATION 1; direction IN", hex!("8009 0100 0000 0000"), "9.4.7", NO),
    ("GET_INTERFACE 0", hex!("810A 0000 0000 0100"), "9.4.4", [Stalls, Stalls, Data(&[0])]),
    ("GET_INTERFACE 1; none such", hex!("810A 0000 0100 0100"), "9.4.4", NO),
    ("GET_INTERFACE 0; wValue 1", hex!("810A 0100 0000 0100"), "9.4.4", NO),
    ("GET_INTERFACE 0; wLength 2", hex!("810A 0000 0000 0200"), "9.4.4", NO),
    ("GET_INTERFACE 0; recipient device", hex!("800A 0000 0000 0100"), "9.4.4", NO),
    ("SET_INTERFACE 0, alternate 0", hex!("010B 0000 0000 0000"), "9.4.10", [Stalls, Stalls, Done(Configured)]),
    ("SET_INTERFACE 0, alternate 1; none such", hex!("010B 0100 0000 0000"), "9.4.10", NO),
    ("SET_INTERFACE 1, alternate 0; none such", hex!("010B 0000 0100 0000"), "9.4.10", NO),
    ("SET_INTERFACE 0, alternate 0; wLength 1", hex!("010B 0000 0000 0100"), "9.4.10", NO),
    ("SYNCH_FRAME endpoint 82; not isochronous", hex!("820C 0000 8200 0200"), "9.4.11", NO),
    ("request 2; reserved", hex!("8002 0000 0000 0000"), "9.4", NO),
    ("request 4; reserved", hex!("0004 0000 0000 0000"), "9.4", NO),
    ("request 48 (USB 3 SET_SEL); not known", hex!("0030 0000 0000 0600"), "9.4", NO),
    ("type vendor; none known", hex!("C000 0000 0000 0200"), "9.3.1", NO),
    ("type reserved", hex!("E000 0000 0000 0200"), "9.3.1", NO),
    ("class request to interface 0", hex!("A102 0000 0000 0400"), "CCID 5.3", [Stalls, Stalls, Class]),
    ("class request to interface 1; none such", hex!("A102 0000 0100 0400"), "CCID 5.3", NO),
    ("class request; recipient device", hex!("A002 0000 0000 0400"), "CCID 5.3", NO),
];

/// What a halted bulk IN endpoint changes.
#[rustfmt::skip]
const HALTED: &[(&str, [u8; 8], &str, Answer)] = &[
    ("GET_STATUS endpoint 82", hex!("8200 0000 8200 0200"), "9.4.5", Data(&[1, 0])),
    ("GET_STATUS endpoint 01", hex!("8200 0000 0100 0200"), "9.4.5", ZEROS),
    ("GET_STATUS endpoint 83", hex!("8200 0000 8300 0200"), "9.4.5", ZEROS),
    ("SET_FEATURE ENDPOINT_HALT 82", hex!("0203 0000 8200 0000"), "9.4.9", Done(HaltedAt(0x82))),
    ("CLEAR_FEATURE ENDPOINT_HALT 82", hex!("0201 0000 8200 0000"), "9.4.5", Done(Configured)),
    ("CLEAR_FEATURE ENDPOINT_HALT 01", hex!("0201 0000 0100 0000"), "9.4.5", Done(HaltedAt(0x82))),
    ("SET_CONFIGURATION 1", hex!("0009 0100 0000 0000"), "9.4.5", Done(Configured)),
    ("SET_CONFIGURATION 0", hex!("0009 0000 0000 0000"), "9.4.7", Done(Addressed)),
    ("SET_INTERFACE 0, alternate 0", hex!("010B 0000 0000 0000"), "9.4.5", Done(Configured)),
    ("GET_DESCRIPTOR device", hex!("8006 0001 0000 1200"), "9.4.3", Named("device", ALL)),
];

struct Row {
    number: usize,
    before: Where,
    request: &'static str,
    setup: [u8; 8],
    clause: &'static str,
    answer: Answer,
}

fn rows() -> Vec<Row> {
    let plain = CASES.iter().flat_map(|(request, setup, clause, answers)| {
        [Default, Addressed, Configured]
            .into_iter()
            .zip(answers)
            .map(|(before, answer)| (before, *request, *setup, *clause, *answer))
    });
    let halted = HALTED
        .iter()
        .map(|(request, setup, clause, answer)| (HaltedAt(0x82), *request, *setup, *clause, *answer));
    (1..)
        .zip(plain.chain(halted))
        .map(|(number, (before, request, setup, clause, answer))| Row {
            number,
            before,
            request,
            setup,
            clause,
            answer,
        })
        .collect()
}

impl Where {
    fn name(self) -> String {
        match self {
            Default => "Default".into(),
            Addressed => "Address".into(),
            Configured => "Configured".into(),
            HaltedAt(endpoint) => format!("Configured, {endpoint:02X} halted"),
        }
    }

    fn of(device: &Device) -> Self {
        match device.state {
            State::Default => Default,
            State::Addressed { .. } => Addressed,
            State::Configured { halted, .. } if halted == Halted::default() => Configured,
            State::Configured { mut halted, .. } => {
                let at = [BULK_OUT, BULK_IN, INTERRUPT_IN].into_iter().filter(|at| *halted.of(*at).unwrap());
                let all: Vec<u8> = at.collect();
                assert_eq!(all.len(), 1, "one endpoint is halted");
                HaltedAt(all[0])
            }
        }
    }

    fn device(self, about: About<'_>) -> Device {
        let mut device = Device::new();
        let steps: &[[u8; 8]] =
            &[hex!("0005 0500 0000 0000"), hex!("0009 0100 0000 0000"), hex!("0203 0000 8200 0000")];
        let count = match self {
            Default => 0,
            Addressed => 1,
            Configured => 2,
            HaltedAt(_) => 3,
        };
        for setup in &steps[..count] {
            device.control(Setup::parse(*setup), about).unwrap();
        }
        device
    }
}

impl Row {
    fn line(&self) -> String {
        let hex: Vec<String> = self.setup.iter().map(|byte| format!("{byte:02X}")).collect();
        let answer = match self.answer {
            Stalls => "stall".into(),
            Data(bytes) => {
                format!("`{}`", bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
            }
            Named(name, ALL) => format!("{name} descriptor"),
            Named(name, length) => format!("{name} descriptor, its first {length} bytes"),
            Done(after) => format!("done; then {}", after.name()),
            Class => "as CCID says".into(),
        };
        let (number, before, request, clause) = (self.number, self.before.name(), self.request, self.clause);
        format!("| {number} | {before} | {request} | `{}` | {answer} | {clause} |\n", hex.join(" "))
    }

    fn check(&self) {
        let profile = Profile::standard();
        let about = About { profile: &profile, serial: "00C0FFEE" };
        let mut tested = self.before.device(about);
        assert!(Where::of(&tested) == self.before);
        let reply = tested.control(Setup::parse(self.setup), about);
        let line = self.line();
        let (expected, after) = match self.answer {
            Stalls => (Err(Stall), self.before),
            Data(bytes) => (Ok(Reply::Data(bytes.to_vec())), self.before),
            Named(name, length) => {
                let mut bytes = named(name, &profile);
                bytes.truncate(length);
                (Ok(Reply::Data(bytes)), self.before)
            }
            Class => (Ok(Reply::Class), self.before),
            Done(after) => (Ok(self.done(after)), after),
        };
        assert_eq!(reply, expected, "{line}");
        assert!(Where::of(&tested) == after, "{line}, but {}", Where::of(&tested).name());
    }

    /// What the floors above are told of a request that has no data.
    fn done(&self, after: Where) -> Reply {
        match (self.setup[1], after) {
            (request::SET_CONFIGURATION, Addressed) => Reply::Configured(false),
            (request::SET_CONFIGURATION, _) => Reply::Configured(true),
            (request::CLEAR_FEATURE, _) => Reply::Cleared(Some(self.setup[4])),
            (request::SET_INTERFACE, _) => Reply::Cleared(None),
            _ => Reply::Data(Vec::new()),
        }
    }
}

fn named(name: &str, profile: &Profile) -> Vec<u8> {
    let text = match name {
        "device" => return device(profile).bytes().to_vec(),
        "configuration" => return configuration(),
        "iManufacturer en-US" => "U-shield test tokens",
        "iManufacturer zh-CN" => "U盾测试",
        "iProduct en-US" => "U-shield test token",
        "iProduct zh-CN" => "U盾测试令牌",
        "iSerialNumber" => "00C0FFEE",
        _ => panic!("no descriptor {name}"),
    };
    wire::usb::string_descriptor(text)
}

#[test]
fn chapter9_every_row_answers_as_the_table_says() {
    let rows = rows();
    for row in &rows {
        row.check();
    }
    std::println!("{} rows of chapter 9", rows.len());
}

#[test]
fn chapter9_the_page_and_the_rows_agree() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (head, table) = page.split_once(MARK).expect("docs/usb-chapter9.md has its table");
    let expected: String = rows().iter().map(Row::line).collect();
    if env::var_os("WRITE_CHAPTER9").is_some() {
        fs::write(PAGE, format!("{head}{MARK}{expected}")).unwrap();
        return;
    }
    for (line, expected) in table.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}

/// What each endpoint does in each state, and when it is halted (USB 2.0, 9.4.5).
#[test]
fn chapter9_endpoints_stall_unless_configured_and_not_halted() {
    let profile = Profile::standard();
    let about = About { profile: &profile, serial: "00C0FFEE" };
    for endpoint in [BULK_OUT, BULK_IN, INTERRUPT_IN] {
        assert_eq!(Default.device(about).check(endpoint), Err(Stall));
        assert_eq!(Addressed.device(about).check(endpoint), Err(Stall));
        let mut device = Configured.device(about);
        assert_eq!(device.check(endpoint), Ok(()));
        device.halt(endpoint);
        assert_eq!(device.check(endpoint), Err(Stall));
    }
    let halted = HaltedAt(BULK_IN).device(about);
    assert_eq!(
        (halted.check(BULK_OUT), halted.check(BULK_IN), halted.check(INTERRUPT_IN)),
        (Ok(()), Err(Stall), Ok(()))
    );
    assert_eq!(Configured.device(about).check(0x81), Err(Stall));
}

#[test]
fn chapter9_attach_and_detach() {
    let profile = Profile::standard();
    let about = About { profile: &profile, serial: "00C0FFEE" };
    for before in [Default, Addressed, Configured, HaltedAt(0x82)] {
        let mut device = before.device(about);
        device.attach();
        assert!(Where::of(&device) == Addressed);
        device.detach();
        assert!(Where::of(&device) == Default);
    }
}
