//! The whole token over its bus: a recorded story, and hosts that send anything.

mod any_host;
mod sm2;

use std::{collections::VecDeque, env, format, fs, string::String, vec, vec::Vec};

use chacha20::ChaCha20Rng;
use hex_literal::hex;
use p256::ecdsa::{DerSignature, VerifyingKey, signature::Verifier as _};
use wire::{
    algorithm::Curve,
    apdu::{self, StatusWord},
    ccid::{ToHost, ToReader, level, to_host, to_reader},
    piv::{self, PublicKey},
    shield::{self, Container},
    tlv,
};

use super::*;
use crate::{
    fixture::{self, Flash, PUK, SECRET},
    seams::{Button, Screen},
};

/// A panel whose buttons are pressed in advance. The panel keeps every page that was shown.
#[derive(Default)]
struct Buttons {
    pressed: VecDeque<Button>,
    shown: Option<Screen>,
    pages: Vec<Screen>,
}

impl Panel for Buttons {
    fn show(&mut self, screen: Option<&Screen>) {
        self.shown = screen.cloned();
        self.pages.extend(screen.cloned());
    }

    fn pressed(&mut self) -> Option<Button> {
        self.pressed.pop_front()
    }
}

type Tested = Token<Flash, Buttons, ChaCha20Rng>;

fn factory_token() -> Tested {
    token_of(fixture::profile())
}

fn token_of(profile: Profile) -> Tested {
    let factory = Factory { pin: None, puk: PUK.to_vec().into(), label: String::new() };
    let (flash, panel) = (Flash::default(), Buttons::default());
    Token::manufacture(profile, &SECRET, flash, panel, fixture::rng(7), &factory).unwrap()
}

fn hexed(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A host that writes down every byte and every page of the screen.
struct Host {
    token: Tested,
    lines: String,
    sequence: u8,
    now: u64,
}

impl Host {
    fn new() -> Self {
        Self::with(factory_token())
    }

    fn with(mut token: Tested) -> Self {
        token.attach();
        Self { token, lines: String::new(), sequence: 0, now: 0 }
    }

    fn note(&mut self, what: &str, bytes: &[u8]) {
        self.lines.push_str(&format!("{what} {}\n", hexed(bytes)));
    }

    fn control(&mut self, setup: [u8; 8]) -> Vec<u8> {
        self.note("control >", &setup);
        let answer = self.token.control(Setup::parse(setup), &[]).unwrap();
        self.note("control <", &answer);
        answer
    }

    fn message(&mut self, kind: u8, specific: [u8; 3], data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ToReader { kind, slot: 0, sequence: self.sequence, specific, data }.encode(&mut out);
        self.sequence = self.sequence.wrapping_add(1);
        self.note("bulk    >", &out);
        self.token.bulk_out(1, &out).unwrap();
        self.answer()
    }

    /// Waits for an answer as a host does. Meanwhile jobs run, time goes by, and the screen is written down.
    fn answer(&mut self) -> Vec<u8> {
        loop {
            while let Some(job) = self.token.job() {
                self.token.finish(job.run());
            }
            if let Some(answer) = self.token.bulk_in(2, 4096).unwrap() {
                self.note("bulk    <", &answer);
                let parsed = ToHost::parse(&answer).unwrap();
                if !matches!(parsed.command, wire::ccid::CommandStatus::TimeExtension(_)) {
                    return parsed.data.to_vec();
                }
                continue;
            }
            self.now += 500;
            assert!(self.now < 1_000_000, "no answer comes");
            self.token.tick(Millis(self.now));
            for page in core::mem::take(&mut self.token.panel().pages) {
                for line in page.lines {
                    self.lines.push_str(&format!("screen {}/{}: {line}\n", page.page, page.pages));
                }
            }
        }
    }

    fn transmit(&mut self, command: apdu::Command<'_>) -> (Vec<u8>, StatusWord) {
        let mut bytes = Vec::new();
        command.encode(&mut bytes).unwrap();
        let mut answer = self.message(to_reader::XFR_BLOCK, [0; 3], &bytes);
        let status = answer.split_off(answer.len() - 2);
        (answer, StatusWord(u16::from_be_bytes([status[0], status[1]])))
    }

    fn ok(&mut self, command: apdu::Command<'_>) -> Vec<u8> {
        let (data, status) = self.transmit(command.expecting(65_536));
        assert_eq!(status, StatusWord::OK, "{command:02X?}");
        data
    }

    fn press(&mut self, buttons: &[Button]) {
        self.token.panel().pressed = buttons.iter().copied().collect();
    }

    fn verify(&mut self, pin: &[u8]) -> StatusWord {
        self.transmit(apdu::Command::new(0, shield::instruction::VERIFY, 0, 0x80, pin)).1
    }
}

fn shield_command(instruction: u8, p2: u8, data: &[u8]) -> apdu::Command<'_> {
    apdu::Command::new(shield::CLASS, instruction, 0, p2, data)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv::object(0x30, &parts.concat())
}

