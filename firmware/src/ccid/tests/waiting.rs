//! Commands that wait for the holder, for a computation, or for the other half of an abort.

use super::*;

const ASKS: [u8; 2] = [0, ASK];
const WORKS: [u8; 2] = [0, WORK];
const EXTENDS: [u8; 10] = hex!("80 00000000 00 01 80 01 00");

#[test]
fn a_person_may_think_and_the_host_is_told_once_a_second() {
    let mut reader = powered();
    reader.bulk_out(&xfr(1, level::WHOLE, &ASKS)).unwrap();
    assert_eq!(reader.panel.shown.as_ref().unwrap().page, 1);
    assert_eq!(reader.tick(Millis(5_000)), Some(Millis(5_020)));
    assert_eq!(reader.bulk_in(999), None);
    for second in 1..60 {
        reader.tick(Millis(5_000 + 1000 * second - 1));
        assert_eq!(reader.bulk_in(999), None);
        reader.tick(Millis(5_000 + 1000 * second));
        assert_eq!(next(&mut reader), EXTENDS);
    }
    assert_eq!(reader.tick(Millis(64_990)), Some(Millis(65_000)));
    assert_eq!(reader.tick(Millis(65_000)), None);
    assert_eq!(next(&mut reader)[10..], *b"timed out\x90\x00");
    assert_eq!((reader.panel.shown.is_none(), &reader.card.events[..]), (true, &["timed out"][..]));
}

#[test]
fn requests_for_time_do_not_pile_up() {
    let mut reader = powered();
    reader.bulk_out(&xfr(1, level::WHOLE, &WORKS)).unwrap();
    for second in 0..1000 {
        reader.tick(Millis(1000 * second));
    }
    assert_eq!(next(&mut reader), EXTENDS);
    assert_eq!(reader.bulk_in(999), None);
}

#[test]
fn buttons_turn_and_confirm() {
    let mut reader = powered();
    reader.bulk_out(&xfr(1, level::WHOLE, &ASKS)).unwrap();
    let pages = reader.panel.shown.as_ref().unwrap().pages;
    assert!(pages > 1);
    for page in 2..=pages {
        reader.panel.pressed.push_back(Button::Ok);
        reader.tick(Millis(1));
        assert_eq!(reader.panel.shown.as_ref().unwrap().page, page);
        assert_eq!(reader.bulk_in(999), None);
    }
    reader.panel.pressed.push_back(Button::Ok);
    assert_eq!(reader.tick(Millis(2)), None);
    assert_eq!(next(&mut reader), *b"\x80\x0b\x00\x00\x00\x00\x01\x00\x00\x00confirmed\x90\x00");
    assert!(reader.panel.shown.is_none());
}

#[test]
fn cancel() {
    let mut reader = powered();
    reader.bulk_out(&xfr(1, level::WHOLE, &ASKS)).unwrap();
    reader.panel.pressed.extend([Button::Ok, Button::Cancel]);
    reader.tick(Millis(1));
    assert_eq!(next(&mut reader)[10..], *b"cancelled\x90\x00");
    assert_eq!(reader.card.events, ["cancelled"]);
}

#[test]
fn buttons_are_looked_at_only_while_a_prompt_waits() {
    let mut reader = powered();
    reader.panel.pressed.push_back(Button::Ok);
    reader.tick(Millis(1));
    reader.bulk_out(&xfr(1, level::WHOLE, &WORKS)).unwrap();
    reader.tick(Millis(2));
    assert_eq!(reader.panel.polls, 0);
}

#[test]
fn a_job_is_handed_out_once_and_its_outcome_answers() {
    let mut reader = powered();
    assert!(reader.job().is_none());
    reader.bulk_out(&xfr(1, level::WHOLE, &WORKS)).unwrap();
    assert_eq!(reader.tick(Millis(7)), Some(Millis(1_007)));
    let Numbered(number, job) = reader.job().unwrap();
    assert!(reader.job().is_none());
    reader.finish(Numbered(number + 1, work().run())); // somebody else's
    assert!(reader.card.events.is_empty());
    reader.finish(Numbered(number, job.run()));
    assert_eq!(next(&mut reader)[10..], *b"finished\x90\x00");
    reader.finish(Numbered(number, work().run())); // once more
    assert_eq!(reader.card.events, ["finished"]);
}

/// CCID 1.1, table 6.2-2: the second command is told that the slot is busy. The first command goes on.
#[test]
fn a_second_command_is_told_that_the_slot_is_busy() {
    for first in [ASKS, WORKS] {
        let mut reader = powered();
        reader.bulk_out(&xfr(1, level::WHOLE, &first)).unwrap();
        for (second, answer) in [
            (xfr(2, level::WHOLE, &ASKS), 0x80),
            (hex!("65 00000000 00 02 000000").to_vec(), 0x81),
            (hex!("6C 00000000 00 02 000000").to_vec(), 0x82),
            (hex!("6B 00000000 00 02 000000").to_vec(), 0x83),
        ] {
            let busy = ask(&mut reader, &second);
            assert_eq!((busy[0], &busy[5..9]), (answer, &hex!("00 02 40 E0")[..]));
        }
        assert!(reader.card.events.is_empty());
    }
}

