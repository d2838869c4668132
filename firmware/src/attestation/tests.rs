//! Statements, with openssl as the judge.

use std::{fs, path::PathBuf, process::Command, string::String};

use alloc::{format, vec::Vec};
use chacha20::ChaCha20Rng;
use wire::{
    brand::Brand,
    piv::{self, PinPolicy, Slot},
    shield::Container,
};

use super::{factory, key_identifier};
use crate::{
    application::{Application, Making},
    crypto::{KeyAlgorithm, PrivateKey},
    fixture::{Flash, PIN, SECRET, application, profile, rng},
    profile::Profile,
    refusal::Refusal,
    seams::{RecordName, Storage as _},
    vault::KeyId,
};

const NINE_A: Container = Container::Piv(Slot::Authentication);
const CURRENT: KeyId = KeyId::Current(NINE_A);

/// Runs openssl. Returns whether openssl accepted, and what it said.
fn openssl(arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new("openssl").args(arguments).output().expect("openssl runs: the package `openssl`");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A folder with the three certificates of a chain, as PEM.
struct Chain(PathBuf);

impl Chain {
    fn new(name: &str, factory: &[u8], token: &[u8], statement: &[u8]) -> Self {
        let folder = std::env::temp_dir().join(format!("ushield-attestation-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let chain = Self(folder);
        for (file, der) in [("factory", factory), ("token", token), ("statement", statement)] {
            fs::write(chain.path(&format!("{file}.der")), der).unwrap();
            let (good, said) = openssl(&[
                "x509",
                "-inform",
                "DER",
                "-in",
                &chain.path(&format!("{file}.der")),
                "-out",
                &chain.path(file),
            ]);
            assert!(good, "{file}: {said}");
        }
        chain
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().into()
    }

    /// `openssl verify` of the statement, with checks that openssl makes only where it is asked to.
    fn verify(&self) -> (bool, String) {
        let (factory, token, statement) = (self.path("factory"), self.path("token"), self.path("statement"));
        openssl(&[
            "verify",
            "-x509_strict",
            "-check_ss_sig",
            "-CAfile",
            &factory,
            "-untrusted",
            &token,
            &statement,
        ])
    }

    fn text(&self, file: &str) -> String {
        let (good, text) = openssl(&["x509", "-in", &self.path(file), "-noout", "-text"]);
        assert!(good, "{text}");
        text
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn chain(name: &str, brand: &str, token: &mut Application<Flash, ChaCha20Rng>, key: KeyId) -> Chain {
    let own = token.attestation_certificate().unwrap().unwrap();
    let statement = token.attest(key).unwrap().unwrap();
    Chain::new(name, &factory::certificate(brand), &own, &statement)
}

#[test]
fn openssl_accepts_the_chain() {
    let mut token = application(profile(), Some(PIN));
    let keys = [
        (CURRENT, KeyAlgorithm::P256, "9a"),
        (KeyId::Current(Container::Piv(Slot::Signature)), KeyAlgorithm::P384, "9c"),
        (KeyId::Pending(Container::Payment), KeyAlgorithm::P256, "payment"),
        // Attested by the factory's P-256, whatever the key is.
        (KeyId::Current(Container::Piv(Slot::KeyManagement)), KeyAlgorithm::Sm2, "9d"),
        (KeyId::Pending(Container::Payment), KeyAlgorithm::Sm2, "payment"),
    ];
    for (key, algorithm, name) in keys {
        token.generate(key, algorithm).unwrap();
        let chain = chain(name, "U-shield", &mut token, key);
        let (good, said) = chain.verify();
        assert!(good, "{name}: {said}");
        let text = chain.text("statement");
        assert!(text.contains(&format!("CN = TEST token attestation {name}")), "{text}");
        assert!(text.contains("1.3.6.1.4.1.41482.3.3") && text.contains("1.3.6.1.4.1.32473.20.3"), "{text}");
        // A statement is no CA's certificate: its key signs no further certificate.
        assert!(!text.contains("CA:TRUE"), "{text}");
    }
}

/// A key of RSA; a brand with a long name in Chinese; the first generation.
#[test]
fn openssl_accepts_other_chains() {
    let brand = "上海银行".repeat(20);
    let other = Brand { name: brand.clone(), ..Brand::first_generation() };
    let other = Profile { brand: other, stretch: None };
    let mut token = application(other, Some(PIN));
    let job = token.generate(CURRENT, KeyAlgorithm::Rsa2048).unwrap().unwrap();
    token.finish_generate(job.run()).unwrap();
    let (good, said) = chain("rsa", &brand, &mut token, CURRENT).verify();
    assert!(good, "{said}");
}

#[test]
fn another_factory_or_another_byte_is_refused() {
    let mut token = application(profile(), Some(PIN));
    token.generate(CURRENT, KeyAlgorithm::P256).unwrap();
    assert!(!chain("brand", "another brand", &mut token, CURRENT).verify().0);
    let own = token.attestation_certificate().unwrap().unwrap();
    let good = token.attest(CURRENT).unwrap().unwrap();
    let mut changed = good.clone();
    // A byte of the attested key.
    let point = point(&token);
    let at = good.windows(point.len()).position(|window| window == point).unwrap() + 40;
    changed[at] ^= 1;
    let factory = factory::certificate("U-shield");
    assert!(Chain::new("good", &factory, &own, &good).verify().0);
    assert!(!Chain::new("changed", &factory, &own, &changed).verify().0);
    // The statement of one token does not fit under another token's certificate.
    let mut flash = Flash::default();
    let manufacture = |flash: &mut Flash, seed| {
        let factory =
            crate::Factory { pin: None, puk: crate::fixture::PUK.to_vec().into(), label: String::new() };
        let memory = &mut crate::crypto::Memory::default();
        Application::manufacture(&profile(), &SECRET, flash, &mut rng(seed), memory, &factory).unwrap();
    };
    manufacture(&mut flash, 77);
    let stranger = Application::open(profile(), &SECRET, flash, rng(1));
    let stranger = stranger.attestation_certificate().unwrap().unwrap();
    assert!(!Chain::new("stranger", &factory, &stranger, &good).verify().0);
}

/// The point of the key in 9A.
fn point(token: &Application<Flash, ChaCha20Rng>) -> Vec<u8> {
    let template = token.public_key(CURRENT).unwrap().unwrap();
    match piv::PublicKey::parse(KeyAlgorithm::P256, &template).unwrap() {
        piv::PublicKey::Point { point, .. } => point.to_vec(),
        piv::PublicKey::Rsa { .. } => panic!("RSA"),
    }
}

/// The statement field by field, as openssl reads its extensions.
#[test]
fn what_is_said() {
    let mut token = application(profile(), Some(PIN));
    let making = |pin| {
        let mut making = Making::from(CURRENT);
        making.policy.pin = pin;
        making
    };
    token.generate(making(PinPolicy::Always), KeyAlgorithm::P256).unwrap();
    let serial = u32::from_str_radix(token.serial(), 16).unwrap();
    let statement = token.attest(CURRENT).unwrap().unwrap();
    let has = |bytes: &[u8]| statement.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(b"\x2B\x06\x01\x04\x01\x82\xC4\x0A\x03\x03\x04\x03\x05\x04\x03"), "version 5.4.3");
    assert!(has(b"\x2B\x06\x01\x04\x01\x82\xC4\x0A\x03\x08\x04\x02\x03\x01"), "PIN always, no touch");
    assert!(has(&serial.to_be_bytes()), "serial number");
    let description = b"\x30\x10\x02\x02\x00\x9A\x0A\x01\x00\x0A\x01\x01\x0A\x01\x03\x0A\x01\x01";
    assert!(has(description), "9A, in use, made here, PIN always, nothing to confirm");

    // The payment key is confirmed on the screen where the token has a screen. No record can say otherwise.
    for (profile, confirmation) in
        [(profile(), 2), (Profile { stretch: None, ..Profile::first_generation() }, 1)]
    {
        let mut token = application(profile, Some(PIN));
        let pending = KeyId::Pending(Container::Payment);
        token.generate(pending, KeyAlgorithm::P256).unwrap();
        let statement = token.attest(pending).unwrap().unwrap();
        let description =
            [&b"\x30\x0F\x02\x01\x50\x0A\x01\x01\x0A\x01\x01\x0A\x01\x03\x0A\x01"[..], &[confirmation]]
                .concat();
        assert!(statement.windows(description.len()).any(|window| window == description), "{statement:02X?}");
    }
}

#[test]
fn only_keys_made_here() {
    let mut token = application(profile(), Some(PIN));
    assert_eq!(token.attest(CURRENT), Err(Refusal::NoSuchKey));
    let private = PrivateKey::generate_ec(KeyAlgorithm::P256, &mut rng(5)).unwrap();
    token.import(CURRENT.into(), &private).unwrap();
    assert_eq!(token.attest(CURRENT), Err(Refusal::WrongUse), "imported");
    token.generate(CURRENT, KeyAlgorithm::P256).unwrap();
    let first = token.attest(CURRENT).unwrap().unwrap();
    assert_ne!(token.attest(CURRENT).unwrap().unwrap(), first, "each has a number of its own");
}

/// The token was made without a screen. Under the profile of a token with a screen it makes no statement.
#[test]
fn a_token_that_refuses_to_work_states_nothing() {
    let made = Profile { stretch: None, ..Profile::first_generation() };
    let mut token = application(made, Some(PIN));
    let payment = KeyId::Pending(Container::Payment);
    token.generate(payment, KeyAlgorithm::P256).unwrap();
    assert!(token.attest(payment).unwrap().is_some());
    let flash = token.storage().clone();
    let mut other = profile();
    other.brand.name.clone_from(&token.profile().brand.name);
    let mut token = Application::open(other, &SECRET, flash, rng(2));
    assert_eq!(token.fault(), Some(Refusal::OtherMake));
    assert_eq!(token.attest(payment), Err(Refusal::OtherMake));
}

/// The state of this token was written before there was attestation. The token works, and says that it cannot attest.
#[test]
fn a_token_from_before() {
    let mut token = application(profile(), Some(PIN));
    crate::record::make_version_2(token.storage());
    token.storage().remove(RecordName::Attestation).unwrap();
    token.power_on();
    assert!(token.healthy());
    token.generate(CURRENT, KeyAlgorithm::P256).unwrap();
    assert_eq!(token.attest(CURRENT), Ok(None));
    assert_eq!(token.attestation_certificate(), Ok(None));
}

/// RFC 7093, 2, method 1: over the BIT STRING's value, which is the point.
#[test]
fn the_key_identifier_is_of_the_point() {
    let key = PrivateKey::generate_ec(KeyAlgorithm::P256, &mut rng(5)).unwrap();
    let template = key.public_key();
    let Ok(piv::PublicKey::Point { point, .. }) = piv::PublicKey::parse(KeyAlgorithm::P256, &template) else {
        panic!("no point")
    };
    assert_eq!(key_identifier(&key.spki()).unwrap(), crate::crypto::sha256(point)[..20]);
}