/// SubjectPublicKeyInfo of a point (RFC 5480, 2).
fn spki(curve: Curve, point: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&hex!("06072A8648CE3D0201"), curve.parameters()]);
    sequence(&[&algorithm, &tlv::object(0x03, &[&[0], point].concat())])
}

/// A CertificationRequestInfo (RFC 2986, 4.1) for 张三.
fn request(curve: Curve, point: &[u8]) -> Vec<u8> {
    let attribute = sequence(&[&hex!("0603550403"), &tlv::object(0x0C, "张三".as_bytes())]);
    let name = sequence(&[&tlv::object(0x31, &attribute)]);
    sequence(&[&hex!("020100"), &name, &spki(curve, point), &hex!("A000")])
}

/// The outline of a certificate, with all that the token looks at.
fn certificate(curve: Curve, point: &[u8]) -> Vec<u8> {
    let tbs = sequence(&[&hex!("A003020102020107 3000 3000 3000 3000"), &spki(curve, point)]);
    sequence(&[&tbs, &hex!("3000 03020001")])
}

fn order() -> Vec<u8> {
    fixture::order().bytes().unwrap()
}

const FACTORY_PIN: &[u8] = wire::pin::FACTORY_PIN.as_bytes();
const OKS: [Button; 9] = [Button::Ok; 9];
const PAYMENT: u8 = 0x50;

/// The story: from plugging in to a signed payment, and then a payment that is cancelled.
fn story(host: &mut Host) {
    for setup in [
        hex!("8006 0001 0000 1200"),
        hex!("8006 0002 0000 FF00"),
        hex!("8006 0003 0000 FF00"),
        hex!("8006 0203 0408 FF00"),
        hex!("8006 0303 0904 FF00"),
        hex!("0009 0100 0000 0000"),
        hex!("A102 0000 0000 0400"),
    ] {
        host.control(setup);
    }
    let event = host.token.interrupt_in(3, 8).unwrap().unwrap();
    host.note("event   <", &event);
    host.message(to_reader::ICC_POWER_ON, [0; 3], &[]);
    host.ok(apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &piv::AID));
    host.ok(apdu::Command::new(0, piv::instruction::GET_DATA, 0x3F, 0xFF, &hex!("5C017E")));
    host.ok(apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &shield::AID[..6]));
    host.ok(shield_command(shield::instruction::GET_INFORMATION, 0, &[]));
    let change = [tlv::object(0x80, FACTORY_PIN), tlv::object(0x81, fixture::PIN)].concat();
    host.ok(shield_command(shield::instruction::CHANGE_REFERENCE_DATA, 0x80, &change));
    assert_eq!(host.verify(b"000000"), StatusWord(0x63C5));
    let point = enrol(host, Curve::P256);
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    host.press(&OKS);
    let signature = host.ok(shield_command(shield::instruction::SIGN_PAYMENT, 0, &order()));
    assert!(is_signed(Curve::P256, &point, &order(), &signature));
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    host.press(&[Button::Ok, Button::Cancel]);
    let (_, status) = host.transmit(shield_command(shield::instruction::SIGN_PAYMENT, 0, &order()));
    assert_eq!(status, shield::status::CANCELLED);
    host.message(to_reader::ICC_POWER_OFF, [0; 3], &[]);
    host.token.unplug();
}

