//! A customer's day on the bank's page: a PIN, a personal ID, a payment, a renewal.

use authority::{
    attestation::{Attestation, Expected, Factory, TEST_BRAND, check},
    certificate::{Certificate, pem, pem_or_der},
    certificate_kind::Kind,
    csr,
    issuer::{Issuer, Order},
    moment::Validity,
    subject::{DEFAULT_ORGANISATION, Subject},
};
use firmware::{fixture::Mood, seams::Button};
use serde_json::{Value, json};
use ushield_tests::bank::{Bank, NAME, USER_ID};

use crate::world::{PAGE, World, call, code, unbase64};

/// What the bank's page says of the customer.
pub fn applicant() -> Value {
    json!({ "organisation": DEFAULT_ORGANISATION, "name": NAME, "user_id": USER_ID })
}

/// The bank issues what a page brought from the assistant, and only for a key that was made on a shield.
pub fn issue(bank: &mut Bank, result: &Value, kind: Kind) -> String {
    let told = &result[kind.name()];
    let text = |name: &str| told[name].as_str().expect("a text").to_owned();
    let request = pem_or_der("CERTIFICATE REQUEST", text("request").as_bytes()).expect("a request");
    let checked = csr::check(&request).expect("a good request");
    let certificate = |name: &str| pem_or_der("CERTIFICATE", text(name).as_bytes()).expect("a certificate");
    let attestation = Attestation { statement: certificate("statement"), token: certificate("token") };
    let factory = Factory::test(TEST_BRAND).expect("the factory");
    let serial = result["serial"].as_str().expect("a number");
    let expected =
        Expected { container: kind.container(), public_key: &checked.public_key, serial: Some(serial) };
    check(&factory, Some(&attestation), &expected).expect("made on this shield");
    let subject = Subject {
        organisation: DEFAULT_ORGANISATION.into(),
        unit: Some(authority::subject::TEST_UNIT.into()),
        name: NAME.into(),
        user_id: USER_ID.into(),
    };
    let order = Order {
        request: &request,
        kind,
        subject: &subject,
        validity: Validity::Days(30),
        token: Some(serial),
    };
    pem("CERTIFICATE", &bank.authority.issue(&order).expect("a certificate"))
}

/// The download, from the keys to the certificates that were read back.
#[track_caller]
pub fn download(world: &mut World, path: &str, body: Value) -> Value {
    let enrolled = world.whole(path, body);
    assert_eq!(enrolled["phase"], "done", "{enrolled}");
    let result = &enrolled["result"];
    let [payment, authentication] =
        [Kind::Payment, Kind::Authentication].map(|kind| issue(&mut world.bank, result, kind));
    world.whole("/install", json!({ "payment": payment, "authentication": authentication }))
}

#[test]
fn from_a_new_pin_to_a_payment() {
    let mut world = World::from_factory();
    let told = world.is("factory_pin");
    assert_eq!(told["protocol"], 1);
    assert!(told["words"]["zh"]["next"].as_str().is_some_and(|next| next.contains("修改")), "{told}");

    world.hand.answers(&[b"12345678", b"135790", b"135790"]);
    assert_eq!(world.whole("/change_pin", json!({ "language": "zh" }))["phase"], "done");
    assert_eq!(world.hand.questions().len(), 3);
    world.is("no_id");

    let before = world.hand.questions().len();
    world.hand.answers(&[b"135790"]);
    let installed = download(&mut world, "/enrol", applicant());
    assert_eq!(installed["phase"], "done", "{installed}");
    let questions = world.hand.questions();
    assert_eq!(questions.len(), before + 1, "the PIN is asked for once: {questions:?}");
    assert!(
        questions[before].contains("https://bank.example") && questions[before].contains(NAME),
        "{questions:?}"
    );

    let told = world.is("ready");
    assert_eq!(told["id"]["serial"], installed["result"]["payment"]["serial"], "{told}");

    world.holder.seen();
    world.hand.answers(&[b"135790"]);
    let (order, call) = world.order("上海水务");
    let paid = world.whole("/pay", call);
    assert_eq!(paid["phase"], "done", "{paid}");
    let sealed = unbase64(paid["result"]["payment"].as_str().unwrap());
    let payment = world.bank.verify(&sealed, &order).expect("a payment that the bank takes");
    assert_eq!(payment.order.payee_name, "上海水务");
    assert!(world.holder.seen().contains("上海水务"), "the shield showed it");
    let asked = world.hand.questions().pop().unwrap();
    for part in ["https://bank.example", "上海水务", "100.00 CNY"] {
        assert!(asked.contains(part), "{asked}");
    }
}

