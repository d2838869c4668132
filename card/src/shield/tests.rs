use super::*;
use crate::card::tests::script;
use hex_literal::hex;
use wire::{
    piv::{Algorithm, PinPolicy},
    shield::{DataObject, Import, Name, NewKey, Place, PrivateParts, Uses},
};

const SELECT: (&[u8], &[u8]) = (&hex!("00A4040009 F0555348 49454C4401 00"), &hex!("9000"));

#[test]
fn the_bytes_of_each_command() {
    let key = hex!("7F49 03 8601 04");
    let mut card = script(&[
        SELECT,
        (&hex!("00200080 06 313335373930"), &hex!("9000")),
        (&hex!("00200080"), &hex!("9000")),
        (&hex!("80240080 0A 8003 313233 8103 343536"), &hex!("9000")),
        (&hex!("802C0080 06 8001 31 8101 32"), &hex!("9000")),
        (&hex!("80460050 000003 800111 0000"), &[&key[..], &hex!("9000")].concat()),
        (&hex!("802B0050 02 3000 00"), &hex!("3002 9000")),
        (&hex!("802A0000 02 3000 00"), &hex!("3003 9000")),
        (&hex!("80DB0000 09 A007 800150 8102 3000"), &hex!("9000")),
        (&hex!("80CA0050 000000"), &hex!("6A82")),
        (&hex!("80CA019A 000000"), &hex!("0102 9000")),
        (&hex!("80CA0250 000000"), &hex!("6982")),
        (&hex!("80F90000 000000"), &hex!("3000 9000")),
        (&hex!("80F9019A 000000"), &hex!("6A82")),
        (&hex!("80F90250 000000"), &hex!("6D00")),
        (&hex!("80F9019A 000000"), &hex!("6985")),
    ]);
    let mut shield = Shield::select(&mut card).unwrap();
    let nine_a = Container::Piv(wire::piv::Slot::Authentication);
    shield.verify(b"135790").unwrap();
    assert_eq!(shield.pin_state().unwrap(), PinState::Verified);
    shield.change_pin(b"123", b"456").unwrap();
    shield.unblock(b"1", b"2").unwrap();
    assert_eq!(shield.generate(Container::Payment, KeyAlgorithm::P256).unwrap(), key);
    assert_eq!(shield.sign_request(Container::Payment, &[0x30, 0]).unwrap(), [0x30, 2]);
    assert_eq!(shield.sign_payment(&[0x30, 0]).unwrap(), [0x30, 3]);
    shield.install(&[(Container::Payment, &[0x30, 0])]).unwrap();
    assert_eq!(shield.certificate(Container::Payment).unwrap(), None);
    assert_eq!(shield.public_key(nine_a).unwrap(), Some(vec![1, 2]));
    assert!(matches!(
        shield.pending_public_key(Container::Payment),
        Err(Error::Refused(StatusWord::SECURITY_NOT_SATISFIED))
    ));
    assert_eq!(shield.attestation_certificate().unwrap(), Some(vec![0x30, 0]));
    assert_eq!(shield.attest(nine_a).unwrap(), None, "a token without an attestation key");
    assert_eq!(shield.attest_pending(Container::Payment).unwrap(), None, "a token from before");
    assert!(matches!(shield.attest(nine_a), Err(Error::Refused(StatusWord::CONDITIONS_NOT_SATISFIED))));
}

#[test]
fn whose_tries_are_told() {
    let mut card = script(&[
        SELECT,
        (&hex!("00200080"), &hex!("63C4")),
        (&hex!("00200080 01 31"), &hex!("63C3")),
        (&hex!("00200080 01 31"), &hex!("6983")),
        (&hex!("00200080"), &hex!("6983")),
        (&hex!("802C0080 06 800131 810132"), &hex!("63C2")),
        (&hex!("80240081 06 800131 810132"), &hex!("6983")),
        (&hex!("802C0080 06 800131 810132"), &hex!("9D06")),
    ]);
    let mut shield = Shield::select(&mut card).unwrap();
    assert_eq!(shield.pin_state().unwrap(), PinState::Tries(4));
    assert_eq!(shield.verify(b"1").unwrap_err().tries(), Some(3));
    assert_eq!(shield.verify(b"1").unwrap_err().tries(), Some(0));
    assert_eq!(shield.pin_state().unwrap(), PinState::Tries(0));
    assert!(matches!(shield.unblock(b"1", b"2"), Err(Error::PukRefused(StatusWord(0x63C2)))));
    assert!(matches!(shield.change_puk(b"1", b"2"), Err(Error::PukRefused(StatusWord::BLOCKED))));
    assert!(matches!(shield.unblock(b"1", b"2"), Err(Error::Refused(_))));
    // An empty PIN would ask for the tries left and look verified.
    assert!(matches!(shield.verify(b""), Err(Error::Invalid(_))));
}

