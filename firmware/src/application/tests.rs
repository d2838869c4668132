//! Which data the application keeps, and which requests it refuses.

use alloc::vec::Vec;

use chacha20::ChaCha20Rng;
use der::Encode;
use wire::{
    piv::{self, Slot},
    pkix,
    shield::Container,
    tlv,
};

use super::{Application, file::MAX_OBJECT};
use crate::{
    consent::{Consent, Pressed, Prompt},
    crypto::KeyAlgorithm,
    fixture::{Flash, PIN, SECRET, application, profile, rng},
    pin::Progress,
    profile::{Generation, Profile},
    refusal::Refusal,
    seams::{Button, RecordName, Storage},
    vault::{self, KeyId, Op},
};

type Token = Application<Flash, ChaCha20Rng>;
const NINE_A: Container = Container::Piv(Slot::Authentication);

fn verify(token: &mut Token, pin: &[u8]) -> Result<(), Refusal> {
    match token.verify(pin)? {
        Progress::Done => Ok(()),
        Progress::Work(job) => token.finish_pin(job.run()),
    }
}

fn spki(token: &Token, key: KeyId) -> Option<Vec<u8>> {
    vault::load(&token.store, key).unwrap().map(|key| key.spki)
}

/// The outline of a certificate for a key, with all that a token looks at.
fn certificate(spki: &[u8]) -> Vec<u8> {
    let sequence = |body: &[u8]| tlv::object(0x30, body);
    let mut tbs = b"\xA0\x03\x02\x01\x02\x02\x01\x07".to_vec();
    for _field in ["signature", "issuer", "validity"] {
        tbs.extend(sequence(&[]));
    }
    tbs.extend(b"\x30\x0C\x31\x0A\x30\x08\x06\x03\x55\x04\x03\x0C\x01x"); // CN=x
    tbs.extend_from_slice(spki);
    let mut body = sequence(&tbs);
    body.extend(sequence(&[]));
    body.extend(der::asn1::BitStringRef::from_bytes(&[1]).unwrap().to_der().unwrap());
    sequence(&body)
}

/// Makes pending keys in both containers of the personal ID, and certificates for them.
fn request_id(token: &mut Token) -> [Vec<u8>; 2] {
    [Container::Payment, NINE_A].map(|container| {
        token.generate(KeyId::Pending(container), KeyAlgorithm::P256).unwrap();
        certificate(&spki(token, KeyId::Pending(container)).unwrap())
    })
}

fn install(token: &mut Token, [payment, nine_a]: &[Vec<u8>; 2]) -> Result<(), Refusal> {
    // This token has no screen: verifying the PIN is the holder's consent.
    let prompt = Prompt::replacement(payment.clone(), &Profile::first_generation());
    let seen = prompt.ok().and_then(|prompt| prompt.by_pin().ok());
    token.install(&[(Container::Payment, payment), (NINE_A, nine_a)], seen.as_ref())
}

fn enrolled() -> (Token, [Vec<u8>; 2]) {
    let mut token = application(profile(), Some(PIN));
    verify(&mut token, PIN).unwrap();
    let certificates = request_id(&mut token);
    install(&mut token, &certificates).unwrap();
    (token, certificates)
}

fn held(token: &Token) -> [Option<Vec<u8>>; 2] {
    [Container::Payment, NINE_A].map(|container| token.certificate(container).unwrap())
}

#[test]
fn certificates_want_the_pin_and_their_pending_keys() {
    let mut token = application(profile(), Some(PIN));
    let certificates = request_id(&mut token);
    assert_eq!(install(&mut token, &certificates), Err(Refusal::NotVerified));
    verify(&mut token, PIN).unwrap();
    let swapped = [certificates[1].clone(), certificates[0].clone()];
    assert_eq!(install(&mut token, &swapped), Err(Refusal::NotPending));
    assert_eq!(install(&mut token, &[b"junk".to_vec(), certificates[1].clone()]), Err(Refusal::WrongData));
    assert_eq!(held(&token), [None, None], "all or none");
    install(&mut token, &certificates).unwrap();
    assert_eq!(held(&token), certificates.clone().map(Some));
    assert_eq!(install(&mut token, &certificates), Err(Refusal::NotPending), "nothing waits any more");
}

