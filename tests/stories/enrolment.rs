//! The self-download, interrupted: the former ID works, and the message says what to do.

use firmware::seams::Button;
use ushield_tests::{flash::Cut, holder::Mood, road::Road, story::Story};
use wire::shield::Container;

super::over_each_road!(cancelled, wrong_pin, power_cut_at_each_write);

fn cancelled(road: Road) {
    let mut token = Story::enrolled(road);
    let former = token.shield(|shield| shield.certificate(Container::Payment)).succeeds();
    token.holder.be(Mood::Press(Button::Cancel));
    let text = token.try_enrol().unwrap_err();
    assert!(text.contains("Cancel"), "{text}");
    assert!(text.contains("former"), "the user learns that the former ID works: {text}");
    token.holder.be(Mood::Press(Button::Ok));
    assert_eq!(token.shield(|shield| shield.certificate(Container::Payment)).succeeds(), former);
    assert!(token.can_pay());
}

fn wrong_pin(road: Road) {
    let mut token = Story::enrolled(road);
    token.mistype("000001");
    let text = token.try_enrol().unwrap_err();
    assert!(text.contains("5 tries"), "{text}");
    token.mistype("135790");
    assert!(token.can_pay());
}

/// At each write of an enrolment the power goes, once before and once after it: afterwards the token has the former
/// ID or the new one, whole, and can pay with it.
fn power_cut_at_each_write(road: Road) {
    let mut cuts = 0;
    for how in [Cut::Before, Cut::After] {
        for cut in 0.. {
            let mut token = Story::enrolled(road);
            let certificate = |token: &mut Story| {
                token.shield(|shield| shield.certificate(Container::Payment)).succeeds().unwrap()
            };
            let former = certificate(&mut token);
            token.flash().cut_at(cut, how);
            let enrolled = token.try_enrol();
            token.flash().mend();
            token.replug();
            assert!(token.can_pay(), "{how:?} write {cut}: {enrolled:?}");
            let now = certificate(&mut token);
            assert!(enrolled.is_err() || now != former);
            cuts += 1;
            if enrolled.is_ok() {
                break;
            }
        }
    }
    println!("{cuts} cut points");
    assert!(cuts > 20);
}