/// docs/shield-applet.md, byte by byte.
#[test]
fn the_bytes_of_commands_on_objects() {
    let (key, name) = (hex!("7F49 03 8601 04"), Name { label: "k".into(), id: vec![9], notes: vec![] });
    let nine_c = Container::Piv(wire::piv::Slot::Signature);
    let mut card = script(&[
        SELECT,
        (
            &hex!("80480000 00000C 800111 810103 83016B 840109 0000"),
            &[&hex!("800182")[..], &key, &hex!("9000")].concat(),
        ),
        (&hex!("8048019C 000003 800107 0000"), &hex!("6A84")),
        (&hex!("80DA009C 0A 81023000 83016B 840109 00"), &hex!("80019C 9000")),
        (&hex!("80DC019C 06 83016B 840109"), &hex!("9000")),
        (&hex!("80DC029C"), &hex!("9000")),
        (&hex!("80E4019C"), &hex!("9000")),
        (
            &hex!("80490000 000012 800111 810103 83016B 840109 A404 06020707 0000"),
            &[&hex!("800182")[..], &key, &hex!("9000")].concat(),
        ),
        (&hex!("802D029C 000002 0405 0000"), &hex!("09 9000")),
        (&hex!("80CA039C 000000"), &hex!("03 9000")),
        (&hex!("80CA049C 000000"), &hex!("6A82")),
        (&hex!("80E4029C"), &hex!("9000")),
        (&hex!("80E4039C"), &hex!("6A88")),
        (&hex!("80F40000 000000"), &hex!("A00B 800150 A206 8804 00000003 9000")),
    ]);
    let mut shield = Shield::select(&mut card).unwrap();
    let wish =
        NewKey { algorithm: Algorithm::P256, pin: Some(PinPolicy::Always), uses: None, name: name.clone() };
    let (made, public) = shield.create_key(Place::Any, &wish).unwrap();
    assert_eq!((made.reference(), &public[..]), (0x82, &key[..]));
    let plain = NewKey { algorithm: Algorithm::Rsa2048, pin: None, uses: None, name: Name::default() };
    assert!(matches!(
        shield.create_key(Place::Over(nine_c), &plain),
        Err(Error::Refused(StatusWord::NO_MEMORY))
    ));
    assert_eq!(shield.put_certificate(Place::In(nine_c), &[0x30, 0], &name).unwrap(), nine_c);
    shield.name_key(nine_c, &name).unwrap();
    shield.name_certificate(nine_c, &Name::default()).unwrap();
    shield.delete_key(nine_c).unwrap();
    let import = Import { key: wish, parts: PrivateParts::Scalar(&[7; 2]) };
    let (taken, public) = shield.import_key(Place::Any, &import).unwrap();
    assert_eq!((taken.reference(), &public[..]), (0x82, &key[..]));
    assert_eq!(*shield.use_key(nine_c, Uses::AGREE, &[4, 5]).unwrap(), [9]);
    assert_eq!(shield.key_notes(nine_c).unwrap(), [3]);
    assert_eq!(shield.certificate_notes(nine_c).unwrap(), Vec::<u8>::new());
    shield.delete_certificate(nine_c).unwrap();
    assert!(matches!(shield.empty(nine_c), Err(Error::Refused(StatusWord::NO_SUCH_KEY))));
    let contents = shield.contents().unwrap();
    assert_eq!(contents[0].container, Container::Payment);
    assert_eq!(contents[0].certificate.as_ref().map(|head| head.length), Some(3));
}

#[test]
fn the_bytes_of_commands_on_data_and_of_the_officers() {
    let mut card = script(&[
        SELECT,
        (&hex!("80E00000 09 83016C 860101 870107 00"), &hex!("800103 9000")),
        (&hex!("80B00003 000000"), &hex!("83016C 860101 870107 9000")),
        (&hex!("80D60003 09 83016C 860101 870107"), &hex!("9000")),
        (&hex!("80E40403"), &hex!("9000")),
        (&hex!("80F40400 000000"), &hex!("A30C 800103 860100 8804 00000001 9000")),
        (&hex!("80240081 06 800131 810131"), &hex!("9000")),
        (&hex!("80F60000 06 800131 81014C"), &hex!("63C2")),
        (&hex!("00840000 02"), &hex!("0102 9000")),
        (&hex!("00840000 03"), &hex!("0102 9000")),
    ]);
    let mut shield = Shield::select(&mut card).unwrap();
    let object = DataObject { private: true, label: "l".into(), value: vec![7], ..DataObject::default() };
    assert_eq!(shield.create_data(&object).unwrap(), 3);
    assert_eq!(shield.read_data(3).unwrap(), object);
    shield.update_data(3, &object).unwrap();
    shield.delete_data(3).unwrap();
    let heads = shield.data_objects().unwrap();
    assert_eq!((heads[0].number, heads[0].length, heads[0].object.private), (3, 1, false));
    shield.check_puk(b"1").unwrap();
    assert!(matches!(shield.initialise(b"1", "L"), Err(Error::PukRefused(StatusWord(0x63C2)))));
    let mut random = [0; 2];
    shield.random(&mut random).unwrap();
    assert_eq!(random, [1, 2]);
    assert!(matches!(shield.random(&mut [0; 3]), Err(Error::Nonsense(_))));
}
