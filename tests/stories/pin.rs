//! Wrong PINs, the lock, and the counter.

use firmware::seams::Button;
use ushield_tests::{
    bench::PUK,
    flash::Cut,
    road::Road,
    story::{No, Story},
};

super::over_each_road!(wrong_until_blocked, puk_runs_out, power_cut_costs_the_try, unplug_forgets_the_pin);

fn wrong_until_blocked(road: Road) {
    let mut token = Story::enrolled(road);
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

fn puk_runs_out(road: Road) {
    let mut token = Story::new(road);
    for left in (0..6).rev() {
        token.unblock("00000000", "246802").refuses(No::PinWrong { left });
    }
    token.unblock(std::str::from_utf8(PUK).unwrap(), "246802").refuses(No::PinBlocked);
    token.verify("135790").succeeds();
}

/// The try is paid before the compare: who cuts the power then has bought nothing with it.
fn power_cut_costs_the_try(road: Road) {
    let mut token = Story::new(road);
    token.flash().cut_at(0, Cut::After);
    assert!(!matches!(token.verify("135790"), ref outcome if format!("{outcome:?}").contains("Ok")));
    token.flash().mend();
    token.replug();
    assert_eq!(token.information().tries[0], 5);
    token.verify("135790").succeeds();
    assert_eq!(token.information().tries[0], 6);
}

fn unplug_forgets_the_pin(road: Road) {
    let mut token = Story::enrolled(road);
    token.verify("135790").succeeds();
    token.replug();
    let order = token.bank.order("上海水务", "1.00", "CNY", "").bytes().unwrap();
    token.shield(|shield| shield.sign_payment(&order)).refuses(No::NotVerified);
}