/// The former personal ID works until the new one is whole, and from then on the new one works. One of the two always
/// works, and the two never mix.
#[test]
fn power_cuts_while_installing() {
    let mut cuts = 0;
    for cut in 0.. {
        let (mut token, former) = enrolled();
        let new = request_id(&mut token);
        token.store.storage.writes_left = Some(cut);
        let done = install(&mut token, &new);
        let mut flash = token.store.storage.clone();
        flash.writes_left = None;
        let mut token = Application::open(profile(), &SECRET, flash, rng(9));
        assert!(token.healthy());
        let held = held(&token).map(Option::unwrap);
        assert!(held == former || held == new, "cut {cut}: half of each");
        assert!(done.is_err() || held == new);
        verify(&mut token, PIN).unwrap();
        for (container, certificate) in [Container::Payment, NINE_A].into_iter().zip(&held) {
            let key = spki(&token, KeyId::Current(container)).unwrap();
            assert_eq!(pkix::certificate_public_key(certificate).unwrap(), key, "cut {cut}");
        }
        cuts += 1;
        if done.is_ok() {
            break;
        }
    }
    std::println!("{cuts} cut points");
    assert!(cuts > 5);
}

#[test]
fn a_damaged_record_fails_the_self_test() {
    let (token, _) = enrolled();
    for name in token.store.storage.names().unwrap() {
        let mut flash = token.store.storage.clone();
        let record = flash.records.get_mut(&name).unwrap();
        let middle = record.len() / 2;
        record[middle] ^= 1;
        let mut token = Application::open(profile(), &SECRET, flash, rng(9));
        assert!(!token.healthy(), "{name}");
        assert_eq!(token.verify(PIN).unwrap_err(), Refusal::Fault, "{name}");
        assert_eq!(token.flags().unwrap_or(0) & wire::shield::Information::HEALTHY, 0);
    }
    let token = Application::open(profile(), &[0; 32], token.store.storage.clone(), rng(9));
    assert!(!token.healthy(), "the device secret of another token");
}

/// Who may do what, and with which proofs.
#[test]
fn the_door() {
    let (mut token, _) = enrolled();
    let current = KeyId::Current;
    let digest = || Consent::unseen(alloc::vec![7; 32]);
    assert!(token.operate(current(NINE_A), Op::Sign, None, digest()).is_ok());
    let proof = token.take_proof();
    assert_eq!(
        token.operate(current(Container::Payment), Op::Sign, proof, digest()),
        Err(Refusal::WrongUse),
        "a bare digest"
    );
    assert_eq!(
        token.operate(current(Container::Payment), Op::Sign, None, digest()),
        Err(Refusal::NotVerified),
        "the proof is spent"
    );
    token.reset();
    assert_eq!(token.operate(current(NINE_A), Op::Sign, None, digest()), Err(Refusal::NotVerified));
    let signature_key = current(Container::Piv(Slot::Signature));
    assert_eq!(token.operate(signature_key, Op::Sign, None, digest()), Err(Refusal::NoSuchKey));
    token.generate(signature_key, KeyAlgorithm::P256).unwrap();
    verify(&mut token, PIN).unwrap();
    let proof = token.take_proof();
    assert!(token.operate(signature_key, Op::Sign, proof, digest()).is_ok());
    assert_eq!(token.operate(signature_key, Op::Sign, None, digest()), Err(Refusal::NotVerified));
    let card_key = current(Container::Piv(Slot::CardAuthentication));
    token.generate(card_key, KeyAlgorithm::P384).unwrap();
    token.power_off();
    assert!(token.operate(card_key, Op::Sign, None, digest()).is_ok(), "9E never wants the PIN");
    assert_eq!(token.operate(card_key, Op::Raw, None, digest()), Err(Refusal::WrongUse));
}

