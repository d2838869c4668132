use subtle::ConstantTimeEq as _;
use wire::shield::{DataObject, Information};

use super::*;
use crate::{
    application::Factory,
    crypto::{KeyAlgorithm, ManagementAlgorithm, ManagementKey},
    pin::Progress,
};

const INITIALISE: [u8; 4] = [0x80, 0xF6, 0, 0];

fn with_puk(puk: &[u8], label: &[u8]) -> Vec<u8> {
    [tlv::object(0x80, puk), tlv::object(0x81, label)].concat()
}

fn information(bench: &mut Bench) -> Information {
    Information::parse(&bench.data([0x80, 0xF2, 0, 0], &[])).unwrap()
}

/// A token with a payment key, a pending payment key, other keys, a certificate and objects.
fn full() -> Bench {
    let mut bench = Bench::verified();
    let payment = KeyId::Current(Container::Payment);
    bench.application.generate(payment, KeyAlgorithm::P256).unwrap();
    bench.data([0x80, 0x46, 0, 0x50], &[0x80, 1, 0x11]);
    bench.data([0x80, 0x46, 0, 0x9D], &[0x80, 1, 0x11]);
    bench.create(Place::In(NINE_A), &plain(Algorithm::P256));
    bench.create(Place::Any, &plain(Algorithm::P384));
    bench.application.put_object(0x5F_C102, b"chuid").unwrap();
    bench.application.create_data(&DataObject { private: true, ..DataObject::default() }).unwrap();
    bench
}

#[test]
fn all_but_the_payment_key_goes() {
    let mut bench = full();
    let management = ManagementKey::new(ManagementAlgorithm::Aes128, &[7; 16]).unwrap();
    bench.application.set_management_key(&management).unwrap();
    let key = |bench: &Bench, key| bench.application.public_key(key).unwrap();
    let payment = [KeyId::Current(Container::Payment), KeyId::Pending(Container::Payment)];
    let before = payment.map(|id| key(&bench, id));
    assert!(before.iter().all(Option::is_some));
    bench.sign(NINE_A).unwrap();
    assert_eq!(bench.word(INITIALISE, &with_puk(PUK, "新的".as_bytes())), "9000");
    assert!(!bench.application.verified());
    for mut bench in [bench.again(), bench] {
        assert_eq!(payment.map(|id| key(&bench, id)), before);
        assert_eq!(bench.contents().len(), 1);
        assert_eq!(key(&bench, KeyId::Pending(Container::Piv(Slot::KeyManagement))), None);
        assert_eq!(bench.application.object(0x5F_C102), Ok(None));
        assert!(bool::from(bench.application.management_key().unwrap().ct_eq(&management)));
        let information = information(&mut bench);
        assert_eq!((&information.label[..], information.tries), ("新的", [6, 6, 6, 6]));
        bench.verify();
        assert_eq!(bench.application.data_heads(), Ok(Vec::new()));
        assert_eq!(bench.sign(NINE_A), Err(Refusal::NoSuchKey));
        assert_eq!(bench.create(Place::Any, &plain(Algorithm::P256)).1, "9000");
    }
}

#[test]
fn only_the_puk_may() {
    let mut bench = full();
    let before = bench.contents();
    assert_eq!(bench.word(INITIALISE, &with_puk(b"00000000", b"x")), "63C5");
    assert_eq!(bench.application.initialise("x"), Err(Refusal::NotVerified), "no PIN does");
    for (data, word) in [
        (with_puk(PUK, &[b'a'; 65]), "6A80"),
        (with_puk(PUK, &[0xFF]), "6A80"),
        (with_puk(b"1", b"x"), "6A80"),
        (with_puk(b"", b"x"), "6A80"),
        (Vec::new(), "6A80"),
    ] {
        assert_eq!(bench.word(INITIALISE, &data), word);
    }
    assert_eq!(bench.word([0x80, 0xF6, 0, 1], &with_puk(PUK, b"x")), "6A86");
    assert_eq!(information(&mut bench).tries, [6, 5, 6, 6]);
    assert_eq!((bench.contents(), information(&mut bench).label), (before.clone(), String::new()));
    for left in (0..5).rev() {
        assert_eq!(bench.word(INITIALISE, &with_puk(b"00000000", b"x")), format!("63C{left}"));
    }
    assert_eq!(bench.word(INITIALISE, &with_puk(PUK, b"x")), "6983");
    assert_eq!(bench.contents(), before);
    // The proof of the PUK is only for the command that brought it.
    let mut bench = full();
    let job = bench.application.prove_puk(PUK).unwrap();
    bench.application.finish_pin(job.run()).unwrap();
    bench.application.reset();
    assert_eq!(bench.application.initialise("x"), Err(Refusal::NotVerified));
}

/// The power is cut at each write. The token is either as before or erased, whatever it answers in between.
#[test]
fn power_cuts_while_it_is_erased() {
    let mut cuts = 0;
    for lands in [false, true] {
        for cut in 0.. {
            let mut bench = full();
            let before = bench.contents();
            let writes = bench.application.storage();
            (writes.writes_left, writes.last_write_lands) = (Some(cut), lands);
            let word = bench.word(INITIALISE, &with_puk(PUK, b"new"));
            bench.application.storage().writes_left = None;
            let mut again = bench.again();
            assert!(again.application.healthy(), "cut {cut}");
            let (label, contents) = (information(&mut again).label, again.contents());
            let whole = label.is_empty() && contents == before;
            let erased = label == "new" && contents.len() == 1;
            assert!(whole || erased, "cut {cut}: {label} {contents:?}");
            assert!(word != "9000" || erased);
            if word == "9000" {
                break;
            }
            cuts += 1;
        }
    }
    assert!(cuts > 10, "{cuts}");
}

/// A host asks whether it knows the PUK: it changes the PUK to itself by CHANGE REFERENCE DATA (PKCS#11: C_Login as
/// CKU_SO).
#[test]
fn the_puk_to_itself() {
    let (mut flash, mut random) = (Flash::default(), rng(1));
    let easy = b"11111111";
    let factory = Factory { pin: Some(PIN.to_vec().into()), puk: easy.to_vec().into(), label: String::new() };
    let memory = &mut crate::crypto::Memory::default();
    Application::manufacture(&profile(), &SECRET, &mut flash, &mut random, memory, &factory).unwrap();
    let application = Application::open(profile(), &SECRET, flash, random);
    let mut bench = Bench { shield: Shield::default(), application };
    const PUK_TO: [u8; 4] = [0x80, 0x24, 0, 0x81];
    assert_eq!(bench.word(PUK_TO, &with_puk(b"22222222", b"22222222")), "63C5", "it spends a try");
    assert_eq!(bench.word(PUK_TO, &with_puk(easy, easy)), "9000", "an easy one, too");
    assert_eq!(information(&mut bench).tries, [6, 6, 6, 6]);
    assert_eq!(bench.word(PUK_TO, &with_puk(easy, b"22222222")), "9D06", "a new one may not be easy");
    assert!(!bench.application.verified());
    // No PIN may be changed to itself: the factory's PIN would count as changed.
    bench.verify();
    assert_eq!(bench.word([0x80, 0x24, 0, 0x80], &with_puk(b"11111111", b"11111111")), "9D06");
    assert!(matches!(bench.application.verify(PIN), Ok(Progress::Done)));
}