/// Whether a key of this curve signed the document. Of P-256 a crate judges; of SM2 the token's own code, and beside it OpenSSL
/// (`sm2::openssl_verifies_the_payment`).
fn is_signed(curve: Curve, point: &[u8], document: &[u8], signature: &[u8]) -> bool {
    match curve {
        Curve::P256 => {
            let key = VerifyingKey::from_sec1_bytes(point).unwrap();
            key.verify(document, &DerSignature::from_bytes(signature).unwrap()).is_ok()
        }
        Curve::Sm2 => sm2::is_signed(point, document, signature),
        Curve::P384 => panic!("no payment key"),
    }
}

/// Makes a payment key and installs its certificate. Returns the key's point.
fn enrol(host: &mut Host, curve: Curve) -> Vec<u8> {
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    let wish = tlv::object(0x80, &[piv::Algorithm::from(curve.algorithm()) as u8]);
    let template = host.ok(shield_command(shield::instruction::GENERATE, PAYMENT, &wish));
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(curve.algorithm(), &template) else {
        panic!("{template:02X?}")
    };
    host.press(&OKS);
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    let request = request(curve, point);
    let signature = host.ok(shield_command(shield::instruction::SIGN_REQUEST, PAYMENT, &request));
    assert!(is_signed(curve, point, &request, &signature));
    let install = shield::install(&[(Container::Payment, &certificate(curve, point))]);
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    host.ok(shield_command(shield::instruction::INSTALL_CERTIFICATES, 0, &install));
    host.token.panel().pressed.clear();
    point.to_vec()
}

