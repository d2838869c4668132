//! The token goes while it works.

use std::{thread, time::Duration};

use firmware::seams::Button;
use ushield_tests::{
    holder::Mood,
    road::Road,
    story::{No, Story},
};

#[test]
fn unplug_while_the_screen_waits() {
    let mut token = Story::enrolled(Road::UsbIp);
    let holder = token.holder.clone();
    let order = token.bank.order("上海水务", "1.00", "CNY", "").bytes().unwrap();
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
                shield.verify(ushield_tests::bench::PIN)?;
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