#[test]
fn a_renewal_names_the_same_holder_and_a_second_download_is_refused() {
    let mut world = World::enrolled();
    let former = world.is("ready")["id"]["serial"].clone();
    let again = world.whole("/enrol", applicant());
    assert_eq!(code(&again), "has_id", "{again}");
    assert!(world.hand.questions().is_empty(), "nobody was asked for that");
    let stranger = json!({ "organisation": DEFAULT_ORGANISATION, "name": "李四", "user_id": "1" });
    assert_eq!(code(&world.whole("/enrol", stranger)), "other-holder");

    let renewed = download(&mut world, "/renew", json!({}));
    assert_eq!(renewed["phase"], "done", "{renewed}");
    let now = world.is("ready")["id"]["serial"].clone();
    assert_ne!(now, former);
    assert_eq!(now, renewed["result"]["payment"]["serial"]);
}

/// Cancel at the screen that shows the new certificate: the former ID pays as before, and the same certificates install later.
#[test]
fn an_installation_that_was_cancelled_is_tried_again_with_the_same_certificates() {
    let mut world = World::enrolled();
    let enrolled = world.whole("/renew", json!({}));
    let [payment, authentication] =
        [Kind::Payment, Kind::Authentication].map(|kind| issue(&mut world.bank, &enrolled["result"], kind));
    let call = json!({ "payment": payment, "authentication": authentication });
    world.holder.be(Mood::CancelAfter(0));
    let cancelled = world.whole("/install", call.clone());
    assert_eq!(code(&cancelled), "cancelled", "{cancelled}");
    world.holder.be(Mood::Press(Button::Ok));
    let (order, pay) = world.order("上海水务");
    let paid = world.whole("/pay", pay);
    let sealed = unbase64(paid["result"]["payment"].as_str().expect("the former ID pays"));
    assert!(world.bank.verify(&sealed, &order).is_ok());
    let installed = world.whole("/install", call.clone());
    assert_eq!(installed["phase"], "done", "{installed}");
    let serial = Certificate::parse(payment.as_bytes()).unwrap().serial;
    assert_eq!(world.is("ready")["id"]["serial"], serial);
    // The keys wait no more: a second installation changes nothing.
    assert_eq!(code(&world.whole("/install", call)), "wrong-key");
}

/// The page was loaded anew between enrolment and installation. The PIN went with the former page, and is asked for again.
#[test]
fn another_page_gets_no_pin_of_a_former_one() {
    let mut world = World::new();
    let operation = world.start("/enrol", applicant());
    let enrolled = world.end(&operation);
    let [payment, authentication] =
        [Kind::Payment, Kind::Authentication].map(|kind| issue(&mut world.bank, &enrolled["result"], kind));
    let install = json!({ "payment": payment, "authentication": authentication });
    let (status, told) = call(world.address, crate::world::OTHER_PAGE, "/install", install.clone());
    assert_eq!(
        (status, code(&told)),
        (409, "busy"),
        "the PIN of the first page is kept: nobody else starts anything"
    );
    // The first page lets go of it, as it does when the holder leaves the page.
    assert_eq!(call(world.address, PAGE, "/cancel", json!({ "operation": operation })).0, 200);
    let (status, told) = call(world.address, crate::world::OTHER_PAGE, "/install", install);
    assert_eq!(status, 202, "{told}");
    crate::world::wait_for("the holder is asked again", || world.hand.questions().len() == 2);
}