/// Same seed and same input, same bytes out: the story's record is kept in `firmware/tests/transcript.txt`.
/// To write it anew: `WRITE_TRANSCRIPT=1 cargo test -p firmware transcript`.
#[test]
fn the_transcript_is_the_same_every_time() {
    let mut host = Host::new();
    story(&mut host);
    compare(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcript.txt"), &host.lines);
}

/// Compares with the record, or writes it.
fn compare(path: &str, lines: &str) {
    if env::var_os("WRITE_TRANSCRIPT").is_some() {
        fs::write(path, lines).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap();
    for (number, (kept, line)) in kept.lines().zip(lines.lines()).enumerate() {
        assert_eq!(kept, line, "line {}", number + 1);
    }
    assert_eq!(kept.len(), lines.len());
}

/// A token that is ready to be asked: it is configured, powered and enrolled, and its PIN is verified.
fn ready() -> Host {
    ready_of(factory_token())
}

fn ready_of(token: Tested) -> Host {
    let mut host = Host::with(token);
    host.control(hex!("0009 0100 0000 0000"));
    host.message(to_reader::ICC_POWER_ON, [0; 3], &[]);
    host.ok(apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &shield::AID));
    let change = [tlv::object(0x80, FACTORY_PIN), tlv::object(0x81, fixture::PIN)].concat();
    host.ok(shield_command(shield::instruction::CHANGE_REFERENCE_DATA, 0x80, &change));
    enrol(&mut host, Curve::P256);
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    host
}

/// Sends SIGN PAYMENT, and leaves the pages on the screen. Returns the message's bSeq.
fn show(host: &mut Host) -> u8 {
    let order = order();
    let mut bytes = Vec::new();
    shield_command(shield::instruction::SIGN_PAYMENT, 0, &order).expecting(256).encode(&mut bytes).unwrap();
    let mut out = Vec::new();
    let sequence = 0xA0;
    ToReader { kind: to_reader::XFR_BLOCK, slot: 0, sequence, specific: [0; 3], data: &bytes }
        .encode(&mut out);
    host.token.bulk_out(1, &out).unwrap();
    host.token.tick(Millis(host.now));
    assert!(host.token.panel().shown.is_some());
    sequence
}

/// Whatever ends the prompt, there is no signature, and the proof of the PIN is spent.
#[test]
fn what_ends_a_prompt() {
    type End = (&'static str, fn(&mut Host));
    let ends: [End; 6] = [
        ("power off", |host| drop(host.message(to_reader::ICC_POWER_OFF, [0; 3], &[]))),
        ("reset", |host| drop(host.message(to_reader::ICC_POWER_ON, [0; 3], &[]))),
        ("abort", |host| drop(host.control(hex!("2101 0007 0000 0000")))),
        ("configuration 1", |host| drop(host.control(hex!("0009 0100 0000 0000")))),
        ("configuration 0", |host| drop(host.control(hex!("0009 0000 0000 0000")))),
        ("unplug", |host| host.token.unplug()),
    ];
    for (name, end) in ends {
        let mut host = ready();
        show(&mut host);
        end(&mut host);
        assert!(host.token.panel().shown.is_none(), "{name} clears the screen");
        host.press(&OKS);
        assert_eq!(host.token.tick(Millis(host.now + 1)), None, "{name} ends the prompt");
        host.token.panel().pressed.clear();
        host.token.attach();
        host.control(hex!("0009 0100 0000 0000"));
        host.message(to_reader::ICC_POWER_ON, [0; 3], &[]);
        host.ok(apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &shield::AID));
        let (_, status) = host.transmit(shield_command(shield::instruction::SIGN_PAYMENT, 0, &order()));
        assert_eq!(status, StatusWord::SECURITY_NOT_SATISFIED, "{name}");
    }
}

/// The first VERIFY after plugging in stretches the PIN. Later ones compare with what RAM holds, also after a reset of
/// the card. Only cutting the power wipes that from RAM.
#[test]
fn unplugging_wipes_what_ram_knows_of_the_pin() {
    let stretches = |host: &mut Host| {
        let mut verify = Vec::new();
        let select = apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &shield::AID);
        host.message(to_reader::ICC_POWER_ON, [0; 3], &[]);
        host.ok(select);
        apdu::Command::new(0, shield::instruction::VERIFY, 0, 0x80, fixture::PIN)
            .encode(&mut verify)
            .unwrap();
        host.token.bulk_out(1, &xfr(0, level::WHOLE, &verify)).unwrap();
        let job = host.token.job();
        let stretched = job.is_some();
        job.into_iter().for_each(|job| host.token.finish(job.run()));
        assert!(host.answer().ends_with(&[0x90, 0x00]));
        stretched
    };
    // A token that lives in memory only stretches nothing, and gives nothing out.
    for cost in [Some((8, 1)), None] {
        let mut host = ready_of(token_of(Profile { stretch: cost, ..fixture::profile() }));
        assert!(!stretches(&mut host));
        host.token.unplug();
        host.token.attach();
        host.control(hex!("0009 0100 0000 0000"));
        assert_eq!(stretches(&mut host), cost.is_some());
        assert!(!stretches(&mut host));
    }
}

#[test]
fn nobody_presses_in_time() {
    let mut host = ready();
    let (_, status) = host.transmit(shield_command(shield::instruction::SIGN_PAYMENT, 0, &order()));
    assert_eq!(status, shield::status::TIMED_OUT);
    assert!(host.token.panel().shown.is_none());
    let extensions = host.lines.lines().filter(|line| line.ends_with("800100")).count();
    assert_eq!(extensions, 59);
}

