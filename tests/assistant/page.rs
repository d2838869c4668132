//! One operation at a time, bound to its page.

use std::time::Duration;

use assistant::desk::Settings;
use firmware::{fixture::Mood, seams::Button};
use serde_json::json;
use ushield_tests::{road::Road, story::Story};

use crate::world::{LONG, OTHER_PAGE, World, call, code, patient, unbase64, wait_for};

/// The order that the holder's click started is the order that is signed, whatever the page sends afterwards.
#[test]
fn a_page_cannot_swap_the_order_after_the_click() {
    let world = World::enrolled();
    world.holder.be(Mood::Look);
    let (order, first) = world.order("上海水务");
    let (other, second) = world.order("恶意商户");
    let operation = world.start("/pay", first);
    world.until(&operation, &["shield"]);
    let (status, told) = world.call("/pay", second.clone());
    assert_eq!((status, code(&told)), (409, "busy"));
    wait_for("the screen asks", || world.holder.is_asked());
    world.holder.be(Mood::Press(Button::Ok));
    let paid = world.end(&operation);
    let sealed = unbase64(paid["result"]["payment"].as_str().expect("a payment"));
    assert!(world.bank.verify(&sealed, &other).is_err());
    assert!(world.bank.verify(&sealed, &order).is_ok());
    let asked = world.hand.questions().concat();
    assert!(asked.contains("上海水务") && !asked.contains("恶意商户"), "{asked}");
}

#[test]
fn another_page_neither_starts_nor_sees_nor_ends_an_operation() {
    let world = World::enrolled();
    world.hand.waits();
    let operation = world.start("/pay", world.order("上海水务").1);
    world.until(&operation, &["prompt"]);
    let other = |path: &str, body| call(world.address, OTHER_PAGE, path, body);
    assert_eq!(other("/pay", world.order("上海水务").1).0, 409);
    assert_eq!(other("/status", json!({})).1["state"], "busy");
    for path in ["/wait", "/cancel"] {
        let (status, told) = other(path, json!({ "operation": operation }));
        assert_eq!((status, code(&told)), (404, "unknown_operation"), "{path}");
    }
    // The page itself ends it while the holder is asked, and the window goes.
    assert_eq!(world.call("/cancel", json!({ "operation": operation })).0, 200);
    assert_eq!(world.end(&operation)["phase"], "cancelled");
    world.is("ready");
}

/// The page cancels while the screen of the shield asks: the screen goes dark long before the holder's time is up.
#[test]
fn a_page_that_cancels_ends_the_question_on_the_shield() {
    let world = World::enrolled();
    world.holder.be(Mood::Look);
    let operation = world.start("/pay", world.order("上海水务").1);
    wait_for("the screen asks", || world.holder.is_asked());
    assert_eq!(world.call("/cancel", json!({ "operation": operation })).0, 200);
    let ended = world.end(&operation);
    assert_eq!((&ended["phase"], code(&ended)), (&json!("cancelled"), "given_up"), "{ended}");
    assert!(!world.holder.is_asked(), "the screen is dark");
    world.holder.be(Mood::Press(Button::Ok));
    let paid = world.whole("/pay", world.order("上海水务").1);
    assert_eq!(paid["phase"], "done", "{paid}");
}

#[test]
fn a_page_that_is_gone_ends_its_operation() {
    let settings = Settings { page_gone: Duration::from_millis(300), ..patient() };
    let world = World::of(Story::enrolled(Road::UsbIp), settings);
    world.hand.waits();
    let operation = world.start("/pay", world.order("上海水务").1);
    // The page says nothing any more. Another page asks how things are.
    wait_for("the operation is given up", || {
        call(world.address, OTHER_PAGE, "/status", json!({})).1["state"] == "ready"
    });
    // Whether or not it is forgotten by now, the page gets nothing of it.
    let (status, told) = world.call("/wait", json!({ "operation": operation }));
    assert!(status == 404 || told["phase"] == "cancelled", "{told}");
}

#[test]
fn an_origin_prompts_a_few_times_and_no_more() {
    let settings = Settings { prompts: 3, prompt_window: LONG * 100, ..patient() };
    let world = World::of(Story::enrolled(Road::UsbIp), settings);
    for _ in 0..3 {
        world.hand.answers(&[b""]);
        assert_eq!(code(&world.whole("/pay", world.order("上海水务").1)), "prompt_cancelled");
    }
    for path in ["/pay", "/pay"] {
        let (status, told) = world.call(path, world.order("上海水务").1);
        assert_eq!((status, code(&told)), (429, "too_many_prompts"));
    }
    // Another page of the same origin is no way around.
    let (status, _) = call(world.address, OTHER_PAGE, "/pay", world.order("上海水务").1);
    assert_eq!((status, world.hand.questions().len()), (429, 3));
}

/// The PIN of an enrolment is forgotten in time: the installation asks again.
#[test]
fn a_pin_that_was_kept_too_long_is_asked_for_again() {
    use authority::certificate_kind::Kind;
    let settings = Settings { pin_kept: Duration::ZERO, ..patient() };
    let mut world = World::of(Story::new(Road::UsbIp), settings);
    let enrolled = world.whole("/enrol", crate::day::applicant());
    let [payment, authentication] = [Kind::Payment, Kind::Authentication]
        .map(|kind| crate::day::issue(&mut world.bank, &enrolled["result"], kind));
    let installed = world.whole("/install", json!({ "payment": payment, "authentication": authentication }));
    assert_eq!(installed["phase"], "done", "{installed}");
    assert_eq!(world.hand.questions().len(), 2);
}
