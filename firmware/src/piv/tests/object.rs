use super::*;
use crate::fixture::rng;
use hex_literal::hex;
use wire::piv::{Slot, certificate_object, object};

const GET: [u8; 4] = [0, 0xCB, 0x3F, 0xFF];
const PUT: [u8; 4] = [0, 0xDB, 0x3F, 0xFF];

fn list(tag: u32) -> Vec<u8> {
    let bytes = tag.to_be_bytes();
    tlv::object(0x5C, &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..])
}

fn put(tag: u32, content: &[u8]) -> Vec<u8> {
    [list(tag), tlv::object(0x53, content)].concat()
}

/// SP 800-73-4 part 1, 3.3.2: the discovery object has a tag of its own, and not 53.
#[test]
fn the_discovery_object() {
    let mut bench = Bench::new();
    let expected = hex!("7E12 4F0B A000000308000010000100 5F2F02 4000 9000");
    assert_eq!(bench.send(&hex!("00CB3FFF 03 5C017E 00")), expected);
}

#[test]
fn from_the_factory() {
    let mut bench = Bench::new();
    let chuid = bench.data(GET, &hex!("5C035FC102"));
    assert_eq!((&chuid[..4], chuid.len()), (&hex!("533B3019")[..], 61));
    let ccc = bench.data(GET, &hex!("5C035FC107"));
    assert_eq!((&ccc[..4], ccc.len()), (&hex!("5333F015")[..], 53));
    for tag in Slot::all().map(Slot::certificate).chain([object::KEY_HISTORY, object::SECURITY_OBJECT]) {
        assert_eq!(bench.word(GET, &list(tag)), "6A82", "{tag:06X}");
    }
}

#[test]
fn objects_are_kept() {
    let mut bench = Bench::managed();
    let certificate = certificate_object(&[0x30, 3, 2, 1, 5]);
    for tag in [object::AUTHENTICATION_CERTIFICATE, object::CHUID, object::KEY_HISTORY, 0x5F_C10D, 0x5F_FF00]
    {
        let factory = bench.command(GET, &list(tag));
        assert_eq!(bench.word(PUT, &put(tag, &certificate)), "9000");
        assert_eq!(bench.data(GET, &list(tag)), tlv::object(0x53, &certificate), "{tag:06X}");
        // The token is plugged in again, and has the same records.
        let flash = bench.application.storage().clone();
        let again = Application::open(profile(), &crate::fixture::SECRET, flash, rng(7));
        let mut again = Bench { piv: Piv::default(), application: again };
        assert_eq!(again.data(GET, &list(tag)), tlv::object(0x53, &certificate), "{tag:06X}");
        assert_eq!(bench.word(PUT, &put(tag, &[])), "9000");
        assert_eq!(bench.command(GET, &list(tag)), factory, "{tag:06X}");
    }
}

#[test]
fn a_certificate_leaves_the_key_alone() {
    let mut bench = Bench::managed();
    let key = bench.data([0, 0x47, 0, 0x9E], &hex!("AC03800111"));
    assert_eq!(
        bench.word(PUT, &put(object::CARD_AUTHENTICATION_CERTIFICATE, &certificate_object(&[0x30, 0]))),
        "9000"
    );
    let kept = bench.application.public_key(super::super::policy::key(Slot::CardAuthentication)).unwrap();
    assert_eq!(kept, Some(key));
    assert_eq!(bench.word([0, 0x87, 0x11, 0x9E], &authenticate(&[(0x82, &[]), (0x81, &[7; 32])])), "9000");
}

/// Part 1, table 2: some objects are readable with the PIN only. Without the PIN nobody learns whether they are there.
#[test]
fn what_only_the_holder_reads() {
    let mut bench = Bench::managed();
    assert_eq!(bench.word(PUT, &put(object::PRINTED_INFORMATION, b"name")), "9000");
    let tags = [
        (object::PRINTED_INFORMATION, "9000"),
        (object::FINGERPRINTS, "6A82"),
        (object::FACIAL_IMAGE, "6A82"),
        (object::IRIS_IMAGES, "6A82"),
    ];
    for (tag, _) in tags {
        assert_eq!(bench.word(GET, &list(tag)), "6982");
    }
    assert_eq!(bench.verify(PIN), "9000");
    for (tag, word) in tags {
        assert_eq!(bench.word(GET, &list(tag)), word);
    }
}

#[test]
fn what_is_not_kept() {
    let mut bench = Bench::new();
    assert_eq!(bench.word(PUT, &put(object::CHUID, b"")), "6982");
    assert_eq!(bench.word(PUT, b""), "6982");
    let mut bench = Bench::managed();
    let unknown =
        [object::DISCOVERY, object::BIOMETRIC_GROUP_TEMPLATE, 0x5F_C100, 0x5F_C123, 0x5F_FF16, 0x5F_50, 0x53];
    for tag in unknown {
        assert_eq!(bench.word(PUT, &put(tag, b"x")), "6A81", "{tag:06X}");
        if tag != object::DISCOVERY {
            assert_eq!(bench.word(GET, &list(tag)), "6A82", "{tag:06X}");
        }
    }
    assert_eq!(bench.word(PUT, &put(object::SECURITY_OBJECT, &[7; 12_704])), "9000");
    assert_eq!(bench.word(PUT, &put(object::SECURITY_OBJECT, &[7; 12_705])), "6A84");
    assert_eq!(bench.data(GET, &list(object::SECURITY_OBJECT)).len(), 12_704 + 4);
    bench.application.storage().writes_left = Some(0);
    assert_eq!(bench.word(PUT, &put(object::CHUID, b"x")), "6581", "the power went");
}
