use hex_literal::hex;

use super::*;
use crate::card::tests::{Answering, script};
use wire::piv::{instruction, object};

const SELECT: (&[u8], &[u8]) = (&hex!("00A404000B A000000308 00001000 0100 00"), &hex!("9000"));

#[test]
fn the_bytes_of_each_command() {
    let digest = [0xD1; 32];
    let sign = [&hex!("0087119C 26 7C24 8200 8120")[..], &digest, &[0]].concat();
    let point = [4; 65];
    let agree = [&hex!("0087119D 47 7C45 8200 8541")[..], &point, &[0]].concat();
    let mut card = script(&[
        SELECT,
        (&hex!("00200080 08 313233343536FFFF"), &hex!("9000")),
        (&hex!("00200080"), &hex!("63C5")),
        (&hex!("0020FF80"), &hex!("9000")),
        (&hex!("00240080 10 313233343536FFFF 3635343332313938"), &hex!("9000")),
        (&hex!("00240081 10 3132333435363738 3837363534333231"), &hex!("9000")),
        (&hex!("002C0080 10 3132333435363738 313233343536FFFF"), &hex!("63C1")),
        (&hex!("00CB3FFF 000005 5C035FC102 0000"), &hex!("5302 3019 9000")),
        (&hex!("00CB3FFF 000003 5C017E 0000"), &hex!("7E03 4F0100 9000")),
        (&hex!("00CB3FFF 000005 5C035FC105 0000"), &hex!("6A82")),
        (&hex!("00CB3FFF 000005 5C035FC10A 0000"), &hex!("5300 9000")),
        (&hex!("00DB3FFF 0B 5C035FC105 53 04 01020304"), &hex!("9000")),
        (&hex!("0047009A 000005 AC03800111 0000"), &hex!("7F49 03 8601 04 9000")),
        (&sign, &hex!("7C04 8202 3000 9000")),
        (&agree, &hex!("7C05 8203 010203 9000")),
    ]);
    let mut piv = Piv::select(&mut card).unwrap();
    piv.verify(b"123456").unwrap();
    assert_eq!(piv.pin_state().unwrap(), PinState::Tries(5));
    piv.log_out().unwrap();
    piv.change_pin(b"123456", b"65432198").unwrap();
    piv.change_puk(b"12345678", b"87654321").unwrap();
    assert!(matches!(piv.unblock(b"12345678", b"123456"), Err(Error::PukRefused(_))));
    assert_eq!(piv.data_object(object::CHUID).unwrap(), Some(hex!("3019").to_vec()));
    assert_eq!(piv.data_object(object::DISCOVERY).unwrap(), Some(hex!("4F0100").to_vec()));
    assert_eq!(piv.data_object(object::AUTHENTICATION_CERTIFICATE).unwrap(), None);
    assert_eq!(piv.certificate(Slot::Signature).unwrap(), None);
    piv.put_data_object(object::AUTHENTICATION_CERTIFICATE, &[1, 2, 3, 4]).unwrap();
    assert_eq!(piv.generate(Slot::Authentication, Algorithm::P256).unwrap(), hex!("7F49 03 8601 04"));
    assert_eq!(piv.sign(Slot::Signature, Algorithm::P256, &digest).unwrap(), [0x30, 0]);
    assert_eq!(*piv.agree(Slot::KeyManagement, Algorithm::P256, &point).unwrap(), [1, 2, 3]);
}

#[test]
fn certificates() {
    let mut card = script(&[
        SELECT,
        (&hex!("00DB3FFF 10 5C035FC101 5309 70023000 710100 FE00"), &hex!("9000")),
        (&hex!("00CB3FFF 000005 5C035FC101 0000"), &hex!("5309 70023000 710100 FE00 9000")),
        (&hex!("00CB3FFF 000005 5C035FC101 0000"), &hex!("5309 70023000 710101 FE00 9000")),
        (&hex!("00CB3FFF 000005 5C035FC101 0000"), &hex!("5302 FE00 9000")),
        (&hex!("00CB3FFF 000005 5C035FC101 0000"), &hex!("5302 FE 9000")),
    ]);
    let mut piv = Piv::select(&mut card).unwrap();
    piv.put_certificate(Slot::CardAuthentication, &[0x30, 0]).unwrap();
    assert_eq!(piv.certificate(Slot::CardAuthentication).unwrap(), Some(vec![0x30, 0]));
    for _ in ["compressed only in name", "without tag 70", "cut short"] {
        assert!(matches!(piv.certificate(Slot::CardAuthentication), Err(Error::Nonsense(_))));
    }
}

