use super::*;
use crate::fixture::PUK;
use hex_literal::hex;

/// SP 800-73-4 part 2, 3.2.1.
#[test]
fn a_pin_is_verified_once_and_forgotten_on_request() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C6"));
    assert_eq!(bench.send(&hex!("0020008008 3133353739 30FFFF")), hex!("9000"));
    assert_eq!(bench.send(&hex!("00200080")), hex!("9000"));
    assert_eq!(bench.send(&hex!("0020FF80")), hex!("9000"));
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C6"));
    assert_eq!(bench.verify(PIN), "9000", "the second time from RAM");
}

#[test]
fn tries_run_out_and_the_puk_brings_them_back() {
    let mut bench = Bench::new();
    assert_eq!(bench.verify(PIN), "9000");
    for word in ["63C5", "63C4", "63C3", "63C2", "63C1", "63C0", "6983", "6983"] {
        assert_eq!(bench.verify(b"000000"), word);
        assert_ne!(bench.send(&hex!("00200080")), hex!("9000"), "no longer verified");
    }
    assert_eq!(bench.verify(PIN), "6983");
    assert_eq!(bench.send(&hex!("00200080")), hex!("6983"));

    let unblock = |puk: &[u8], pin: &[u8]| [padded(puk), padded(pin)].concat();
    assert_eq!(bench.word([0, 0x2C, 0, 0x80], &unblock(b"00000000", b"246813")), "63C5");
    assert_eq!(bench.tries(), (0, 5));
    assert_eq!(bench.word([0, 0x2C, 0, 0x80], &unblock(PUK, b"246813")), "9000");
    assert_eq!(bench.tries(), (6, 6));
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C6"), "3.2.3: set, not verified");
    assert_eq!(bench.verify(PIN), "63C5");
    assert_eq!(bench.verify(b"246813"), "9000");
    assert_eq!(bench.word([0, 0x2C, 0, 0x80], &unblock(PUK, b"135790")), "9000");
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C6"), "it was the old PIN that was verified");
    assert!(bench.application.take_proof().is_none());
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!(bench.word([0, 0x2C, 0, 0x80], &unblock(b"00000000", b"246813")), "63C5");
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C6"), "a wrong PUK takes it back");
}

/// SP 800-73-4 part 2, 3.2.2: after a successful change the PIN counts as verified.
#[test]
fn pin_and_puk_are_changed() {
    let mut bench = Bench::new();
    let change = |old: &[u8], new: &[u8]| [padded(old), padded(new)].concat();
    assert_eq!(bench.word([0, 0x24, 0, 0x80], &change(b"000000", b"246813")), "63C5");
    assert_eq!(bench.word([0, 0x24, 0, 0x80], &change(PIN, b"246813")), "9000");
    assert_eq!(bench.send(&hex!("00200080")), hex!("9000"), "verified");
    assert!(bench.application.take_proof().is_none(), "but not for a key that wants the PIN each time");
    assert_eq!(bench.word([0, 0x24, 0, 0x80], &change(b"000000", b"135791")), "63C5");
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C5"), "a wrong one takes that back");
    assert_eq!(bench.verify(PIN), "63C4");
    bench.verify(b"246813");
    assert_eq!(bench.verify(PIN), "63C5");
    assert_eq!(bench.verify(b"246813"), "9000");
    assert_eq!(bench.word([0, 0x24, 0, 0x81], &change(PUK, b"13572468")), "9000");
    assert_eq!(bench.word([0, 0x24, 0, 0x81], &change(PUK, b"13572468")), "63C5");
    assert_eq!(bench.tries(), (6, 5));
    for trivial in [&b"000000"[..], b"345678", b"99999999"] {
        assert_eq!(bench.word([0, 0x24, 0, 0x80], &change(b"246813", trivial)), "6A80");
        assert_eq!(bench.tries(), (6, 5), "says nothing about the old PIN");
    }
}

/// SP 800-73-4 part 2, 2.4.3 and 3.2.1: a field that cannot be a PIN spends no try.
#[test]
fn a_pin_of_a_wrong_form_spends_no_try() {
    let mut bench = Bench::new();
    let fields: [&[u8]; 8] = [
        b"135790",            // not padded
        b"12345\xFF\xFF\xFF", // too short
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"135790\xFF0",    // a digit after the padding
        b"135790\x00\x00", // other padding
        b"13579\x80\xFF\xFF",
        b"135790\xFF\xFF\xFF",
        b"1",
    ];
    for field in fields {
        assert_eq!(bench.word([0, 0x20, 0, 0x80], field), "6A80", "{field:02X?}");
    }
    for length in [0, 8, 15, 17] {
        let field = [padded(PIN), padded(b"246813"), Vec::from(*b"1")].concat();
        assert_eq!(bench.word([0, 0x24, 0, 0x80], &field[..length]), "6A80", "{length}");
        assert_eq!(bench.word([0, 0x24, 0, 0x81], &field[..length]), "6A80", "{length}");
        assert_eq!(bench.word([0, 0x2C, 0, 0x80], &field[..length]), "6A80", "{length}");
    }
    assert_eq!(bench.tries(), (6, 6));
}

/// PINs of this brand do not fit PIV's field. So PIV takes no PIN of this brand.
#[test]
fn a_brand_with_long_pins() {
    let mut longer = profile();
    longer.brand.pin_length = (6, 30);
    let mut bench = Bench::of(longer);
    assert_eq!(bench.verify(PIN), "6A80");
    assert_eq!(bench.word([0, 0x24, 0, 0x80], &[padded(PIN), padded(b"246813")].concat()), "6A80");
    assert_eq!(bench.word([0, 0x2C, 0, 0x80], &[padded(PUK), padded(b"246813")].concat()), "6A80");
    assert_eq!(bench.tries(), (6, 6));
    assert_eq!(bench.send(&hex!("00200080")), hex!("63C6"), "the tries may be asked for");
    assert_eq!(bench.word([0, 0x24, 0, 0x81], &[padded(PUK), padded(b"13572468")].concat()), "9000");
}