/// A pending key signs its own request and nothing else, not even a confirmed request for another key.
#[test]
fn a_pending_key_signs_its_own_request_only() {
    let (mut token, _) = enrolled();
    request_id(&mut token);
    let request = |token: &Token, key: KeyId| {
        let mut info = b"\x02\x01\x00".to_vec();
        let name = b"\x31\x0B\x30\x09\x06\x03\x55\x04\x03\x0C\x02\x55\x31"; // CN=U1
        tlv::put(&mut info, 0x30, name);
        info.extend(spki(token, key).unwrap());
        info.extend([0xA0, 0]);
        let bytes = tlv::object(0x30, &info);
        let mut prompt = Prompt::request(key.container(), bytes, &profile()).unwrap();
        loop {
            match prompt.press(Button::Ok) {
                Pressed::Turned(next) => prompt = next,
                Pressed::Confirmed(consent) => return consent,
                Pressed::Cancelled => panic!("OK cancelled"),
            }
        }
    };
    let pending = KeyId::Pending(Container::Payment);
    let other = request(&token, KeyId::Pending(NINE_A));
    verify(&mut token, PIN).unwrap();
    let proof = token.take_proof();
    assert_eq!(token.operate(pending, Op::Sign, proof, other), Err(Refusal::WrongUse));
    verify(&mut token, PIN).unwrap();
    let (proof, own) = (token.take_proof(), request(&token, pending));
    assert!(token.operate(pending, Op::Sign, proof, own).is_ok());
    let digest = Consent::unseen(alloc::vec![7; 32]);
    assert_eq!(token.operate(KeyId::Pending(NINE_A), Op::Sign, None, digest), Err(Refusal::WrongUse));
}

#[test]
fn the_factory_pin_must_go_before_the_payment_key_works() {
    let mut token = application(profile(), None);
    verify(&mut token, wire::pin::FACTORY_PIN.as_bytes()).unwrap();
    let key = KeyId::Pending(Container::Payment);
    token.generate(key, KeyAlgorithm::P256).unwrap();
    let proof = token.take_proof();
    assert_eq!(token.check_ready(key, proof.as_ref()), Err(Refusal::PinFactory));
    let digest = Consent::unseen(alloc::vec![7; 32]);
    assert_eq!(token.operate(key, Op::Sign, proof, digest), Err(Refusal::PinFactory));
}

#[test]
fn rsa_is_made_by_a_job() {
    let mut token = application(profile(), Some(PIN));
    let key = KeyId::Current(NINE_A);
    let job = token.generate(key, KeyAlgorithm::Rsa2048).unwrap().unwrap();
    assert_eq!(token.algorithm(key), Ok(None));
    token.finish_generate(job.run()).unwrap();
    assert_eq!(token.algorithm(key), Ok(Some(KeyAlgorithm::Rsa2048)));
    assert!(token.public_key(key).unwrap().unwrap().len() > 256);
    let again = token.generate(key, KeyAlgorithm::Rsa2048).unwrap().unwrap();
    token.reset();
    assert_eq!(token.finish_generate(again.run()), Err(Refusal::Fault), "nobody waits for it any more");
}

#[test]
fn objects_and_certificates_are_one_store() {
    let mut token = application(profile(), Some(PIN));
    assert_eq!(token.object(piv::object::CHUID), Ok(None));
    token.put_object(piv::object::CHUID, b"chuid").unwrap();
    assert_eq!(token.object(piv::object::CHUID).unwrap().as_deref(), Some(&b"chuid"[..]));
    token.put_object(piv::object::CHUID, &[]).unwrap();
    assert_eq!(token.object(piv::object::CHUID), Ok(None));
    let stored = piv::certificate_object(&[0x30, 0]);
    token.put_object(Slot::Authentication.certificate(), &stored).unwrap();
    assert_eq!(token.certificate(NINE_A).unwrap().as_deref(), Some(&[0x30, 0][..]));
    assert_eq!(token.put_object(piv::object::CHUID, &[0; MAX_OBJECT + 1]), Err(Refusal::Full));
}