#[test]
fn a_pin_that_does_not_fit_its_field_costs_no_try() {
    let mut card = script(&[SELECT]);
    let mut piv = Piv::select(&mut card).unwrap();
    for pin in [&b""[..], b"123456789", b"1234\xFF"] {
        assert!(matches!(piv.verify(pin), Err(Error::Invalid(_))));
        assert!(matches!(piv.change_pin(b"123456", pin), Err(Error::Invalid(_))));
    }
}

/// A card that holds the key `key`, as SP 800-73-4 part 2, appendix A.1 has it; `honest` or answering at random.
fn holder(algorithm: Algorithm, key: Vec<u8>, honest: bool) -> Card {
    let witness: Vec<u8> = (0..if algorithm == Algorithm::Tdes { 8 } else { 16 }).collect();
    Card::by(
        Box::new(Answering(move |command: &[u8]| {
            if command[1] == instruction::SELECT {
                return vec![0x90, 0];
            }
            assert_eq!(command[..4], [0, 0x87, algorithm as u8, 0x9B]);
            let cipher = management::Cipher::new(algorithm, &key).unwrap();
            let inside = tlv::only(&command[5..command.len() - 1], 0x7C).unwrap();
            let answer = match tlv::find(inside, tag::CHALLENGE) {
                None => {
                    let mut sealed = witness.clone();
                    cipher.encrypt(&mut sealed).unwrap();
                    tlv::object(tag::WITNESS, &sealed)
                }
                Some(challenge) => {
                    if tlv::find(inside, tag::WITNESS) != Some(&witness[..]) {
                        return vec![0x69, 0x82];
                    }
                    let mut proof = challenge.to_vec();
                    cipher.encrypt(&mut proof).unwrap();
                    proof[0] ^= u8::from(!honest);
                    tlv::object(tag::RESPONSE, &proof)
                }
            };
            [tlv::object(0x7C, &answer), vec![0x90, 0]].concat()
        })),
        Vec::new(),
    )
}

#[test]
fn the_management_key_is_proved_by_both_sides() {
    let default = hex!("010203040506070801020304050607080102030405060708");
    for (algorithm, length) in
        [(Algorithm::Tdes, 24), (Algorithm::Aes128, 16), (Algorithm::Aes192, 24), (Algorithm::Aes256, 32)]
    {
        let key: Vec<u8> = default.iter().copied().cycle().take(length).collect();
        let authenticate =
            |card: &mut Card, key: &[u8]| Piv::select(card).unwrap().authenticate_management(algorithm, key);
        authenticate(&mut holder(algorithm, key.clone(), true), &key).unwrap();
        let mut other = key.clone();
        other[3] ^= 0x10;
        assert!(matches!(
            authenticate(&mut holder(algorithm, other, true), &key),
            Err(Error::Refused(StatusWord::SECURITY_NOT_SATISFIED))
        ));
        assert!(matches!(
            authenticate(&mut holder(algorithm, key.clone(), false), &key),
            Err(Error::Nonsense(_))
        ));
        assert!(matches!(
            authenticate(&mut holder(algorithm, key.clone(), true), &key[1..]),
            Err(Error::Invalid(_))
        ));
    }
}

#[test]
fn ciphers_of_their_standards() {
    // FIPS 197, appendix C.1 and C.3.
    let mut block = hex!("00112233445566778899AABBCCDDEEFF");
    let key: Vec<u8> = (0..32).collect();
    management::Cipher::new(Algorithm::Aes128, &key[..16]).unwrap().encrypt(&mut block).unwrap();
    assert_eq!(block, hex!("69C4E0D86A7B0430D8CDB78070B4C55A"));
    management::Cipher::new(Algorithm::Aes128, &key[..16]).unwrap().decrypt(&mut block).unwrap();
    management::Cipher::new(Algorithm::Aes256, &key).unwrap().encrypt(&mut block).unwrap();
    assert_eq!(block, hex!("8EA2B7CA516745BFEAFC49904B496089"));
    // Three equal DES keys are one DES: the example of FIPS 46's validation list (NBS SP 500-20).
    let mut block = hex!("0123456789ABCDE7");
    management::Cipher::new(Algorithm::Tdes, &hex!("0123456789ABCDEF").repeat(3))
        .unwrap()
        .encrypt(&mut block)
        .unwrap();
    assert_eq!(block, hex!("C95744256A5ED31D"));
}

#[test]
fn a_witness_of_a_wrong_length() {
    let mut card = Card::by(
        Box::new(Answering(|command: &[u8]| match command[1] {
            instruction::SELECT => vec![0x90, 0],
            _ => hex!("7C03 8001 AA 9000").to_vec(),
        })),
        Vec::new(),
    );
    let outcome = Piv::select(&mut card).unwrap().authenticate_management(Algorithm::Aes128, &[0; 16]);
    assert!(matches!(outcome, Err(Error::Nonsense(_))));
}
