//! The reader with a card whose answers are fixed, so that each CCID message is seen by itself.

mod waiting;

use std::{collections::VecDeque, vec, vec::Vec};

use hex_literal::hex;
use wire::{
    apdu::StatusWord,
    ccid::{level, slot_error, to_reader},
    payment::PaymentOrder,
};

use super::*;
use crate::{
    consent::Prompt,
    crypto::Stretch,
    fixture,
    profile::Profile,
    seams::{Button, Declined, Millis, Screen},
};

/// The instructions of the card below.
const ECHO: u8 = 1;
const LONG: u8 = 2;
const ASK: u8 = 3;
const WORK: u8 = 4;

/// A card whose INS says whether it answers, asks or works. The card records what was done to it.
#[derive(Default)]
struct Fake {
    on: bool,
    resets: usize,
    received: Vec<u8>,
    events: Vec<&'static str>,
}

impl Card for Fake {
    fn power_on(&mut self) -> Vec<u8> {
        self.on = true;
        self.resets += 1;
        vec![0x3B, 0x80, 0x01, 0x81]
    }

    fn power_off(&mut self) {
        self.on = false;
    }

    fn transmit(&mut self, apdu: &[u8]) -> Step {
        assert!(self.on, "a card without power was talked to");
        self.received = apdu.to_vec();
        match apdu {
            [_, ECHO, ..] => Step::Done(Answer::data(apdu.to_vec())),
            [_, LONG, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                Step::Done(Answer::data((0..length).map(|at| at as u8).collect()))
            }
            [_, ASK, ..] => Step::Ask(prompt()),
            [_, WORK, ..] => Step::Work(work()),
            _ => StatusWord::WRONG_LENGTH.into(),
        }
    }

    fn resume(&mut self, event: CardEvent) -> Step {
        let name = match event {
            CardEvent::Confirmed(_) => "confirmed",
            CardEvent::Finished(_) => "finished",
            CardEvent::Declined(Declined::Aborted) => "aborted",
            CardEvent::Declined(Declined::TimedOut) => "timed out",
            CardEvent::Declined(Declined::Cancelled) => "cancelled",
        };
        self.events.push(name);
        Step::Done(Answer::data(name.as_bytes().to_vec()))
    }
}

fn work() -> Job {
    let inputs = vec![(vec![1].into(), [2; 16])];
    Job::Stretch(Stretch { inputs, secret: [3; 32].into(), cost: Some((8, 1)) })
}

/// A payment that takes more than one page.
fn prompt() -> Prompt {
    let order = PaymentOrder { number: "1".into(), ..fixture::order() };
    Prompt::payment(order.bytes().unwrap(), &Profile::standard()).unwrap()
}

#[derive(Default)]
struct Panels {
    shown: Option<Screen>,
    pressed: VecDeque<Button>,
    polls: usize,
}

impl Panel for Panels {
    fn show(&mut self, screen: Option<&Screen>) {
        self.shown = screen.cloned();
    }

    fn pressed(&mut self) -> Option<Button> {
        self.polls += 1;
        self.pressed.pop_front()
    }
}

type Tested = Reader<Fake, Panels>;

fn reader() -> Tested {
    let mut reader = Reader::new(Fake::default(), Panels::default(), 60_000);
    reader.reset(true);
    reader
}

/// A reader whose card has power. The next free sequence number is 1.
fn powered() -> Tested {
    let mut reader = reader();
    reader.bulk_out(&hex!("62 00000000 00 00 010000")).unwrap();
    assert_eq!(reader.bulk_in(999).unwrap(), hex!("80 04000000 00 00 00 00 00 3B800181"));
    reader
}

/// The next message, with all of its packets.
fn next(reader: &mut Tested) -> Vec<u8> {
    reader.bulk_in(usize::MAX).expect("a message waits")
}

