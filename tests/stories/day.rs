//! The happy day: from the bank's counter to a payment that the bank accepts.

use card::piv::Piv;
use firmware::seams::Button;
use p256::ecdsa::{DerSignature, VerifyingKey, signature::hazmat::PrehashVerifier};
use ushield_tests::{
    bench,
    scene::Scene,
    story::{No, Story},
};
use wire::{
    algorithm::KeyAlgorithm,
    brand::{Brand, Generation},
    piv::{Algorithm, PublicKey, Slot},
    shield::{Container, Information},
};

super::over_each_road!(happy_day, first_generation, factory_pin, both_certificates, renewal);

fn happy_day(scene: Scene) {
    let mut token = Story::enrolled(scene);
    token.verify("000000").refuses(No::PinWrong { left: 5 });
    token
        .pay("上海水务", "100.00")
        .shows("上海水务\n¥100.00")
        .shows("6222021234567890123")
        .shows("▪附言:6月水费")
        .press(Button::Ok)
        .verifies();
    token.pay("北京燃气", "0.01").shows("北京燃气\n¥0.01").press(Button::Ok).verifies();
    assert_eq!(token.information().tries, [6, 6, 6, 6], "a right PIN gives the tries back");
}

/// Without a screen the PIN is the consent, each time anew.
fn first_generation(scene: Scene) {
    let profile = bench::profile_of(Brand { generation: Generation::One, ..scene.make.brand() });
    let mut token = Story::with(scene, profile, Some(bench::PIN));
    token.enrol().succeeds();
    token.pay("上海水务", "100.00").wait().verifies();
    let order = token.bank.order("上海水务", "1.00", "CNY", "").to_vec();
    token.shield(|shield| shield.sign_payment(&order)).refuses(No::NotVerified);
    assert_eq!(token.holder.seen(), "");
}

/// Banks hand shields out with a PIN that everybody knows: nothing is paid before it is changed.
fn factory_pin(scene: Scene) {
    let mut token = Story::with(scene, scene.make.profile(), None);
    assert!(token.information().has(Information::FACTORY_PIN));
    let refused = token.try_enrol().unwrap_err();
    assert!(refused.contains("factory PIN"), "{refused}");
    token.change_pin("12345678", "123456").refuses(No::WeakPin);
    token.change_pin("12345678", "112358").succeeds();
    assert!(!token.information().has(Information::FACTORY_PIN));
    token.enrol().succeeds();
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}

/// The personal ID is two certificates: 9A's key works through PIV, for TLS and ssh.
fn both_certificates(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let nine_a = Container::Piv(Slot::Authentication);
    let by_shield = token.shield(|shield| shield.certificate(nine_a)).succeeds().unwrap();
    let public = token.shield(|shield| shield.public_key(nine_a)).succeeds().unwrap();
    let mut piv = Piv::select(token.card()).unwrap();
    assert_eq!(piv.certificate(Slot::Authentication).unwrap().unwrap(), by_shield);
    piv.verify(bench::PIN).unwrap();
    let digest = [0xA5; 32];
    let signature = piv.sign(Slot::Authentication, Algorithm::P256, &digest).unwrap();
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(KeyAlgorithm::P256, &public) else {
        panic!("a point")
    };
    let key = VerifyingKey::from_sec1_bytes(point).unwrap();
    key.verify_prehash(&digest, &DerSignature::from_bytes(&signature).unwrap()).unwrap();
}

/// A new ID takes the former's place; the CA knows of both.
fn renewal(scene: Scene) {
    let mut token = Story::enrolled(scene);
    let former = token.shield(|shield| shield.certificate(Container::Payment)).succeeds();
    let _enrolment = token.holder.seen();
    let renewed = token.try_enrol().unwrap();
    // The screen shows both requests. Then it shows the holder and the number of the certificate that takes the former's place.
    let seen = token.holder.seen();
    let (_, asked) = seen.split_once("更换付款证书(测试)\n").expect("the holder is asked");
    let flowing: String = asked.split('\n').map(|line| line.trim_start_matches('▸')).collect();
    assert!(asked.contains(ushield_tests::bank::NAME), "{asked}");
    assert!(flowing.contains(&renewed.payment.serial), "{asked}");
    assert_ne!(token.shield(|shield| shield.certificate(Container::Payment)).succeeds(), former);
    assert!(!token.information().has(Information::PENDING));
    token.replug();
    token.pay("上海水务", "100.00").press(Button::Ok).verifies();
}