/// Power off and power on end a command that waits. The command fails, and a late outcome changes nothing.
#[test]
fn power_ends_what_waits() {
    for (first, shows) in [(ASKS, true), (WORKS, false)] {
        for (message, answer) in [
            (hex!("63 00000000 00 02 000000"), &hex!("81 00000000 00 02 01 00 01")[..]),
            (hex!("62 00000000 00 02 000000"), &hex!("80 04000000 00 02 00 00 00 3B800181")),
        ] {
            let mut reader = powered();
            reader.bulk_out(&xfr(1, level::WHOLE, &first)).unwrap();
            assert_eq!(reader.panel.shown.is_some(), shows);
            let job = reader.job();
            reader.bulk_out(&message).unwrap();
            assert_eq!(next(&mut reader), hex!("80 00000000 00 01 40 FF 00"));
            assert_eq!(next(&mut reader), answer);
            assert!(reader.panel.shown.is_none());
            assert_eq!(reader.card.events, ["aborted"]);
            if let Some(Numbered(number, job)) = job {
                reader.finish(Numbered(number, job.run()));
            }
            reader.panel.pressed.push_back(Button::Ok);
            assert_eq!(reader.tick(Millis(1)), None);
            assert_eq!((reader.card.events.len(), reader.bulk_in(999)), (1, None));
        }
    }
}

#[test]
fn configuration_ends_what_waits_and_says_nothing() {
    for first in [ASKS, WORKS] {
        let mut reader = powered();
        reader.bulk_out(&xfr(1, level::WHOLE, &first)).unwrap();
        reader.reset(true);
        assert_eq!(reader.bulk_in(999), None);
        assert_eq!((reader.card.on, &reader.card.events[..]), (false, &["aborted"][..]));
        assert!(reader.panel.shown.is_none());
        assert!(reader.job().is_none());
        assert_eq!(ask(&mut reader, &hex!("65 00000000 00 02 000000"))[7], 1);
    }
}

// ---- Abort (CCID 1.1, 5.3.1 and 6.1.13)

const ABORT_3: [u8; 10] = hex!("72 00000000 00 03 000000");
const ABORTED_3: [u8; 10] = hex!("81 00000000 00 03 00 00 00");

#[test]
fn abort_request_then_message() {
    for first in [ASKS, WORKS] {
        let mut reader = powered();
        reader.bulk_out(&xfr(1, level::WHOLE, &first)).unwrap();
        assert_eq!(reader.class_request(abort(3)), Some(Vec::new()));
        assert_eq!(next(&mut reader), hex!("80 00000000 00 01 40 FF 00"));
        assert_eq!((reader.panel.shown.is_none(), &reader.card.events[..]), (true, &["aborted"][..]));
        // Until the other half of the abort comes, every message fails. An abort with another bSeq fails, too.
        assert_eq!(ask(&mut reader, &xfr(2, level::WHOLE, &[0, ECHO]))[7..9], [0x40, 0xFF]);
        assert_eq!(ask(&mut reader, &hex!("72 00000000 00 04 000000")), hex!("81 00000000 00 04 40 FF 00"));
        assert_eq!(ask(&mut reader, &ABORT_3), ABORTED_3);
        assert_eq!(ask(&mut reader, &xfr(4, level::WHOLE, &[0, ECHO]))[10..], hex!("0001 9000"));
    }
}

#[test]
fn abort_message_then_request() {
    let mut reader = powered();
    reader.bulk_out(&xfr(1, level::WHOLE, &ASKS)).unwrap();
    reader.bulk_out(&ABORT_3).unwrap();
    assert_eq!(next(&mut reader), hex!("80 00000000 00 01 40 FF 00"));
    assert_eq!(reader.bulk_in(999), None); // the answer waits for the request
    assert_eq!(ask(&mut reader, &xfr(2, level::WHOLE, &[0, ECHO]))[7..9], [0x40, 0xFF]);
    assert_eq!(reader.class_request(abort(3)), Some(Vec::new()));
    assert_eq!(next(&mut reader), ABORTED_3);
    assert_eq!(ask(&mut reader, &xfr(4, level::WHOLE, &[0, ECHO]))[10..], hex!("0001 9000"));
}

#[test]
fn abort_with_another_number_begins_anew() {
    let mut reader = powered();
    reader.bulk_out(&ABORT_3).unwrap();
    reader.class_request(abort(9)).unwrap();
    assert_eq!(next(&mut reader), hex!("81 00000000 00 03 40 FF 00")); // nobody asked for 3
    assert_eq!(ask(&mut reader, &ABORT_3), hex!("81 00000000 00 03 40 FF 00"));
    assert_eq!(ask(&mut reader, &hex!("72 00000000 00 09 000000")), hex!("81 00000000 00 09 00 00 00"));
}

#[test]
fn abort_of_nothing_when_the_card_is_off() {
    let mut reader = reader();
    reader.class_request(abort(3)).unwrap();
    assert_eq!(ask(&mut reader, &ABORT_3), hex!("81 00000000 00 03 01 00 01"));
    assert!(reader.card.events.is_empty());
}

#[test]
fn abort_drops_a_command_in_parts() {
    let mut reader = powered();
    ask(&mut reader, &xfr(1, level::BEGINS, &[0, ECHO]));
    reader.class_request(abort(3)).unwrap();
    assert_eq!(ask(&mut reader, &ABORT_3), ABORTED_3);
    assert_eq!(ask(&mut reader, &xfr(4, level::ENDS, &[0]))[8], slot_error::BAD_LEVEL);
}