/// Sends a message and reads its answer, which must be the only one.
fn ask(reader: &mut Tested, message: &[u8]) -> Vec<u8> {
    reader.bulk_out(message).unwrap();
    let answer = next(reader);
    assert_eq!(reader.bulk_in(999), None, "one answer to one message");
    answer
}

fn xfr(sequence: u8, level: u16, data: &[u8]) -> Vec<u8> {
    let [low, high] = level.to_le_bytes();
    let mut out = Vec::new();
    let specific = [0, low, high];
    ToReader { kind: to_reader::XFR_BLOCK, slot: 0, sequence, specific, data }.encode(&mut out);
    out
}

fn abort(sequence: u8) -> Setup {
    Setup { request_type: 0x21, request: 1, value: u16::from(sequence) << 8, index: 0, length: 0 }
}

/// One row for each message and each way to get it wrong: whether the card is on, the message, the whole answer.
#[rustfmt::skip]
const ROWS: &[(&str, bool, &[u8], &[u8])] = &[
    ("IccPowerOn", false, &hex!("62 00000000 00 05 000000"), &hex!("80 04000000 00 05 00 00 00 3B800181")),
    ("IccPowerOn, 5 V", false, &hex!("62 00000000 00 05 010000"), &hex!("80 04000000 00 05 00 00 00 3B800181")),
    ("IccPowerOn, 1.8 V", false, &hex!("62 00000000 00 05 030000"), &hex!("80 04000000 00 05 00 00 00 3B800181")),
    ("IccPowerOn again: warm reset", true, &hex!("62 00000000 00 05 000000"), &hex!("80 04000000 00 05 00 00 00 3B800181")),
    ("IccPowerOn, bPowerSelect 4", false, &hex!("62 00000000 00 05 040000"), &hex!("80 00000000 00 05 41 07 00")),
    ("IccPowerOn with data", false, &hex!("62 01000000 00 05 000000 00"), &hex!("80 00000000 00 05 41 01 00")),
    ("IccPowerOff", true, &hex!("63 00000000 00 06 000000"), &hex!("81 00000000 00 06 01 00 01")),
    ("IccPowerOff when off", false, &hex!("63 00000000 00 06 000000"), &hex!("81 00000000 00 06 01 00 01")),
    ("IccPowerOff with data", true, &hex!("63 01000000 00 06 000000 00"), &hex!("81 00000000 00 06 40 01 00")),
    ("GetSlotStatus, on", true, &hex!("65 00000000 00 07 000000"), &hex!("81 00000000 00 07 00 00 00")),
    ("GetSlotStatus, off", false, &hex!("65 00000000 00 07 000000"), &hex!("81 00000000 00 07 01 00 01")),
    ("GetSlotStatus with data", true, &hex!("65 01000000 00 07 000000 00"), &hex!("81 00000000 00 07 40 01 00")),
    ("XfrBlock", true, &hex!("6F 05000000 00 08 000000 0001020304"), &hex!("80 07000000 00 08 00 00 00 0001020304 9000")),
    ("XfrBlock when off", false, &hex!("6F 05000000 00 08 000000 0001020304"), &hex!("80 00000000 00 08 41 FE 00")),
    ("XfrBlock, no such level", true, &hex!("6F 05000000 00 08 000400 0001020304"), &hex!("80 00000000 00 08 40 08 00")),
    ("XfrBlock, the end of nothing", true, &hex!("6F 05000000 00 08 000200 0001020304"), &hex!("80 00000000 00 08 40 08 00")),
    ("XfrBlock, the middle of nothing", true, &hex!("6F 05000000 00 08 000300 0001020304"), &hex!("80 00000000 00 08 40 08 00")),
    ("XfrBlock, more of no answer", true, &hex!("6F 00000000 00 08 001000"), &hex!("80 00000000 00 08 40 08 00")),
    ("XfrBlock, empty: the card says", true, &hex!("6F 00000000 00 08 000000"), &hex!("80 02000000 00 08 00 00 00 6700")),
    ("GetParameters", true, &hex!("6C 00000000 00 09 000000"), &hex!("82 07000000 00 09 00 00 01 1110004D00FE00")),
    ("GetParameters when off", false, &hex!("6C 00000000 00 09 000000"), &hex!("82 00000000 00 09 41 FE 01")),
    ("GetParameters with data", true, &hex!("6C 01000000 00 09 000000 00"), &hex!("82 00000000 00 09 40 01 01")),
    ("ResetParameters", true, &hex!("6D 00000000 00 09 000000"), &hex!("82 07000000 00 09 00 00 01 1110004D00FE00")),
    ("ResetParameters when off", false, &hex!("6D 00000000 00 09 000000"), &hex!("82 00000000 00 09 41 FE 01")),
    ("SetParameters, T=1", true, &hex!("61 07000000 00 0A 010000 1311FF4503FD00"), &hex!("82 07000000 00 0A 00 00 01 1311FF4503FD00")),
    ("SetParameters when off", false, &hex!("61 07000000 00 0A 010000 1110004D00FE00"), &hex!("82 00000000 00 0A 41 FE 01")),
    ("SetParameters, T=0: not offered", true, &hex!("61 05000000 00 0A 000000 1100000A00"), &hex!("82 00000000 00 0A 40 07 01")),
    ("SetParameters, wrong length", true, &hex!("61 05000000 00 0A 010000 1100000A00"), &hex!("82 00000000 00 0A 40 01 01")),
    ("SetParameters, IFSC 255", true, &hex!("61 07000000 00 0A 010000 1110004D00FF00"), &hex!("82 00000000 00 0A 40 0F 01")),
    ("Escape: none known", true, &hex!("6B 01000000 00 0B 000000 00"), &hex!("83 00000000 00 0B 40 00 00")),
    ("Escape when off", false, &hex!("6B 00000000 00 0B 000000"), &hex!("83 00000000 00 0B 41 00 00")),
    ("IccClock: no clock to stop", true, &hex!("6E 00000000 00 0C 010000"), &hex!("81 00000000 00 0C 40 00 00")),
    ("T0APDU: no T=0", true, &hex!("6A 00000000 00 0D 000000"), &hex!("81 00000000 00 0D 40 00 00")),
    ("Secure: no PIN pad", true, &hex!("69 02000000 00 0E 000000 0000"), &hex!("80 00000000 00 0E 40 00 00")),
    ("Mechanical: nothing moves", true, &hex!("71 00000000 00 0F 010000"), &hex!("81 00000000 00 0F 40 00 00")),
    ("SetDataRateAndClock: the reader's own", true, &hex!("73 08000000 00 10 000000 A00F0000 002A0000"), &hex!("84 00000000 00 10 40 00 00")),
    ("Abort with data", true, &hex!("72 01000000 00 10 000000 00"), &hex!("81 00000000 00 10 40 01 00")),
    ("not known", true, &hex!("70 00000000 00 11 000000"), &hex!("81 00000000 00 11 40 00 00")),
    ("not known, when off", false, &hex!("00 00000000 00 11 000000"), &hex!("81 00000000 00 11 41 00 01")),
    ("slot 1: none such", true, &hex!("65 00000000 01 12 000000"), &hex!("81 00000000 01 12 42 05 00")),
    ("slot 255, power", true, &hex!("62 00000000 FF 12 000000"), &hex!("80 00000000 FF 12 42 05 00")),
    ("slot 1, abort", true, &hex!("72 00000000 01 12 000000"), &hex!("81 00000000 01 12 42 05 00")),
    ("dwLength too large", true, &hex!("6F 06000000 00 13 000000 0001020304"), &hex!("80 00000000 00 13 40 01 00")),
    ("dwLength too small", true, &hex!("6F 04000000 00 13 000000 0001020304"), &hex!("80 00000000 00 13 40 01 00")),
    ("dwLength beyond every buffer", true, &hex!("6F FFFFFFFF 00 13 000000 0001020304"), &hex!("80 00000000 00 13 40 01 00")),
    ("dwLength and slot wrong", true, &hex!("6F FFFFFFFF 07 13 000000 0001020304"), &hex!("80 00000000 07 13 42 05 00")),
];

