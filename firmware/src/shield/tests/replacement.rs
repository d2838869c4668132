//! The holder sees the certificate that replaces a payment key and its certificate. Only that certificate is installed.

use wire::shield::{get, install};

use super::*;
use crate::{
    applet::{Answer, Event},
    consent::Pressed,
    profile::Profile,
    seams::{Button, Declined},
};

const INSTALL: [u8; 4] = [0x80, 0xDB, 0, 0];

/// Makes a pending payment key, and returns the outline of a certificate for that key.
fn pending(bench: &mut Bench) -> Vec<u8> {
    certificate(&bench.data([0x80, 0x46, 0, 0x50], &tlv::object(0x80, &[0x11])))
}

fn held(bench: &mut Bench) -> Vec<u8> {
    bench.data([0x80, 0xCA, get::CERTIFICATE, 0x50], &[])
}

fn step(bench: &mut Bench, data: &[u8]) -> Step {
    let mut apdu = Vec::new();
    let [class, instruction, p1, p2] = INSTALL;
    Command::new(class, instruction, p1, p2, data).encode(&mut apdu).unwrap();
    bench.shield.command(&mut bench.application, &Command::parse(&apdu).unwrap())
}

fn status(step: &Step) -> String {
    match step {
        Step::Done(Answer { status, .. }) => format!("{status}"),
        other => panic!("{other:?}"),
    }
}

fn enrolled(profile: Profile) -> (Bench, Vec<u8>) {
    let mut bench = Bench { shield: Shield::default(), application: application(profile, Some(PIN)) };
    bench.verify();
    let first = pending(&mut bench);
    assert_eq!(
        bench.word(INSTALL, &install(&[(Container::Payment, &first)])),
        "9000",
        "a first one asks nobody"
    );
    (bench, first)
}

#[test]
fn the_screen_shows_holder_and_number_and_ok_installs() {
    let (mut bench, first) = enrolled(profile());
    let second = pending(&mut bench);
    let data = install(&[(Container::Payment, &second)]);
    for declined in [Declined::Cancelled, Declined::TimedOut, Declined::Aborted] {
        let Step::Ask(prompt) = step(&mut bench, &data) else { panic!("nobody was asked") };
        let lines = prompt.screen().lines;
        assert_eq!(lines, ["更换付款证书(测试)", "▪姓名 CN", "x", "▪证书号 Cert No.", "07"]);
        let step = bench.shield.resume(&mut bench.application, Event::Declined(declined));
        assert_ne!(status(&step), "9000");
        assert_eq!(held(&mut bench), first, "{declined:?}");
    }
    // Another command ends the question on the screen.
    assert!(matches!(step(&mut bench, &data), Step::Ask(_)));
    assert_eq!(held(&mut bench), first);
    let Step::Ask(prompt) = step(&mut bench, &data) else { panic!("nobody was asked") };
    let Pressed::Confirmed(seen) = prompt.press(Button::Ok) else { panic!("one page") };
    let step = bench.shield.resume(&mut bench.application, Event::Confirmed(seen));
    assert_eq!(status(&step), "9000");
    assert_eq!(held(&mut bench), second);
}

/// Consent to one certificate installs no other certificate. Consent to none installs nothing.
#[test]
fn what_was_seen_is_what_is_installed() {
    let (mut bench, first) = enrolled(profile());
    let second = pending(&mut bench);
    let items = [(Container::Payment, &second[..])];
    let other = crate::consent::Prompt::replacement(first.clone(), &Profile::first_generation()).unwrap();
    assert_eq!(bench.application.install(&items, None), Err(Refusal::WrongUse));
    let other = other.by_pin().unwrap();
    assert_eq!(bench.application.install(&items, Some(&other)), Err(Refusal::WrongUse));
    let unseen = Consent::unseen(second.clone());
    assert_eq!(bench.application.install(&items, Some(&unseen)), Err(Refusal::WrongUse));
    assert_eq!(held(&mut bench), first);
    // A certificate for another slot is installed without a question.
    let key = bench.data([0x80, 0x46, 0, 0x9A], &tlv::object(0x80, &[0x11]));
    assert_eq!(bench.word(INSTALL, &install(&[(NINE_A, &certificate(&key))])), "9000");
}

/// The holder's name cannot be shown, or is no text. The serial number is zero or negative.
#[test]
fn what_cannot_be_shown_is_not_installed() {
    let (mut bench, first) = enrolled(profile());
    let second = pending(&mut bench);
    let at = second.windows(HOLDER.len()).position(|window| window == HOLDER).unwrap();
    let of = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = second.clone();
        change(&mut changed);
        install(&[(Container::Payment, &changed)])
    };
    let control = of(&|der| der[at + HOLDER.len() - 1] = 0x1B);
    assert_eq!(status(&step(&mut bench, &control)), "9D04");
    let no_text = of(&|der| der[at + HOLDER.len() - 3] = 0x04);
    assert_eq!(status(&step(&mut bench, &no_text)), "6A80");
    let number = second.windows(3).position(|window| window == [2, 1, 7]).unwrap() + 2;
    for none in [0, 0x80] {
        let data = of(&|der| der[number] = none);
        assert_eq!(status(&step(&mut bench, &data)), "6A80");
    }
    assert_eq!(held(&mut bench), first);
    bench.application.forget_verification();
    assert_eq!(status(&step(&mut bench, &of(&|_| ()))), "6982");
}

/// Without a screen the PIN is the consent. The PIN must be verified for this very command.
#[test]
fn without_a_screen_it_wants_its_own_pin() {
    let (mut bench, first) = enrolled(Profile { stretch: None, ..Profile::first_generation() });
    let second = pending(&mut bench);
    let data = install(&[(Container::Payment, &second)]);
    let _spent = bench.application.take_proof();
    assert_eq!(status(&step(&mut bench, &data)), "6982");
    assert_eq!(held(&mut bench), first);
    bench.verify();
    assert_eq!(status(&step(&mut bench, &data)), "9000");
    assert_eq!(held(&mut bench), second);
}
