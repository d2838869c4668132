use wire::{
    piv::PinPolicy,
    shield::{KeyPolicy, Uses, parse_created, parse_placed, what},
};

use super::*;

#[test]
fn a_created_key_works_at_once() {
    let mut bench = Bench::new();
    let key = NewKey { pin: Some(PinPolicy::Always), uses: Some(Uses::SIGN), ..plain(Algorithm::P256) };
    let key = NewKey { name: name("网银 key", &[1; 20]), ..key };
    assert_eq!(bench.create(Place::Any, &key).1, "6982");
    bench.verify();
    let (answer, status) = bench.create(Place::Any, &key);
    assert_eq!(status, "9000");
    let (container, public) = parse_created(&answer).unwrap();
    assert_eq!(container, retired(1));
    assert!(matches!(PublicKey::parse(KeyAlgorithm::P256, &public), Ok(PublicKey::Point { .. })));
    let mut again = bench.again();
    let [contents] = &again.contents()[..] else { panic!("one container") };
    let head = contents.key.clone().unwrap();
    assert_eq!((contents.container, &contents.certificate), (retired(1), &None));
    assert_eq!((head.algorithm, head.name, head.imported), (Algorithm::P256, key.name, false));
    assert_eq!(head.policy, KeyPolicy { pin: PinPolicy::Always, uses: Uses::SIGN });
    // Each signature of the key wants a PIN of its own, and the key agrees on nothing.
    assert!(bench.sign(container).is_ok());
    assert_eq!(bench.sign(container), Err(Refusal::NotVerified));
    bench.verify();
    let (proof, point) = (bench.application.take_proof(), alloc::vec![4; 65]);
    let agreed =
        bench.application.operate(KeyId::Current(container), Op::Agree, proof, Consent::unseen(point));
    assert_eq!(agreed, Err(Refusal::WrongUse));
}

#[test]
fn the_token_finds_a_free_container_while_there_is_one() {
    let mut bench = Bench::verified();
    // The place of a key that waits for its certificate is not given away.
    bench.data([0x80, 0x46, 0, 0x83], &[0x80, 1, 0x11]);
    for number in (1..=20).filter(|number| *number != 2) {
        let (answer, _) = bench.create(Place::Any, &plain(Algorithm::P256));
        assert_eq!(parse_created(&answer).unwrap().0, retired(number));
    }
    assert_eq!(bench.create(Place::Any, &plain(Algorithm::P256)).1, "6A84");
    assert_eq!(bench.word([0x80, 0xE4, what::KEY, 0x90], &[]), "9000");
    let (answer, _) = bench.create(Place::Any, &plain(Algorithm::P256));
    assert_eq!(parse_created(&answer).unwrap().0.reference(), 0x90);
}

/// A container that a command names must be free, or the command must say that its contents may go. No command may name
/// the payment container.
#[test]
fn named_containers() {
    let mut bench = Bench::verified();
    let key = plain(Algorithm::P256);
    let (answer, _) = bench.create(Place::In(NINE_A), &key);
    let (_, first) = parse_created(&answer).unwrap();
    assert_eq!(bench.create(Place::In(NINE_A), &key).1, "6A89");
    assert_eq!(bench.put(Place::In(NINE_A), &certificate(&first), &Name::default()).1, "9000");
    let (answer, status) = bench.create(Place::Over(NINE_A), &plain(Algorithm::P384));
    assert_eq!(status, "9000");
    assert_ne!(parse_created(&answer).unwrap().1, first);
    assert_eq!(bench.contents()[0].certificate, None, "the certificate of the former key is gone");
    for place in [Place::In(Container::Payment), Place::Over(Container::Payment)] {
        assert_eq!(bench.create(place, &key).1, "6985");
        assert_eq!(bench.put(place, &certificate(&first), &Name::default()).1, "6985");
    }
    for (header, word) in [
        ([0x80, 0xE4, what::KEY, 0x50], "6985"),
        ([0x80, 0xE4, what::KEY | what::CERTIFICATE, 0x50], "6985"),
        ([0x80, 0xDC, what::KEY, 0x50], "6985"),
        ([0x80, 0xE4, what::KEY, 0x9D], "6A88"),
        ([0x80, 0xDC, what::CERTIFICATE, 0x9A], "6A88"),
        ([0x80, 0xE4, 0, 0x9A], "6A86"),
        ([0x80, 0xE4, 8, 0x9A], "6A86"),
        ([0x80, 0xDC, 3, 0x9A], "6A86"),
        ([0x80, 0x48, 2, 0x9A], "6A86"),
        ([0x80, 0xF4, 1, 0], "6A86"),
    ] {
        let data = if header[1] == 0x48 { key.bytes() } else { Vec::new() };
        assert_eq!(bench.word(header, &data), word, "{header:02X?}");
    }
    for wrong in [
        NewKey { uses: Some(Uses::DECRYPT), ..plain(Algorithm::P256) },
        NewKey { uses: Some(Uses::AGREE), ..plain(Algorithm::Sm2) },
        NewKey { uses: Some(Uses::ALL), ..plain(Algorithm::Rsa2048) },
        plain(Algorithm::Aes128),
    ] {
        assert_eq!(bench.create(Place::Any, &wrong).1, "6A80", "{wrong:?}");
    }
}

