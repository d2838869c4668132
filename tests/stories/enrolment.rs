//! The self-download is interrupted. The former ID still works, and the message says what to do.

use firmware::fixture::{Cut, Mood, SharedFlash as Flash};
use firmware::seams::Button;
use ushield_tests::{scene::Scene, story::Story};

super::over_each_road!(
    cancelled_at_each_prompt,
    wrong_pin,
    power_cut_at_each_write,
    lost_at_each_command,
    the_same_token_again,
);

/// A token with an ID, the ID, and the chip that an interrupted enrolment begins with each time.
fn enrolled(scene: Scene) -> (Story, [Vec<u8>; 2], Flash) {
    let mut token = Story::enrolled(scene);
    let (former, chip) = (token.id(), token.copy_of_flash());
    (token, former, chip)
}

fn cancelled_at_each_prompt(scene: Scene) {
    let (mut token, former, chip) = enrolled(scene);
    let mut prompts = 0;
    for n in 0.. {
        token.be_again(&chip);
        token.holder.be(Mood::CancelAfter(n));
        let enrolled = token.try_enrol();
        token.holder.be(Mood::Press(Button::Ok));
        assert_eq!(token.is_new_id(&former, &enrolled), enrolled.is_ok(), "at prompt {n}");
        let Err(text) = enrolled else { break };
        assert!(text.contains("Cancel"), "{text}");
        assert!(text.contains("former"), "the user learns that the former ID works: {text}");
        prompts += 1;
    }
    println!("{prompts} pages to cancel at");
    assert!(prompts >= 2, "one for each certificate");
}

fn wrong_pin(scene: Scene) {
    let mut token = Story::enrolled(scene);
    token.mistype("000001");
    let text = token.try_enrol().unwrap_err();
    assert!(text.contains("5 tries"), "{text}");
    token.mistype("135790");
    assert!(token.can_pay());
}

/// At each write of an enrolment the power goes, once before and once after it: afterwards the token has the former
/// ID or the new one, whole, and can pay with it.
fn power_cut_at_each_write(scene: Scene) {
    let (mut token, former, chip) = enrolled(scene);
    let mut cuts = 0;
    for how in [Cut::Before, Cut::After] {
        for cut in 0.. {
            token.be_again(&chip);
            token.flash().cut_at(cut, how);
            let enrolled = token.try_enrol();
            token.flash().mend();
            // In every second case the very same token goes on. In the others a new token is made from the flash.
            if cut % 2 == 0 {
                token.replug()
            } else {
                token.replug_the_same()
            }
            token.is_new_id(&former, &enrolled);
            cuts += 1;
            if enrolled.is_ok() {
                break;
            }
        }
    }
    println!("{cuts} cut points");
    assert!(cuts > 20);
}

/// At each command of an enrolment the token is pulled out, once before it and once before its answer.
fn lost_at_each_command(scene: Scene) {
    let (mut token, former, chip) = enrolled(scene);
    let mut commands = 0;
    for how in [Cut::Before, Cut::After] {
        for n in 0.. {
            token.be_again(&chip);
            token.lose_at(n, how);
            let enrolled = token.try_enrol();
            token.replug();
            token.is_new_id(&former, &enrolled);
            if enrolled.is_ok() {
                break;
            }
            commands += 1;
        }
    }
    println!("{commands} commands to lose the token at");
    assert!(commands > 20);
}

fn the_same_token_again(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let id = token.id();
    for _ in 0..3 {
        token.verify("135790").succeeds();
        token.replug_the_same();
        let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
        let refused = ushield_tests::story::No::NotVerified;
        token.shield(|shield| shield.sign_payment(&order)).refuses(refused);
        assert_eq!(token.id(), id);
        token.pay("上海水务", "100.00").press(Button::Ok).verifies();
    }
    token.enrol().succeeds();
    assert_ne!(token.id(), id);
}