#[test]
fn each_message_has_its_answer() {
    for (name, on, message, answer) in ROWS {
        let mut reader = if *on { powered() } else { reader() };
        assert_eq!(ask(&mut reader, message), *answer, "{name}");
    }
}

#[test]
fn parameters_stay_until_reset() {
    let mut reader = powered();
    ask(&mut reader, &hex!("61 07000000 00 01 010000 1311FF4503FD00"));
    let kept = ask(&mut reader, &hex!("6C 00000000 00 02 000000"));
    assert_eq!(kept[10..], hex!("1311FF4503FD00"));
    for reset in [hex!("6D 00000000 00 03 000000"), hex!("62 00000000 00 03 000000")] {
        ask(&mut reader, &hex!("61 07000000 00 01 010000 1311FF4503FD00"));
        ask(&mut reader, &reset);
        let fresh = ask(&mut reader, &hex!("6C 00000000 00 04 000000"));
        assert_eq!(fresh[10..], hex!("1110004D00FE00"));
    }
}

#[test]
fn power_reaches_the_card() {
    let mut reader = powered();
    ask(&mut reader, &hex!("62 00000000 00 01 000000"));
    assert_eq!((reader.card.on, reader.card.resets), (true, 2));
    ask(&mut reader, &hex!("63 00000000 00 02 000000"));
    assert!(!reader.card.on);
}

