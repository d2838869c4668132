//! Every command of every applet, through the trace of a host (`card::trace`) and through the capture of a device: both show the
//! same bytes of the command and of its answer, because both ask `wire::disclosure` and nothing else.

use card::trace::Trace;
use hex_literal::hex;
use std::fmt::Write as _;
use wire::{
    piv::{self, instruction as standard},
    shield::{self, instruction as own},
};

use super::*;

/// What a host may put behind well-formed data, or in its place.
const PIN: &[u8] = b"927461";
/// A PaymentOrder, as in `wire::payment`.
const ORDER: &[u8] = &hex!(
    "308199060a2b0601040181fd5914010c0d32303236303630312d303030310410000102030405060708090a0b0c0d0e0f0c10363232"
    "323032303030303030303030310c0ce4b88ae6b5b7e6b0b4e58aa10c133632323230323132333435363738393031323302022710"
    "1303434e59180f32303236303630313038303030305a180f32303236303630313038313030305a0c0a36e69c88e6b0b4e8b4b9"
);
/// The signed part of a certification request, as in `wire::pkix`.
const REQUEST: &[u8] = &hex!(
    "3081cc020100306a310b300906035504061302434e311b3019060355040a0c12552d736869656c6420546573742042616e6b"
    "310f300d06035504030c06e5bca0e4b88931193017060355040513103632323230323030303030303030303131123010060a"
    "0992268993f22c6401010c0275313059301306072a8648ce3d020106082a8648ce3d03010703420004f5c674449ce0de59bf"
    "8029edd0b05212ea771eddda820b56f51aa7eb326f79a6d8aca0dc86b5a1ba57b00fe96634b319c8a14898f126cf69a72429"
    "9a5e51fe75a000"
);

/// Data in the form that the command's standard gives it. Most commands that are open have none.
fn form(class: u8, instruction: u8) -> Vec<u8> {
    match (class & 0x80, instruction) {
        (0, standard::SELECT) => piv::AID.to_vec(),
        (0, standard::GET_DATA) => hex!("5C 03 5FC105").to_vec(),
        (0, standard::PUT_DATA) => hex!("5C 03 5FC105 53 04 70020102").to_vec(),
        (0, standard::GENERATE_ASYMMETRIC_KEY_PAIR) => hex!("AC 03 800111").to_vec(),
        (shield::CLASS, own::GENERATE) => hex!("800111").to_vec(),
        (shield::CLASS, own::SIGN_PAYMENT) => ORDER.to_vec(),
        (shield::CLASS, own::SIGN_REQUEST) => REQUEST.to_vec(),
        _ => Vec::new(),
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

/// What a capture shows of a command, in the words of a trace.
fn captured_command(shown: &[u8], apdu: &[u8], data: &[u8]) -> String {
    let mut words = match &shown[..4] {
        // No P2 below is an asterisk.
        [class, instruction, _, BLANK] => format!("{}[blanked]", text(&[*class, *instruction])),
        header => text(header),
    };
    let field = &shown[apdu.len() - data.len()..];
    let open = field.iter().zip(data).take_while(|(shown, sent)| shown == sent).count();
    assert!(field[open..].iter().all(|byte| *byte == BLANK), "{shown:02X?}");
    if open > 0 {
        words += " ";
        words += &text(&data[..open]);
    }
    if open < data.len() {
        words += " [blanked]";
    }
    words
}

fn captured_answer(shown: &[u8]) -> String {
    let (data, status) = shown.split_at(shown.len() - 2);
    let data = if data.iter().all(|byte| *byte == BLANK) { "[blanked]".into() } else { text(data) };
    format!("{data} {}", text(status))
}

/// One command with its answer, through both; whether the answer was shown.
fn both(trace: &mut Trace, blank: &mut Blank, header: [u8; 4], data: &[u8]) -> bool {
    let mut apdu = header.to_vec();
    if !data.is_empty() {
        apdu.push(u8::try_from(data.len()).unwrap());
        apdu.extend(data);
    }
    let (shown, answer) = seen(blank, &apdu, ANSWER);
    assert_eq!(trace.command(&apdu), captured_command(&shown, &apdu, data), "{apdu:02X?}");
    assert_eq!(trace.answer(ANSWER), captured_answer(&answer), "the answer to {apdu:02X?}");
    answer == ANSWER
}

/// P2 to try beside a P1: nothing, a PIN's reference, a slot's, the current DF's. Most P1 open nothing, whatever P2 is.
const fn p2(p1: u8) -> &'static [u8] {
    if matches!(p1, 0..=4 | 0x3F | 0xFF) { &[0, 0x80, 0x9A, 0xFF] } else { &[0] }
}

#[test]
fn a_trace_and_a_capture_show_the_same() {
    let (mut commands, mut open) = (0, std::collections::BTreeSet::new());
    // All that the two applets know, then a part of a chain, secure messaging and a class of nobody's.
    for (class, most) in [(0, 0xFF), (shield::CLASS, 0xFF), (0x10, 3), (0x90, 3), (0x0C, 3), (0x40, 3)] {
        for instruction in 0..=0xFF {
            let good = form(class, instruction);
            let bad = [&good[..], PIN].concat();
            for p1 in 0..=most {
                for (p2, data) in p2(p1).iter().flat_map(|p2| [(*p2, &good), (*p2, &bad)]) {
                    let (mut trace, mut blank) = (Trace::default(), Blank::default());
                    if both(&mut trace, &mut blank, [class, instruction, p1, p2], data) {
                        open.insert((class, instruction));
                    }
                    // GET RESPONSE brings the rest of the same answer, if it is one.
                    if p1 < 2 {
                        both(&mut trace, &mut blank, [0, standard::GET_RESPONSE, 0, p1], &[]);
                    }
                    commands += 1;
                }
            }
        }
    }
    assert_eq!(commands, 256 * 2 * (2 * (256 + 3 * 7) + 4 * 4 * 4));
    let open: Vec<_> = open.into_iter().map(|(class, instruction)| text(&[class, instruction])).collect();
    // SELECT, GET DATA, GENERATE, and Yubico's four; the shield's own.
    let standard = ["0047", "00A4", "00CB", "00F7", "00F8", "00F9", "00FD"];
    let own = ["802A", "802B", "8046", "80CA", "80F2", "80F9"];
    assert_eq!(open, [&standard[..], &own].concat());
}