/// A write that failed may have reached the medium all the same. Whatever the holder does before the next power-up, no
/// key ever stands beside another key's certificate.
#[test]
fn an_installation_that_failed_is_settled_at_power_up() {
    for (n, after) in [(0, false), (0, true), (1, false), (1, true), (2, true)] {
        let (mut token, former) = enrolled();
        let new = request_id(&mut token);
        token.store.storage.writes_left = Some(n);
        token.store.storage.last_write_lands = after;
        assert!(install(&mut token, &new).is_err());
        token.store.storage.writes_left = None;
        let refused = token.generate(KeyId::Pending(Container::Payment), KeyAlgorithm::P256);
        assert_eq!(refused.unwrap_err(), Refusal::Memory, "it refuses to work until then");
        token.power_off();
        token.power_on();
        assert!(token.healthy());
        let held = held(&token).map(Option::unwrap);
        assert!(held == former || held == new, "half of each");
        for (container, certificate) in [Container::Payment, NINE_A].into_iter().zip(&held) {
            let key = spki(&token, KeyId::Current(container)).unwrap();
            assert_eq!(pkix::certificate_public_key(certificate).unwrap(), key);
        }
    }
}

/// A token that was made with a screen does not become a token that signs without one.
#[test]
fn a_token_keeps_its_make() {
    let (token, _) = enrolled();
    let mut other = profile();
    other.brand.generation = Generation::One;
    let mut token = Application::open(other, &SECRET, token.store.storage.clone(), rng(9));
    assert_eq!(token.fault(), Some(Refusal::OtherMake));
    assert_eq!(token.verify(PIN).unwrap_err(), Refusal::OtherMake);
    assert_ne!(token.serial(), "unknown");
}

/// A token that was made for payments in SM2 is no token of P-256 under the same name, nor the other way round.
#[test]
fn a_token_keeps_the_algorithm_of_its_payments() {
    let sm2 = || {
        let mut profile = profile();
        profile.brand.algorithm = KeyAlgorithm::Sm2;
        profile
    };
    for (made, opened) in [(sm2(), profile()), (profile(), sm2())] {
        let token = application(made, Some(PIN));
        assert_eq!(token.fault(), None);
        let mut token = Application::open(opened, &SECRET, token.store.storage.clone(), rng(9));
        assert_eq!(token.fault(), Some(Refusal::OtherMake));
        assert_eq!(token.verify(PIN).unwrap_err(), Refusal::OtherMake);
    }
    // A record that is lost is damage, and never makes a token of P-256.
    let mut token = application(sm2(), Some(PIN));
    token.store.storage.records.remove(&RecordName::Algorithm).unwrap();
    for profile in [sm2(), profile()] {
        let token = Application::open(profile, &SECRET, token.store.storage.clone(), rng(9));
        assert_eq!(token.fault(), Some(Refusal::Missing(RecordName::Algorithm)));
    }
}

#[test]
fn a_replaced_key_is_forgotten_even_when_its_save_failed() {
    let (mut token, _) = enrolled();
    let digest = || Consent::unseen(alloc::vec![7; 32]);
    token.operate(KeyId::Current(NINE_A), Op::Sign, None, digest()).unwrap();
    token.store.storage.writes_left = Some(0);
    token.store.storage.last_write_lands = true;
    token.generate(KeyId::Current(NINE_A), KeyAlgorithm::P384).unwrap_err();
    token.store.storage.writes_left = None;
    let signature = token.operate(KeyId::Current(NINE_A), Op::Sign, None, digest()).unwrap();
    assert!(signature.len() > 80, "by the key that is stored: P-384");
}
