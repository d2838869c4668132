use super::*;
use hex_literal::hex;
use proptest::prelude::*;
use wire::shield::Container;

use crate::vault::KeyId;

/// SP 800-73-4 part 2, 3.1.1, table 4.
#[test]
fn select_tells_the_application() {
    let answer = Applet::<Flash, ChaCha20Rng>::select(&mut Piv::default());
    let expected = hex!(
        "61 27 4F 06 000010000100 79 07 4F 05 A000000308"
        "50 14 50495620436172642041 70706C69636174696F6E"
    );
    assert_eq!((answer.data, answer.status), (expected.to_vec(), StatusWord::OK));
}

#[test]
fn what_is_wrong_and_what_it_answers() {
    let mut bench = Bench::managed();
    assert_eq!(bench.verify(PIN), "9000");
    assert_eq!(bench.word([0, 0x47, 0, 0x9A], &hex!("AC03800111")), "9000");
    let table: [(&[u8], u16); 46] = [
        // VERIFY
        (&hex!("00200000"), 0x6A88),
        (&hex!("00200081"), 0x6A88),
        (&hex!("00200180"), 0x6A86),
        (&hex!("0020FF80 08 313335373930FFFF"), 0x6A80),
        // CHANGE REFERENCE DATA, RESET RETRY COUNTER
        (&hex!("00240000"), 0x6A88),
        (&hex!("00240180"), 0x6A86),
        (&hex!("00240080"), 0x6A80),
        (&hex!("002C0081"), 0x6A88),
        (&hex!("002C0180"), 0x6A86),
        (&hex!("002C0080"), 0x6A80),
        // GET DATA
        (&hex!("00CB0000 03 5C017E"), 0x6A86),
        (&hex!("00CB3FFE 03 5C017E"), 0x6A86),
        (&hex!("00CB3FFF"), 0x6A80),
        (&hex!("00CB3FFF 02 5C00"), 0x6A80),
        (&hex!("00CB3FFF 06 5C045FC10200"), 0x6A80),
        (&hex!("00CB3FFF 05 53035FC102"), 0x6A80),
        (&hex!("00CB3FFF 04 5C035FC1"), 0x6A80),
        (&hex!("00CB3FFF 06 5C035FC10200"), 0x6A80),
        (&hex!("00CB3FFF 04 5C027F61"), 0x6A82),
        (&hex!("00CB3FFF 05 5C035FC122"), 0x6A82),
        (&hex!("00CB3FFF 03 5C0100"), 0x6A82),
        // PUT DATA
        (&hex!("00DB0000 07 5C035FC1025300"), 0x6A86),
        (&hex!("00DB3FFF"), 0x6A80),
        (&hex!("00DB3FFF 05 5C035FC102"), 0x6A80),
        (&hex!("00DB3FFF 07 5C035FC1025400"), 0x6A80),
        (&hex!("00DB3FFF 07 53005C035FC102"), 0x6A80),
        (&hex!("00DB3FFF 09 5C035FC10253005300"), 0x6A80),
        // GENERATE ASYMMETRIC KEY PAIR
        (&hex!("0047019A 05 AC03800111"), 0x6A86),
        (&hex!("0047009B 05 AC03800111"), 0x6A86),
        (&hex!("00470081 05 AC03800111"), 0x6A86),
        (&hex!("00470096 05 AC03800111"), 0x6A86),
        (&hex!("0047009A"), 0x6A80),
        // GENERAL AUTHENTICATE
        (&hex!("0087FF9A 04 7C028200"), 0x6A86),
        (&hex!("0087119B 04 7C028100"), 0x6A86),
        (&hex!("0087089B 04 7C028100"), 0x6A86),
        (&hex!("0087119C 04 7C028200"), 0x6A86),
        (&hex!("0087149A 04 7C028200"), 0x6A86),
        (&hex!("0087119A"), 0x6A80),
        (&hex!("0087119A 02 7C00"), 0x6A80),
        (&hex!("0087119A 06 7C0482008100"), 0x6A80),
        (&hex!("0087119A 07 7C058200810107"), 0x6A80),
        (&hex!("0087119A 08 7C06820082008100"), 0x6A80),
        (&hex!("0087119A 06 7C0482008300"), 0x6A80),
        (&hex!("0087119A 19 7C17 82010081 1207070707070707070707070707070707 0707"), 0x6A80),
        (&hex!("0087039B 02 7C00"), 0x6A80),
        (&hex!("0087039B 04 7C028500"), 0x6A80),
    ];
    for (apdu, word) in table {
        assert_eq!(bench.status(apdu), StatusWord(word), "{apdu:02X?}");
    }
    assert_eq!(bench.tries(), (6, 6));
}

#[test]
fn without_the_management_key() {
    let mut bench = Bench::new();
    for apdu in [&hex!("0047009A 05 AC03800111")[..], &hex!("00DB3FFF 07 5C035FC1025300"), &hex!("00FFFFFF")]
    {
        assert_eq!(bench.status(apdu), StatusWord::SECURITY_NOT_SATISFIED, "{apdu:02X?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The card answers every command, and no command brings a payment key.
    #[test]
    fn never_panics(commands in prop::collection::vec(
        (prop::sample::select(&[0x20u8, 0x24, 0x2C, 0x47, 0x87, 0xCB, 0xDB, 0xF7, 0xF8, 0xF9,
            0xFA, 0xFB, 0xFD, 0xFE, 0xFF]), any::<[u8; 2]>(),
         any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 1..8)) {
        let mut bench = Bench::managed();
        for (instruction, [p1, p2], likely, data) in commands {
            let (p1, p2) = if likely { (p1 & 0x1F, 0x80 | p2 & 0x1F) } else { (p1, p2) };
            let answer = bench.command([0, instruction, p1, p2], &data);
            prop_assert!(answer.len() >= 2);
        }
        let payment = KeyId::Current(Container::Payment);
        prop_assert_eq!(bench.application.public_key(payment).unwrap(), None);
    }
}