/// A key of SM2 decrypts and signs by USE KEY, and does only what it was made for.
#[test]
fn a_key_of_sm2_decrypts() {
    let mut bench = Bench::verified();
    let (answer, _) = bench.create(Place::In(retired(1)), &plain(Algorithm::Sm2));
    let (_, key) = parse_created(&answer).unwrap();
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(KeyAlgorithm::Sm2, &key) else { panic!() };
    let public = crate::crypto::sm2::PublicKey::from_point(point).unwrap();
    let ciphertext = public.encrypt(b"a session key", &mut rng(3)).unwrap();
    assert_eq!(bench.data([0x80, 0x2D, 4, 0x82], &ciphertext.bytes()), b"a session key");
    let signature = wire::sm2::Signature::parse(&bench.data([0x80, 0x2D, 1, 0x82], &[7; 32])).unwrap();
    assert!(public.verifies(&[7; 32], &signature));
    let mut changed = ciphertext.bytes();
    *changed.last_mut().unwrap() ^= 1;
    for (uses, data, word) in [
        (4, &changed[..], "6A80"),
        (4, &ciphertext.plain()[..], "6A80"),
        (1, &[7; 31][..], "6A80"),
        (2, point, "6985"),
    ] {
        assert_eq!(bench.word([0x80, 0x2D, uses, 0x82], data), word, "{uses}");
    }
    let signs = NewKey { uses: Some(Uses::SIGN), ..plain(Algorithm::Sm2) };
    assert_eq!(bench.create(Place::In(retired(2)), &signs).1, "9000");
    assert_eq!(bench.word([0x80, 0x2D, 4, 0x83], &ciphertext.bytes()), "6985");
    assert_eq!(bench.contents()[1].key.as_ref().unwrap().algorithm, Algorithm::Sm2);
}

/// SP 800-73-4 appendix A.4, through the shield's applet: a job makes an RSA key, and the key decrypts.
#[test]
fn an_rsa_key_is_made_by_a_job() {
    let mut bench = Bench::verified();
    let key = NewKey { uses: Some(Uses::DECRYPT), pin: Some(PinPolicy::Never), ..plain(Algorithm::Rsa2048) };
    let (answer, status) = bench.create(Place::Any, &key);
    assert_eq!(status, "9000");
    let (container, public) = parse_created(&answer).unwrap();
    assert!(matches!(PublicKey::parse(KeyAlgorithm::Rsa2048, &public), Ok(PublicKey::Rsa { .. })));
    bench.application.power_off();
    let block = [&[0, 2][..], &[0xFF; 253], &[0]].concat();
    let raw = |bench: &mut Bench, op| {
        bench.application.operate(KeyId::Current(container), op, None, Consent::unseen(block.clone()))
    };
    assert_eq!(raw(&mut bench, Op::Raw).map(|block| block.len()), Ok(256));
    assert_eq!(raw(&mut bench, Op::Agree), Err(Refusal::WrongUse));
}

#[test]
fn a_deleted_key_is_gone_from_memory_too() {
    let mut bench = Bench::verified();
    bench.create(Place::Any, &plain(Algorithm::P256));
    bench.sign(retired(1)).unwrap();
    bench.application.storage().writes_left = Some(1); // the write behind the inventory's
    bench.application.storage().last_write_lands = true;
    assert_eq!(bench.word([0x80, 0xE4, what::KEY, 0x82], &[]), "6581");
    bench.application.storage().writes_left = None;
    assert_eq!(bench.sign(retired(1)), Err(Refusal::NoSuchKey));
    assert_eq!(bench.contents(), []);
    let mut again = bench.again();
    assert!(again.application.healthy());
    assert_eq!(again.word([0x80, 0xE4, what::KEY, 0x82], &[]), "6982");
}

#[test]
fn a_certificate_finds_its_key() {
    let mut bench = Bench::verified();
    let keys: Vec<Vec<u8>> = (0..3)
        .map(|_| parse_created(&bench.create(Place::Any, &plain(Algorithm::P256)).0).unwrap().1)
        .collect();
    let second = certificate(&keys[1]);
    let place = |(answer, status): (Vec<u8>, String)| {
        assert_eq!(status, "9000");
        parse_placed(&answer).unwrap()
    };
    assert_eq!(place(bench.put(Place::Any, &second, &name("c", &[2]))), retired(2));
    // The place beside the key is taken now. So another certificate for the same key stands in a place of its own.
    assert_eq!(place(bench.put(Place::Any, &second, &name("d", &[2]))), retired(4));
    assert_eq!(bench.put(Place::In(retired(1)), &second, &Name::default()).1, "9D05");
    assert_eq!(bench.put(Place::In(retired(2)), &second, &Name::default()).1, "6A89");
    assert_eq!(place(bench.put(Place::Over(retired(2)), &second, &name("e", &[3]))), retired(2));
    assert_eq!(bench.put(Place::Any, &[0x30, 0], &Name::default()).1, "6A80");
    assert_eq!(bench.word([0x80, 0xDC, what::CERTIFICATE, 0x85], &name("ca", &[]).bytes()), "9000");
    let names: Vec<(u8, String, u32)> = bench
        .contents()
        .into_iter()
        .filter_map(|contents| {
            let head = contents.certificate?;
            Some((contents.container.reference(), head.name.label, head.length))
        })
        .collect();
    let length = u32::try_from(second.len()).unwrap();
    assert_eq!(names, [(0x83, "e".into(), length), (0x85, "ca".into(), length)]);
    assert_eq!(bench.data([0x80, 0xCA, 0, 0x83], &[]), second);
    // The key and its certificate are erased together, or only one of them.
    assert_eq!(bench.word([0x80, 0xE4, what::CERTIFICATE, 0x83], &[]), "9000");
    assert!(bench.sign(retired(2)).is_ok());
    assert_eq!(bench.word([0x80, 0xE4, what::KEY | what::CERTIFICATE, 0x83], &[]), "9000");
    assert_eq!(bench.contents().len(), 3);
}