/// CCID 1.1, 6.1.4: the command begins, continues and ends. An answer with no data asks for the next part each time.
#[test]
fn a_command_in_parts() {
    let mut reader = powered();
    let mut apdu = vec![0, ECHO, 0, 0];
    apdu.extend((0..7000).map(|at| at as u8));
    let parts: Vec<&[u8]> = apdu.chunks(3072).collect();
    assert_eq!(ask(&mut reader, &xfr(1, level::BEGINS, parts[0])), hex!("80 00000000 00 01 00 00 10"));
    // A question for the slot's status does not disturb the command.
    assert_eq!(ask(&mut reader, &hex!("65 00000000 00 02 000000")), hex!("81 00000000 00 02 00 00 00"));
    assert_eq!(ask(&mut reader, &xfr(3, level::CONTINUES, parts[1])), hex!("80 00000000 00 03 00 00 10"));
    let first = ask(&mut reader, &xfr(4, level::ENDS, parts[2]));
    assert_eq!(reader.card.received, apdu);
    assert_eq!((first.len(), &first[..10]), (3082, &hex!("80 000C0000 00 04 00 00 01")[..]));
    let second = ask(&mut reader, &xfr(5, level::GO_ON, &[]));
    assert_eq!(second[..10], hex!("80 000C0000 00 05 00 00 03"));
    let third = ask(&mut reader, &xfr(6, level::GO_ON, &[]));
    assert_eq!((third[9], third.len()), (2, 10 + 7004 + 2 - 2 * 3072));
    let mut response = apdu.clone();
    response.extend_from_slice(&[0x90, 0x00]);
    assert_eq!([&first[10..], &second[10..], &third[10..]].concat(), response);
    // No part of the answer is left to ask for.
    assert_eq!(ask(&mut reader, &xfr(7, level::GO_ON, &[]))[7..9], [0x40, 8]);
}

#[test]
fn an_answer_that_fills_a_message_is_not_chained() {
    let mut reader = powered();
    let exact = ask(&mut reader, &xfr(1, level::WHOLE, &[0, LONG, 0x0B, 0xFE])); // 3070 and SW1-SW2
    assert_eq!((exact.len(), exact[9]), (3082, 0));
    let over = ask(&mut reader, &xfr(2, level::WHOLE, &[0, LONG, 0x0B, 0xFF]));
    assert_eq!((over.len(), over[9]), (3082, 1));
    assert_eq!(ask(&mut reader, &xfr(3, level::GO_ON, &[])), hex!("80 01000000 00 03 00 00 02 00"));
}

