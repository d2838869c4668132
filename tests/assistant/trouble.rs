//! What goes wrong: each trouble has a code of its own, with words in both languages.

use assistant::prompter::Nobody;
use firmware::{fixture::Mood, seams::Button};
use serde_json::{Value, json};
use ushield_tests::{road::Road, story::Story};

use crate::{
    day::applicant,
    world::{Hand, World, base64, code, patient, unbase64, wait_for},
};

fn in_both_languages(error: &Value) {
    for language in ["zh", "en"] {
        for said in ["what", "next"] {
            assert!(error["words"][language][said].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
    }
}

#[test]
fn cancel_on_the_shield() {
    let world = World::enrolled();
    world.holder.be(Mood::CancelAfter(0));
    let ended = world.whole("/pay", world.order("上海水务").1);
    assert_eq!((code(&ended), &ended["phase"]), ("cancelled", &json!("failed")), "{ended}");
    in_both_languages(&ended["error"]);
    assert_eq!(ended["result"], Value::Null);
}

#[test]
fn wrong_pins_until_it_locks() {
    let world = World::enrolled();
    for left in (0..6).rev() {
        world.hand.answers(&[b"000001"]);
        let ended = world.whole("/pay", world.order("上海水务").1);
        if left > 0 {
            assert_eq!((code(&ended), &ended["error"]["tries"]), ("pin-wrong", &json!(left)), "{ended}");
        } else {
            assert_eq!(code(&ended), "pin-blocked", "{ended}");
        }
        in_both_languages(&ended["error"]);
    }
    world.is("pin_locked");
    let asked = world.hand.questions().len();
    assert_eq!(code(&world.whole("/pay", world.order("上海水务").1)), "pin-blocked");
    assert_eq!(code(&world.whole("/change_pin", json!({}))), "pin-blocked");
    assert_eq!(code(&world.whole("/enrol", applicant())), "pin-blocked");
    assert_eq!(world.hand.questions().len(), asked, "nobody is asked for a PIN that is locked");
}

/// Full-width digits, a PIN that is too short, no PIN: none costs a try.
#[test]
fn what_is_no_pin_costs_no_try() {
    let world = World::enrolled();
    for (answer, expected) in
        [("１３５７９０".as_bytes(), "pin_form"), (b"1357", "pin_form"), (b"", "prompt_cancelled")]
    {
        world.hand.answers(&[answer]);
        let ended = world.whole("/pay", world.order("上海水务").1);
        assert_eq!(code(&ended), expected, "{ended}");
    }
    assert_eq!(world.is("ready")["shield"]["tries"], 6);
    world.hand.answers(&[b"135790", b"246802", b"246803"]);
    assert_eq!(code(&world.whole("/change_pin", json!({}))), "pins_differ");
    world.hand.answers(&[b"135790", b"111111", b"111111"]);
    assert_eq!(code(&world.whole("/change_pin", json!({}))), "pin_weak");
}

#[test]
fn a_shield_from_the_factory_pays_and_enrols_only_with_a_pin_of_its_holders() {
    let world = World::from_factory();
    assert_eq!(code(&world.whole("/pay", world.order("上海水务").1)), "factory-pin");
    assert_eq!(code(&world.whole("/enrol", applicant())), "factory-pin");
    assert!(world.hand.questions().is_empty());
}

#[test]
fn a_shield_without_an_id() {
    let world = World::new();
    world.is("no_id");
    assert_eq!(code(&world.whole("/pay", world.order("上海水务").1)), "not-enrolled");
    assert_eq!(code(&world.whole("/renew", json!({}))), "not-enrolled");
}

#[test]
fn another_brand_and_another_shield() {
    let world = World::enrolled();
    let told = world.is("ready");
    let (brand, serial) = (told["shield"]["brand"].clone(), told["shield"]["serial"].clone());
    let state = |wish: Value| world.call("/status", wish).1["state"].clone();
    assert_eq!(state(json!({ "brand": "Vermilion" })), "other_brand");
    assert_eq!(state(json!({ "serial": "00000000" })), "other_token");
    assert_eq!(state(json!({ "brand": brand, "serial": serial })), "ready");
    let mut wrong = world.order("上海水务").1;
    wrong["serial"] = "00000000".into();
    assert_eq!(code(&world.whole("/pay", wrong)), "other_token");
    assert!(world.hand.questions().is_empty());
}

/// Pulled out while the screen waits; then plugged in again, and the same order is signed.
#[test]
fn unplugged_in_the_middle() {
    let world = World::enrolled();
    world.holder.be(Mood::Look);
    let (order, call) = world.order("上海水务");
    let operation = world.start("/pay", call.clone());
    world.until(&operation, &["shield"]);
    wait_for("the screen asks", || world.holder.is_asked());
    world.plugged.unplug();
    let ended = world.end(&operation);
    assert_eq!(code(&ended), "token-gone", "{ended}");
    world.is("no_token");
    world.plugged.plug_again();
    world.holder.be(Mood::Press(Button::Ok));
    world.is("ready");
    let paid = world.whole("/pay", call);
    let sealed = unbase64(paid["result"]["payment"].as_str().expect("a payment"));
    assert!(world.bank.verify(&sealed, &order).is_ok());
}

#[test]
fn orders_are_judged_before_anybody_is_asked() {
    let world = World::enrolled();
    let (order, _) = world.order("上海水务");
    let mut trailing = order.clone();
    trailing.push(0);
    for (order, expected) in [
        ("!!".into(), "order_malformed"),
        (base64(b"no order"), "order_malformed"),
        (base64(&trailing), "order_malformed"),
        (base64(&world.bank.order("上海水务", "1.00", "CNY", "").to_vec()[1..]), "order_malformed"),
    ] {
        let (status, told) = world.call("/pay", json!({ "order": order }));
        assert_eq!((status, code(&told)), (422, expected), "{told}");
    }
    let (status, told) =
        world.call("/enrol", json!({ "organisation": "B", "name": "a\u{202E}b", "user_id": "1" }));
    assert_eq!((status, code(&told)), (422, "invalid"));
    let (status, told) = world.call("/install", json!({ "payment": "x", "authentication": "y" }));
    assert_eq!((status, code(&told)), (422, "invalid"));
    assert!(world.hand.questions().is_empty());
}

#[test]
fn nobody_can_be_asked() {
    let world = World::with(Story::enrolled(Road::UsbIp), patient(), Box::new(Nobody), Hand::default());
    let told = world.is("no_prompt");
    assert!(told["words"]["en"]["next"].as_str().is_some_and(|next| next.contains("pinentry")), "{told}");
    let (status, told) = world.call("/pay", world.order("上海水务").1);
    assert_eq!((status, code(&told)), (409, "no_prompt"));
}

/// A page names a code, and nothing else. This machine has no such fault, so nobody is asked and nothing runs.
#[test]
fn only_the_doctors_own_mendings_run() {
    let world = World::enrolled();
    for wish in ["rm -rf /", "https://evil.example/update", "certificate_absent", "no-such-code"] {
        let ended = world.whole("/mend", json!({ "code": wish }));
        assert_eq!(code(&ended), "not_mendable", "{ended}");
    }
    assert!(world.hand.questions().is_empty());
    assert_eq!(world.call("/mend", json!({ "code": "pcscd_stopped", "command": "sh" })).0, 400);
}
