//! The interpreter over the real applets: which applet gets a command, and which classes the applets speak.

use std::{vec, vec::Vec};

use chacha20::ChaCha20Rng;
use hex_literal::hex;
use wire::apdu::Response;

use super::*;
use crate::{
    fixture::{self, Flash, PIN, SECRET},
    seams::{RecordName, Storage as _},
};

type Tested = Interpreter<Flash, ChaCha20Rng>;

fn card() -> Tested {
    let mut card = Interpreter::new(fixture::application(fixture::profile(), Some(PIN)));
    card.power_on();
    card
}

/// The whole answer: data and SW1-SW2. Jobs run at once.
fn transmit(card: &mut Tested, apdu: &[u8]) -> Vec<u8> {
    let mut step = card.transmit(apdu);
    loop {
        match step {
            Step::Done(Answer { mut data, status }) => {
                data.extend_from_slice(&status.bytes());
                return data;
            }
            Step::Work(job) => step = card.resume(Event::Finished(job.run())),
            Step::Ask(prompt) => panic!("asked {prompt:?}"),
        }
    }
}

fn status(card: &mut Tested, apdu: &[u8]) -> u16 {
    Response::parse(&transmit(card, apdu)).unwrap().status.0
}

fn select(aid: &[u8]) -> Vec<u8> {
    let mut apdu = Vec::new();
    Command::new(0x00, 0xA4, 0x04, 0x00, aid).expecting(256).encode(&mut apdu).unwrap();
    apdu
}

#[test]
fn select_by_full_and_by_truncated_name() {
    for length in [5, 9, 10, 11] {
        let mut card = card();
        let answer = transmit(&mut card, &select(&piv::AID[..length]));
        assert_eq!((answer[0], answer.ends_with(&[0x90, 0x00])), (0x61, true), "{length} bytes of PIV's AID");
        assert_eq!(card.selected, Selected::Piv);
    }
    for length in 6..=9 {
        let mut card = card();
        let answer = transmit(&mut card, &select(&shield::AID[..length]));
        assert!(answer.ends_with(&[0x90, 0x00]), "{length} bytes of the shield's AID");
        assert_eq!(card.selected, Selected::Shield);
    }
}

/// SP 800-73-4 part 2, 3.1.1: a SELECT that finds nothing keeps the current application and its security status.
#[test]
fn select_of_an_unknown_name_keeps_the_current_one() {
    let mut card = card();
    transmit(&mut card, &select(&piv::AID));
    assert_eq!(status(&mut card, &hex!("00200080 08 313335373930FFFF")), 0x9000);
    for unknown in [
        &hex!("A0000000030000")[..],
        &piv::AID[..4],
        &[],
        &shield::AID[..5],
        &hex!("A00000030800001000010000"),
    ] {
        assert_eq!(status(&mut card, &select(unknown)), 0x6A82, "{unknown:02X?}");
    }
    assert_eq!(card.selected, Selected::Piv);
    assert_eq!(status(&mut card, &hex!("00200080")), 0x9000);
}

#[test]
fn select_p1_and_p2() {
    let name = &select(&piv::AID)[4..];
    let ask = |card: &mut Tested, p1, p2| {
        let mut apdu = vec![0x00, 0xA4, p1, p2];
        apdu.extend_from_slice(name);
        transmit(card, &apdu)
    };
    let mut card = card();
    assert_eq!(ask(&mut card, 0x04, 0x0C), hex!("9000")); // no answer wanted
    assert!(ask(&mut card, 0x04, 0x01).len() > 2); // the last occurrence is the first
    assert_eq!(ask(&mut card, 0x04, 0x02), hex!("6A82")); // there is no next
    assert_eq!(ask(&mut card, 0x04, 0x0F), hex!("6A82")); // nor a previous
    for (p1, p2) in [(0x00, 0x00), (0x02, 0x0C), (0x08, 0x00), (0x04, 0x04), (0x04, 0x08), (0x04, 0x10)] {
        assert_eq!(ask(&mut card, p1, p2), hex!("6A86"), "{p1:02X} {p2:02X}");
    }
    assert_eq!(status(&mut card, &hex!("00A4000C 02 3F00")), 0x6A86);
}

#[test]
fn a_pin_does_not_follow_to_the_other_applet() {
    let mut card = card();
    transmit(&mut card, &select(&piv::AID));
    assert_eq!(status(&mut card, &hex!("00200080 08 313335373930FFFF")), 0x9000);
    transmit(&mut card, &select(&piv::AID)); // again: the status stays
    assert_eq!(status(&mut card, &hex!("00200080")), 0x9000);
    transmit(&mut card, &select(&shield::AID));
    assert_eq!(status(&mut card, &hex!("00200080")), 0x63C6);
    transmit(&mut card, &select(&piv::AID));
    assert_eq!(status(&mut card, &hex!("00200080")), 0x63C6);
}

