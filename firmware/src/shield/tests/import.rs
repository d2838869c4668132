use wire::{
    piv::PinPolicy,
    shield::{Import, KeyPolicy, PrivateParts, Uses, parse_created},
};

use super::*;
use crate::record::Origin;

const SCALAR: [u8; 32] = [0x31; 32];

impl Bench {
    fn import(&mut self, place: Place, key: &NewKey, parts: PrivateParts<'_>) -> (Vec<u8>, String) {
        let (p1, p2) = place.parameters();
        let mut data = Vec::new();
        Import { key: key.clone(), parts }.put(&mut data);
        self.send([0x80, 0x49, p1, p2], &data, 65_536)
    }

    /// USE KEY.
    fn use_key(&mut self, uses: u8, container: Container, input: &[u8]) -> (Vec<u8>, String) {
        self.send([0x80, 0x2D, uses, container.reference()], input, 65_536)
    }
}

#[test]
fn a_key_from_outside_is_marked_so_for_ever() {
    let mut bench = Bench::new();
    let wish = NewKey { pin: Some(PinPolicy::Always), name: name("k", &[1]), ..plain(Algorithm::P256) };
    let parts = PrivateParts::Scalar(&SCALAR);
    assert_eq!(bench.import(Place::Any, &wish, parts).1, "6982");
    bench.verify();
    let (answer, status) = bench.import(Place::Any, &wish, parts);
    assert_eq!(status, "9000");
    let (container, public) = parse_created(&answer).unwrap();
    let point = p256::SecretKey::from_slice(&SCALAR).unwrap().public_key().to_sec1_bytes();
    assert!(
        matches!(PublicKey::parse(KeyAlgorithm::P256, &public), Ok(PublicKey::Point { point: found, .. }) if *found == *point)
    );
    let mut again = bench.again();
    let head = again.contents().remove(0).key.unwrap();
    assert_eq!((head.imported, head.name), (true, wish.name));
    assert_eq!(head.policy, KeyPolicy { pin: PinPolicy::Always, uses: Uses::ALL });
    assert_eq!(again.application.origin(KeyId::Current(container)).unwrap(), Some(Origin::Imported));
    assert_eq!(bench.word([0x80, 0xF9, 1, container.reference()], &[]), "6985", "no statement on it");
}

#[test]
fn what_is_no_key_or_has_no_place_is_not_taken() {
    let mut bench = Bench::verified();
    let (p256, rsa) = (plain(Algorithm::P256), plain(Algorithm::Rsa2048));
    let parts = PrivateParts::Scalar(&SCALAR);
    for (key, parts) in [
        (&p256, PrivateParts::Scalar(&SCALAR[1..])),
        (&p256, PrivateParts::Scalar(&[0; 32])),
        (&p256, PrivateParts::Scalar(&[0xFF; 32])),
        (&p256, PrivateParts::Crt([&[1; 128]; 5])),
        (&rsa, parts),
        (&rsa, PrivateParts::Crt([&[1; 128]; 5])),
        (&NewKey { uses: Some(Uses::DECRYPT), ..p256.clone() }, parts),
    ] {
        assert_eq!(bench.import(Place::Any, key, parts).1, "6A80");
    }
    for place in [Place::In(Container::Payment), Place::Over(Container::Payment)] {
        assert_eq!(bench.import(place, &p256, parts).1, "6985");
    }
    assert!(bench.contents().is_empty());
    assert_eq!(bench.import(Place::In(NINE_A), &p256, parts).1, "9000");
    assert_eq!(bench.import(Place::In(NINE_A), &p256, parts).1, "6A89");
    assert_eq!(bench.import(Place::Over(NINE_A), &p256, parts).1, "9000");
    assert_eq!(bench.word([0x80, 0x49, 0, 0], b"\x80\x01\x11"), "6A80");
    assert_eq!(bench.word([0x80, 0x49, 2, 0x9A], b"\x80\x01\x11"), "6A86");
}

#[test]
fn use_key_does_what_the_policy_says_and_no_more() {
    let mut bench = Bench::verified();
    let point = p256::SecretKey::from_slice(&SCALAR).unwrap().public_key().to_sec1_bytes();
    let of = |pin, uses| NewKey { pin: Some(pin), uses: Some(uses), ..plain(Algorithm::P256) };
    let mut made = |pin, uses| parse_created(&bench.create(Place::Any, &of(pin, uses)).0).unwrap().0;
    let always = made(PinPolicy::Always, Uses::SIGN);
    let once = made(PinPolicy::Once, Uses::AGREE);
    let never = made(PinPolicy::Never, Uses::SIGN);
    bench.verify();
    assert_eq!(bench.use_key(1, always, &[7; 32]).1, "9000");
    assert_eq!(bench.use_key(1, always, &[7; 32]).1, "6982", "the proof is spent");
    assert_eq!(bench.use_key(2, once, &point).0.len(), 32);
    assert_eq!(bench.use_key(1, once, &[7; 32]).1, "6985");
    assert_eq!(bench.use_key(4, once, &[7; 32]).1, "6985", "no RSA");
    assert_eq!(bench.use_key(2, once, &point[1..]).1, "6A80");
    for uses in [0, 3, 8, 0xFF] {
        assert!(matches!(&bench.use_key(uses, once, &[7; 32]).1[..], "6985" | "6A86"), "{uses}");
    }
    // A proof of the PIN is spent by the next command that uses a key, whichever key it is.
    bench.verify();
    assert_eq!(bench.use_key(1, never, &[7; 32]).1, "9000");
    assert_eq!(bench.use_key(1, always, &[7; 32]).1, "6982");
    let mut again = bench.again();
    assert_eq!(again.use_key(1, never, &[7; 32]).1, "9000");
    assert_eq!(again.use_key(2, once, &point).1, "6982");
    assert_eq!(again.use_key(1, retired(9), &[7; 32]).1, "6A88");
}

/// The payment key signs only payment orders that its holder saw. USE KEY reaches it with no proof whatever.
#[test]
fn use_key_is_no_road_to_the_payment_key() {
    let mut bench = Bench::verified();
    bench.application.generate(KeyId::Current(Container::Payment), KeyAlgorithm::P256).unwrap();
    for uses in [1, 2, 4] {
        bench.verify();
        assert_eq!(bench.use_key(uses, Container::Payment, &[7; 32]).1, "6985");
    }
}

#[test]
fn notes_are_kept_and_told() {
    let mut bench = Bench::verified();
    let noted = |notes: &[u8]| Name { notes: notes.into(), ..name("k", &[1]) };
    let key = NewKey { name: noted(b"key"), ..plain(Algorithm::P256) };
    let (container, public) = parse_created(&bench.create(Place::In(NINE_A), &key).0).unwrap();
    bench.put(Place::Over(container), &certificate(&public), &noted(b"certificate"));
    let get = |bench: &mut Bench, what| bench.send([0x80, 0xCA, what, 0x9A], &[], 65_536);
    let mut again = bench.again();
    assert_eq!(get(&mut again, 3), (b"key".to_vec(), "9000".into()));
    assert_eq!(get(&mut again, 4), (b"certificate".to_vec(), "9000".into()));
    let contents = again.contents().remove(0);
    let (key, certificate) = (contents.key.unwrap(), contents.certificate.unwrap());
    assert!(key.noted && certificate.noted && key.name == name("k", &[1]));
    // SET NAME replaces the whole name, and so the notes are gone.
    bench.data([0x80, 0xDC, 1, 0x9A], &name("k", &[1]).bytes());
    assert_eq!(get(&mut bench, 3).1, "6A82");
    assert!(!bench.contents().remove(0).key.unwrap().noted);
}
