use super::*;
use crate::crypto::{ManagementAlgorithm, ManagementKey};
use hex_literal::hex;

/// Whether the management key is proved. The test sends PUT DATA of an object that no token keeps: the answer tells,
/// and nothing changes.
fn is_managed(bench: &mut Bench) -> bool {
    match &*bench.word([0, 0xDB, 0x3F, 0xFF], &hex!("5C017E 5300")) {
        "6A81" => true,
        "6982" => false,
        other => panic!("{other}"),
    }
}

/// SP 800-73-4 part 2, appendix A.1, with every byte but the random ones. Triple-DES has its older name, 00.
#[test]
fn appendix_a_1_the_administrator_proves_the_key() {
    let mut bench = Bench::new();
    let answer = bench.send(&hex!("00 87 00 9B 04 7C 02 81 00 00"));
    assert_eq!((answer.len(), &answer[..4], &answer[12..]), (14, &hex!("7C0A8108")[..], &hex!("9000")[..]));
    let mut block = answer[4..12].to_vec();
    ManagementKey::factory().encrypt_block(&mut block).unwrap();
    let response = [&hex!("00 87 00 9B 0C 7C 0A 82 08")[..], &block].concat();
    assert_eq!(bench.send(&response), hex!("9000"));
    assert!(is_managed(&mut bench));
    assert_eq!(bench.send(&response), hex!("6982"), "a challenge is for one answer");
    assert!(!is_managed(&mut bench));
}

/// SP 800-73-4 part 2, appendix A.2: each side proves that it has the key.
#[test]
fn appendix_a_2_both_sides_prove_the_key() {
    for shape in [&hex!("82 00")[..], &[]] {
        let mut bench = Bench::new();
        let answer = bench.send(&hex!("00 87 00 9B 04 7C 02 80 00 00"));
        assert_eq!(
            (answer.len(), &answer[..4], &answer[12..]),
            (14, &hex!("7C0A8008")[..], &hex!("9000")[..])
        );
        let mut witness = answer[4..12].to_vec();
        ManagementKey::factory().decrypt_block(&mut witness).unwrap();
        let challenge = hex!("090A0B0C0D0E0F10");
        let template = [&hex!("80 08")[..], &witness, &hex!("81 08"), &challenge, shape].concat();
        let data = tlv::object(0x7C, &template);
        let answer = bench.data([0, 0x87, 0, 0x9B], &data);
        let mut expected = challenge.to_vec();
        ManagementKey::factory().encrypt_block(&mut expected).unwrap();
        assert_eq!(answer, [&hex!("7C 0A 82 08")[..], &expected].concat());
        assert!(is_managed(&mut bench));
    }
}

#[test]
fn a_wrong_answer_proves_nothing() {
    let mut bench = Bench::managed();
    let nine_b = [0, 0x87, 0x03, 0x9B];
    bench.data(nine_b, &hex!("7C028100"));
    assert_eq!(bench.word(nine_b, &authenticate(&[(0x82, &[0; 8])])), "6982");
    assert!(!is_managed(&mut bench), "and ends what was proved before");
    bench.data(nine_b, &hex!("7C028000"));
    assert_eq!(bench.word(nine_b, &authenticate(&[(0x80, &[0; 8]), (0x81, &[0; 8])])), "6982");
    for response in [&[0; 7][..], &[0; 9]] {
        bench.data(nine_b, &hex!("7C028100"));
        assert_eq!(bench.word(nine_b, &authenticate(&[(0x82, response)])), "6982");
    }
    // The answer is right, but another command has ended the challenge.
    let mut block = inside(&bench.data(nine_b, &hex!("7C028100")), 0x81);
    ManagementKey::factory().encrypt_block(&mut block).unwrap();
    bench.send(&hex!("00200080"));
    assert_eq!(bench.word(nine_b, &authenticate(&[(0x82, &block)])), "6982");
    assert!(!is_managed(&mut bench));
}

/// The card must not answer its own challenge.
#[test]
fn the_card_encrypts_nothing_for_strangers() {
    let mut bench = Bench::new();
    let nine_b = [0, 0x87, 0x03, 0x9B];
    let challenge = inside(&bench.data(nine_b, &hex!("7C028100")), 0x81);
    let internal = authenticate(&[(0x81, &challenge), (0x82, &[])]);
    assert_eq!(bench.word(nine_b, &internal), "6982");
    let mut bench = Bench::managed();
    let mut expected = challenge.clone();
    ManagementKey::factory().encrypt_block(&mut expected).unwrap();
    assert_eq!(inside(&bench.data(nine_b, &internal), 0x82), expected);
}

#[test]
fn the_key_is_replaced_by_one_of_each_algorithm() {
    let mut bench = Bench::managed();
    let algorithms = [
        (0x08, ManagementAlgorithm::Aes128),
        (0x0A, ManagementAlgorithm::Aes192),
        (0x0C, ManagementAlgorithm::Aes256),
        (0x03, ManagementAlgorithm::Tdes),
    ];
    for (identifier, algorithm) in algorithms {
        let bytes = Vec::from_iter(0x40..0x40 + algorithm.key_length() as u8);
        let data = [&[identifier, 0x9B, bytes.len() as u8], &bytes[..]].concat();
        assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFF], &data), "9000");
        Applet::<Flash, ChaCha20Rng>::deselect(&mut bench.piv);
        assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFF], &data), "6982");
        let other = if identifier == 0x08 { 0x03 } else { 0x08 };
        assert_eq!(bench.word([0, 0x87, other, 0x9B], &hex!("7C028100")), "6A86", "another algorithm");
        assert_eq!(bench.manage(identifier, &ManagementKey::new(algorithm, &bytes).unwrap()), "9000");
    }
    for wrong in [&hex!("03 9B 18")[..], &hex!("11 9B 00"), &hex!("08 9A 00"), &hex!("0C 9B"), &[]] {
        assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFF], wrong), "6A80", "{wrong:02X?}");
    }
    let short = [&hex!("08 9B 0F")[..], &[7; 15]].concat();
    assert_eq!(bench.word([0, 0xFF, 0xFF, 0xFF], &short), "6A80");
}