/// A host sends a second order while the first is shown. The second is told that the slot is busy, and the order that
/// was shown is the one that is signed.
#[test]
fn two_orders_at_once() {
    let mut host = ready();
    let sequence = show(&mut host);
    host.token.bulk_out(1, &xfr(0x33, level::WHOLE, &hex!("802A0000 01 30 00"))).unwrap();
    assert_eq!(host.token.bulk_in(2, 999).unwrap().unwrap(), hex!("80 00000000 00 33 40 E0 00"));
    host.press(&OKS);
    host.token.tick(Millis(host.now + 1));
    let answer = host.token.bulk_in(2, 999).unwrap().unwrap();
    let answer = ToHost::parse(&answer).unwrap();
    assert_eq!((answer.kind, answer.sequence), (to_host::DATA_BLOCK, sequence));
    assert!(answer.data.ends_with(&[0x90, 0x00]));
}

#[test]
fn a_transfer_without_a_header_halts_the_endpoint_until_cleared() {
    let mut host = ready();
    assert_eq!(host.token.bulk_out(1, &[0x6F; 9]), Err(Stall));
    assert_eq!(host.token.bulk_out(1, &hex!("65 00000000 00 01 000000")), Err(Stall));
    assert_eq!(host.control(hex!("8200 0000 0100 0200")), [1, 0]);
    host.control(hex!("0201 0000 0100 0000"));
    host.message(to_reader::GET_SLOT_STATUS, [0; 3], &[]);
}

#[test]
fn clearing_a_halt_forgets_half_a_message() {
    let mut host = ready();
    let status = hex!("65 00000000 00 01 000000");
    // The host sends half a message, and then the endpoint is halted. The next transfer begins a message.
    let long = xfr(1, level::WHOLE, &[0; 100]);
    host.token.bulk_out(1, &long[..64]).unwrap();
    host.control(hex!("0203 0000 0100 0000"));
    host.control(hex!("0201 0000 0100 0000"));
    host.token.bulk_out(1, &status).unwrap();
    // The host reads half an answer, and then the endpoint is halted. The next read begins an answer.
    assert_eq!(host.token.bulk_in(2, 4).unwrap().unwrap().len(), 4);
    host.control(hex!("0203 0000 8200 0000"));
    assert_eq!(host.token.bulk_in(2, 99), Err(Stall));
    host.control(hex!("0201 0000 8200 0000"));
    assert_eq!(host.token.bulk_in(2, 99), Ok(None));
}

#[test]
fn endpoints_need_a_configuration_and_have_numbers() {
    let mut token = factory_token();
    assert_eq!(
        (token.bulk_out(1, &[]), token.bulk_in(2, 9), token.interrupt_in(3, 9)),
        (Err(Stall), Err(Stall), Err(Stall))
    );
    token.attach();
    assert_eq!(token.configuration_value(), 0);
    token.control(Setup::parse(hex!("0009 0100 0000 0000")), &[]).unwrap();
    assert_eq!(token.configuration_value(), 1);
    for number in [0, 2, 3, 4, 15, 0x81, 255] {
        assert_eq!(token.bulk_out(number, &[]), Err(Stall), "bulk OUT {number}");
    }
    for number in [0, 1, 3, 255] {
        assert_eq!(token.bulk_in(number, 9), Err(Stall), "bulk IN {number}");
    }
    assert_eq!(token.interrupt_in(2, 9), Err(Stall));
    assert_eq!([2, 3, 0x83, 0].map(|number| token.in_length(number)), [None, Some(2), None, None]);
    assert_eq!(token.interrupt_in(3, 9), Ok(Some(hex!("5003").to_vec())));
    assert_eq!(token.interrupt_in(3, 9), Ok(None));
}

fn xfr(sequence: u8, level: u16, data: &[u8]) -> Vec<u8> {
    let [low, high] = level.to_le_bytes();
    let mut out = Vec::new();
    let message = ToReader { kind: to_reader::XFR_BLOCK, slot: 0, sequence, specific: [0, low, high], data };
    message.encode(&mut out);
    out
}