#[test]
fn an_answer_that_is_not_fetched_gives_way() {
    let mut reader = powered();
    ask(&mut reader, &xfr(1, level::WHOLE, &[0, LONG, 0xFF, 0xFF]));
    assert_eq!(ask(&mut reader, &xfr(2, level::WHOLE, &[0, ECHO]))[10..], hex!("0001 9000"));
    assert_eq!(ask(&mut reader, &xfr(3, level::GO_ON, &[]))[8], slot_error::BAD_LEVEL);
}

#[test]
fn a_command_in_parts_has_an_end() {
    let mut reader = powered();
    ask(&mut reader, &xfr(1, level::BEGINS, &[7; 3072]));
    for _ in 0..20 {
        assert_eq!(ask(&mut reader, &xfr(2, level::CONTINUES, &[7; 3072]))[9], 0x10);
    }
    assert_eq!(ask(&mut reader, &xfr(3, level::CONTINUES, &[7; 3072]))[7..9], [0x40, slot_error::BAD_LENGTH]);
    assert_eq!(ask(&mut reader, &xfr(4, level::CONTINUES, &[7; 3072]))[8], slot_error::BAD_LEVEL);
}

#[test]
fn the_card_is_announced_once() {
    let mut reader = reader();
    assert_eq!(reader.interrupt_in(8), Some(hex!("50 03").to_vec()));
    assert_eq!(reader.interrupt_in(8), None);
    reader.reset(false);
    assert_eq!(reader.interrupt_in(8), None);
    reader.reset(true);
    assert_eq!(reader.interrupt_in(1), Some(vec![0x50]));
}

#[test]
fn class_requests() {
    let mut reader = reader();
    let get = |request, value, request_type| Setup { request_type, request, value, index: 0, length: 4 };
    assert_eq!(reader.class_request(get(2, 0, 0xA1)), Some(hex!("A00F0000").to_vec())); // 4000 kHz
    assert_eq!(reader.class_request(get(3, 0, 0xA1)), Some(hex!("002A0000").to_vec())); // 10,752 bit/s
    for wrong in
        [get(2, 1, 0xA1), get(2, 0, 0x21), get(3, 0, 0x21), get(1, 0, 0xA1), get(4, 0, 0xA1), get(0, 0, 0x21)]
    {
        assert_eq!(reader.class_request(wrong), None, "{wrong:?}");
    }
    assert_eq!(reader.class_request(Setup { value: 1, ..abort(1) }), None); // slot 1
    assert_eq!(reader.class_request(Setup { length: 1, ..abort(1) }), None);
}

// ---- A host that breaks the protocol

#[test]
fn a_host_that_never_reads_is_stopped() {
    let mut reader = powered();
    let status = hex!("65 00000000 00 01 000000");
    for _ in 0..8 {
        reader.bulk_out(&status).unwrap();
    }
    assert_eq!(reader.bulk_out(&status), Err(Unusable::Full));
    next(&mut reader);
    reader.bulk_out(&status).unwrap();
}

#[test]
fn idle_it_holds_nothing() {
    let mut reader = powered();
    let mut long = vec![0, ECHO, 0, 0];
    long.extend([9; 3000]);
    let message = xfr(1, level::WHOLE, &long);
    for packet in message.chunks(64) {
        reader.bulk_out(packet).unwrap();
    }
    while reader.bulk_in(64).is_some() {}
    assert!(matches!((&reader.slot, &reader.intake), (Slot::Ready, Intake::Empty)));
    assert!(reader.outbox.is_empty());
    assert!(size_of::<Tested>() - size_of::<Fake>() - size_of::<Panels>() < 512);
}