#[test]
fn reset_and_power_forget_the_selection_and_the_pin() {
    for reset in [|card: &mut Tested| drop(card.power_on()), |card: &mut Tested| card.power_off()] {
        let mut card = card();
        transmit(&mut card, &select(&piv::AID));
        assert_eq!(status(&mut card, &hex!("00200080 08 313335373930FFFF")), 0x9000);
        assert!(card.application.verified());
        reset(&mut card);
        assert!(!card.application.verified());
        assert_eq!(status(&mut card, &hex!("00200080")), 0x6D00);
        transmit(&mut card, &select(&piv::AID));
        assert_eq!(status(&mut card, &hex!("00200080")), 0x63C6);
    }
}

/// ISO 7816-4, 5.4.1. Each class is tried with no applet selected, with PIV, and with the shield.
#[test]
fn classes() {
    let rows: [(u8, [u16; 3]); 16] = [
        (0x00, [0x6D00, 0x6D00, 0x6D00]),
        (0x80, [0x6E00, 0x6E00, 0x6D00]),
        (0x01, [0x6881; 3]), // logical channels 1 to 3
        (0x03, [0x6881; 3]),
        (0x83, [0x6881; 3]),
        (0x11, [0x6881; 3]), // also in a chain
        (0x04, [0x6882; 3]), // secure messaging
        (0x0C, [0x6882; 3]),
        (0x8C, [0x6882; 3]),
        (0x1C, [0x6882; 3]),
        (0x40, [0x6881; 3]), // channels from 4
        (0x60, [0x6881; 3]),
        (0x7F, [0x6881; 3]),
        (0x20, [0x6E00; 3]), // reserved
        (0xA0, [0x6E00; 3]),
        (0xFF, [0x6E00; 3]), // invalid
    ];
    for (class, expected) in rows {
        for (aid, expected) in [&[][..], &piv::AID, &shield::AID].into_iter().zip(expected) {
            let mut card = card();
            transmit(&mut card, &select(aid));
            assert_eq!(
                status(&mut card, &[class, 0x55, 0, 0]),
                expected,
                "class {class:02X} after {aid:02X?}"
            );
        }
    }
}

#[test]
fn what_is_no_apdu_has_a_wrong_length() {
    let mut card = card();
    for bytes in [&[][..], &[0x00], &hex!("00A404"), &hex!("00A4040005 01"), &hex!("00A4040000 00")] {
        assert_eq!(status(&mut card, bytes), 0x6700, "{bytes:02X?}");
    }
}

/// The card capability container is read with an extended Le, and is read in pieces. Then a template is sent in a
/// chain.
#[test]
fn long_and_short_ways_are_the_same() {
    let mut card = card();
    transmit(&mut card, &select(&piv::AID));
    let whole = transmit(&mut card, &hex!("00CB3FFF 000003 5C017E 0000"));
    assert!(whole.ends_with(&[0x90, 0x00]) && whole.len() > 10);
    assert_eq!(transmit(&mut card, &hex!("10CB3FFF 01 5C")), hex!("9000"));
    assert_eq!(transmit(&mut card, &hex!("00CB3FFF 02 017E 00")), whole);
    // Some stock tools leave Le out and want the whole answer. Others take eight bytes, and then the rest.
    assert_eq!(transmit(&mut card, &hex!("00CB3FFF 03 5C017E")), whole);
    let rest = whole.len() - 2;
    let first = transmit(&mut card, &hex!("00CB3FFF 03 5C017E 08"));
    assert_eq!(first[8..], [0x61, rest as u8 - 8]);
    let last = transmit(&mut card, &hex!("00C00000"));
    assert_eq!([&first[..8], &last].concat(), whole);
}

#[test]
fn an_unhealthy_token_says_so_and_does_nothing_else() {
    let mut flash = Flash::default();
    let healthy = fixture::application(fixture::profile(), Some(PIN));
    let mut healthy = Interpreter::new(healthy);
    for name in healthy.application.storage().names().unwrap() {
        flash.save(name, &healthy.application.storage().load(name).unwrap().unwrap()).unwrap();
    }
    flash.records.get_mut(&RecordName::Tries).unwrap()[0] ^= 1;
    let application = Application::open(fixture::profile(), &SECRET, flash, fixture::rng(2));
    assert!(!application.healthy());
    let mut card = Interpreter::new(application);
    card.power_on();
    for (aid, commands) in [
        (&piv::AID[..], [&hex!("00200080")[..], &hex!("00CB3FFF 03 5C017E 00"), &hex!("00870000 00")]),
        (&shield::AID[..], [&hex!("00200080")[..], &hex!("80CA0050 00"), &hex!("802A0000 01 30 00")]),
    ] {
        assert_eq!(status(&mut card, &select(aid)), 0x9000);
        for command in commands {
            assert_eq!(status(&mut card, command), 0x6F00, "{command:02X?}");
        }
    }
    let information = transmit(&mut card, &hex!("80F20000 00"));
    let (information, ok) = information.split_at(information.len() - 2);
    assert_eq!(ok, hex!("9000"));
    let information = shield::Information::parse(information).unwrap();
    assert!(!information.has(shield::Information::HEALTHY));
}

#[test]
fn an_outcome_that_nobody_waits_for_is_a_fault() {
    let mut card = card();
    transmit(&mut card, &select(&shield::AID));
    let Step::Done(answer) = card.resume(Event::Declined(crate::seams::Declined::Aborted)) else { panic!() };
    assert_eq!(answer.status, StatusWord::FAULT);
}
