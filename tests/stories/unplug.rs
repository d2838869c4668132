//! What else may happen while the screen waits: another command, a reset of the slot, the token pulled out.

use std::{thread, time::Duration};

use card::Error;
use firmware::fixture::Mood;
use firmware::seams::Button;
use ushield_tests::{
    bench::PIN,
    reader::Reader,
    road::Road,
    scene::Scene,
    story::{No, Story},
};
use wire::{
    apdu::Command,
    ccid::{CommandStatus, slot_error},
    shield::{CLASS, instruction},
};

super::over_each_pipe!(
    second_command_while_the_screen_waits,
    slot_reset_while_the_screen_waits,
    pulled_out_while_the_screen_waits,
);

/// A host whose payment waits for the holder, with the bSeq of the payment. The holder looks and presses nothing.
fn asking(token: &mut Story) -> (Reader, u8) {
    let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
    token.holder.be(Mood::Look);
    let mut reader = token.reader();
    assert_eq!(reader.ask(&Command::new(0, instruction::VERIFY, 0, 0x80, PIN)), [0x90, 0]);
    let payment = sign_payment(&order);
    let sequence = reader.begin_asking(&payment, &token.holder);
    (reader, sequence)
}

fn sign_payment(order: &[u8]) -> Command<'_> {
    Command::new(CLASS, instruction::SIGN_PAYMENT, 0, 0, order).expecting(256)
}

/// The second command is told that the slot is busy. The payment goes on, and is signed when the holder says so.
fn second_command_while_the_screen_waits(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let (mut reader, payment) = asking(&mut token);
    for _ in 0..3 {
        let second =
            reader.begin(&Command::new(CLASS, instruction::GET_INFORMATION, 0, 0, &[]).expecting(256));
        let busy = reader.answer().unwrap();
        let expected = (second, CommandStatus::Failed(slot_error::CMD_SLOT_BUSY));
        assert_eq!((busy.sequence, busy.status), expected);
        assert!(token.holder.is_asked(), "the screen still asks");
    }
    token.holder.be(Mood::Press(Button::Ok));
    let signed = reader.answer().unwrap();
    assert_eq!((signed.sequence, signed.status), (payment, CommandStatus::Done));
    assert_eq!((signed.data[0], &signed.data[signed.data.len() - 2..]), (0x30, &[0x90, 0][..]));
}

/// The prompt is over, nothing is signed whatever is pressed later, and the PIN is forgotten.
fn slot_reset_while_the_screen_waits(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let (mut reader, payment) = asking(&mut token);
    let reset = reader.power_on();
    let aborted = reader.answer().unwrap();
    let expected = (payment, CommandStatus::Failed(slot_error::CMD_ABORTED));
    assert_eq!((aborted.sequence, aborted.status, &aborted.data[..]), (expected.0, expected.1, &[][..]));
    let atr = reader.answer().unwrap();
    assert_eq!((atr.sequence, atr.status, atr.data[0]), (reset, CommandStatus::Done, 0x3B));
    assert!(!token.holder.is_asked(), "the screen is dark");
    token.holder.be(Mood::Press(Button::Ok));
    let late = reader.answer_within(Duration::from_millis(200));
    assert!(matches!(late, Err(Error::TimedOut(_))), "{late:?}");
    drop(reader);
    token.replug_the_same();
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

/// The line breaks, the screen is dark, and nothing is signed.
fn pulled_out_while_the_screen_waits(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let (mut reader, _) = asking(&mut token);
    token.unplug();
    assert!(!token.holder.is_asked(), "the screen is dark");
    token.holder.be(Mood::Press(Button::Ok));
    let end = reader.answer();
    assert!(end.is_err(), "{end:?}");
    drop(reader);
    token.holder.seen();
    token.plug();
    assert_eq!(token.holder.seen(), "");
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

/// The same story, with a host whose call is under way.
#[test]
fn unplug_while_the_host_waits() {
    let mut token = Story::enrolled(Road::UsbIp);
    let holder = token.holder.clone();
    let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
    holder.be(Mood::Look);
    thread::scope(|scope| {
        let plugged = token.take_plugged();
        let hand = scope.spawn(|| {
            while !holder.is_asked() {
                thread::sleep(Duration::from_millis(5));
            }
            plugged.unplug();
            plugged
        });
        token
            .shield(|shield| {
                shield.verify(PIN)?;
                shield.sign_payment(&order)
            })
            .refuses(No::Gone);
        drop(hand.join().unwrap());
    });
    assert!(!holder.is_asked(), "the screen is dark");
    holder.be(Mood::Press(Button::Ok));
    token.plug();
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}
