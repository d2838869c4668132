//! Wrong PINs, the lock, and the counter.

use firmware::fixture::{Cut, Holder, SharedFlash as Flash};
use firmware::{profile::Profile, seams::Button};
use ushield_tests::{
    bench::{self, Bench, PIN, PUK},
    reader::Reader,
    scene::Scene,
    story::{No, Story},
};
use wire::{
    apdu::{Command, StatusWord},
    ccid::{ToReader, to_reader},
    shield::instruction,
};

super::over_each_road!(wrong_until_blocked, puk_runs_out, power_cut_costs_the_try, unplug_forgets_the_pin);

fn wrong_until_blocked(scene: Scene) {
    let mut token = Story::enrolled(scene);
    for left in (0..6).rev() {
        token.verify("000001").refuses(No::PinWrong { left });
    }
    token.verify("135790").refuses(No::PinBlocked);
    token.pay("上海水务", "100.00").press(Button::Ok).refuses(No::PinBlocked);
    token.replug();
    token.verify("135790").refuses(No::PinBlocked);
    token.unblock("00000000", "246802").refuses(No::PinWrong { left: 5 });
    token.unblock(std::str::from_utf8(PUK).unwrap(), "246802").succeeds();
    token.verify("135790").refuses(No::PinWrong { left: 5 });
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

fn puk_runs_out(scene: Scene) {
    let mut token = Story::new(scene);
    for left in (0..6).rev() {
        token.unblock("00000000", "246802").refuses(No::PinWrong { left });
    }
    token.unblock(std::str::from_utf8(PUK).unwrap(), "246802").refuses(No::PinBlocked);
    token.verify("135790").succeeds();
}

/// The try is paid before the compare, so that cutting the power then buys a thief nothing.
fn power_cut_costs_the_try(scene: Scene) {
    let mut token = Story::new(scene);
    token.flash().cut_at(0, Cut::After);
    token.verify("135790").refuses(No::Status(StatusWord::MEMORY_FAILURE));
    token.flash().mend();
    token.replug();
    assert_eq!(token.information().tries[0], 5);
    token.verify("135790").succeeds();
    assert_eq!(token.information().tries[0], 6);
}

/// The power goes between the paid try and the compare: while the PIN is stretched. Whether the PIN was right or wrong, the try is gone.
#[test]
fn power_cut_while_the_pin_is_stretched() {
    let profile = Profile { stretch: Some((64, 1)), ..bench::profile() };
    let (flash, holder) = (Flash::default(), Holder::default());
    drop(bench::manufacture(profile.clone(), Some(PIN), &flash, &holder));
    for (left, pin) in [(5, PIN), (4, b"000001"), (3, PIN)] {
        let bench = Bench::plug(bench::open(profile.clone(), &flash, &holder));
        drop(Reader::new(Box::new(bench.clone())));
        let (mut apdu, mut message) = (Vec::new(), Vec::new());
        Command::new(0, instruction::VERIFY, 0, 0x80, pin).encode(&mut apdu).unwrap();
        let verify =
            ToReader { kind: to_reader::XFR_BLOCK, slot: 0, sequence: 9, specific: [0; 3], data: &apdu };
        verify.encode(&mut message);
        let ticket = bench.with(|token| {
            token.bulk_out(1, &message).unwrap();
            token.job().expect("the PIN is to be stretched")
        });
        drop((bench, ticket)); // not pulled out: gone
        let mut card = Bench::plug(bench::open(profile.clone(), &flash, &holder)).card().unwrap();
        let mut shield = card::shield::Shield::select(&mut card).unwrap();
        assert_eq!(shield.information().unwrap().tries[0], left);
    }
    let mut card = Bench::plug(bench::open(profile, &flash, &holder)).card().unwrap();
    card::shield::Shield::select(&mut card).unwrap().verify(PIN).unwrap();
}

fn unplug_forgets_the_pin(scene: Scene) {
    let mut token = Story::enrolled(scene);
    token.verify("135790").succeeds();
    token.replug();
    let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
    token.shield(|shield| shield.sign_payment(&order)).refuses(No::NotVerified);
}
