//! Tokens whose records former versions of the firmware wrote.

use alloc::{string::ToString as _, vec::Vec};

use wire::{
    piv::{PinPolicy, Slot, object},
    shield::Container,
};

use super::STATE_VERSION;
use crate::{
    application::Application,
    consent::Consent,
    crypto::KeyAlgorithm,
    fixture::{Flash, PIN, SECRET, profile, rng},
    pin::Progress,
    refusal::Refusal,
    seams::{RecordName, Storage},
    vault::{self, KeyId, Op},
};

const NINE_A: Container = Container::Piv(Slot::Authentication);

/// The flash of an enrolled token as the firmware of version 1 left it.
fn version_1() -> Flash {
    flash(include_str!("version1.txt"))
}

/// A flash with these records.
fn flash(records: &str) -> Flash {
    let mut flash = Flash::default();
    for line in records.lines() {
        let (name, hex) = line.split_once(' ').unwrap();
        let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
        let bytes = digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect();
        flash.records.insert(RecordName::parse(name).unwrap(), bytes);
    }
    flash
}

#[test]
fn a_token_of_version_1_works_on() {
    let mut token = Application::open(profile(), &SECRET, version_1(), rng(9));
    assert!(token.healthy());
    let Progress::Work(job) = token.verify(PIN).unwrap() else { panic!("no stretching") };
    token.finish_pin(job.run()).unwrap();
    let digest = || Consent::unseen(alloc::vec![7; 32]);
    let current = |slot| KeyId::Current(Container::Piv(slot));
    assert!(token.operate(current(Slot::Authentication), Op::Sign, None, digest()).is_ok());
    assert!(token.certificate(NINE_A).unwrap().is_some());
    assert!(token.certificate(Container::Payment).unwrap().is_some());
    assert_eq!(token.object(object::KEY_HISTORY).unwrap().as_deref(), Some(&b"history"[..]));
    // The policy of each key is that of its container.
    let pending = KeyId::Pending(Container::Piv(Slot::Signature));
    for (key, pin) in [
        (current(Slot::Authentication), PinPolicy::Once),
        (current(Slot::CardAuthentication), PinPolicy::Never),
        (KeyId::Current(Container::Payment), PinPolicy::Always),
        (pending, PinPolicy::Always),
    ] {
        assert_eq!(token.policy(key).unwrap().unwrap().pin, pin, "{key:?}");
    }
    token.power_off();
    assert!(token.operate(current(Slot::CardAuthentication), Op::Sign, None, digest()).is_ok());
}

const SECRET_2: [u8; 32] = [
    0x29, 0x21, 0x3D, 0xB2, 0x6E, 0x82, 0x42, 0x88, 0x98, 0x16, 0xB8, 0xBD, 0x97, 0x37, 0xAA, 0x90, 0xA5,
    0xDD, 0x8D, 0xD9, 0xDA, 0x96, 0xAE, 0xD9, 0x4F, 0x02, 0xC4, 0x65, 0xDD, 0xA4, 0x4E, 0x17,
];

/// A key, a certificate and a data object that hosts named, as the firmware of version 2 left them. No object had notes
/// then.
#[test]
fn a_token_of_version_2_works_on() {
    let flash = flash(include_str!("version2.txt"));
    let mut token = Application::open(crate::profile::Profile::standard(), &SECRET_2, flash, rng(9));
    assert!(token.healthy());
    assert_eq!(token.label().unwrap(), "");
    let contents = token.contents().unwrap();
    let names = contents.iter().map(|held| {
        let key = held.key.as_ref().map(|key| (key.name.label.clone(), key.name.id.clone(), key.noted));
        let certificate = held.certificate.as_ref();
        key.or(certificate.map(|of| (of.name.label.clone(), of.name.id.clone(), of.noted))).unwrap()
    });
    let expected = [("a key", [0x99, 1]), ("a certificate", [0x99, 2])];
    let expected = expected.map(|(label, id)| (label.into(), id.to_vec(), false));
    assert_eq!(names.collect::<Vec<_>>(), expected);
    let data = token.data(1).unwrap().unwrap();
    assert_eq!((&data.label[..], &data.value[..], &data.notes[..]), ("some data", &b"data\n"[..], &[][..]));
    let Progress::Work(job) = token.verify(PIN).unwrap() else { panic!("no stretching") };
    token.finish_pin(job.run()).unwrap();
    let [key, certificate] = contents.as_slice() else { panic!("two containers") };
    let sign = |token: &mut Application<_, _>| {
        token.operate(KeyId::Current(key.container), Op::Sign, None, Consent::unseen(alloc::vec![7; 32]))
    };
    assert!(sign(&mut token).is_ok());
    // A record that changes is written in the new form, and keeps its other contents.
    let name = wire::shield::Name { label: "new".into(), id: [7].into(), notes: [8].into() };
    token.set_name(key.container, true, name).unwrap();
    token.power_off();
    token.power_on();
    assert_eq!(token.notes(key.container, true).unwrap().as_deref(), Some(&[8][..]));
    assert_eq!(token.notes(certificate.container, false).unwrap(), None);
    let versions = [key, certificate].map(|held| {
        let name = RecordName::Container(held.container.reference());
        token.storage().records[&name].first().copied()
    });
    assert_eq!(versions, [Some(STATE_VERSION), Some(2)]);
}

/// A record that changes is written in the version of today, and the other records stay as they are. A token with a
/// record of a later version is refused as a whole.
#[test]
fn versions() {
    let mut token = Application::open(profile(), &SECRET, version_1(), rng(9));
    assert_eq!(token.storage().records[&RecordName::Container(0x9A)][0], 1);
    token.generate(KeyId::Current(NINE_A), KeyAlgorithm::P384).unwrap();
    token.power_off();
    token.power_on();
    assert!(token.healthy() && token.certificate(NINE_A).unwrap().is_some());
    let mut flash = token.storage().clone();
    let versions = ["container.9a", "container.50"]
        .map(|name| flash.records[&RecordName::parse(name).unwrap()].first().copied().unwrap());
    assert_eq!(versions, [STATE_VERSION, 1]);
    let keeper = super::Keeper::new(&SECRET);
    let mut later = flash.load(RecordName::Container(0x9A)).unwrap().unwrap();
    later[0] = STATE_VERSION + 1;
    let end = later.len() - super::TAG;
    let tag = keeper.tag(RecordName::Container(0x9A), &later[..end]);
    later[end..].copy_from_slice(&tag[..super::TAG]);
    flash.save(RecordName::Container(0x9A), &later).unwrap();
    let token = Application::open(profile(), &SECRET, flash, rng(9));
    assert_eq!(token.fault(), Some(Refusal::Fault));
    let store = super::Store::new(&SECRET, version_1(), rng(9));
    assert!(vault::load(&store, KeyId::Current(NINE_A)).unwrap().is_some());
    assert_eq!(RecordName::Container(0x9A).to_string(), "container.9a");
}
