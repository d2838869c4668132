//! The part of the recorded story that is SM2's: a payment key, and a key that signs and decrypts by both applets.

use std::process::Command;

use super::*;
use crate::crypto::sm2;

/// Whether a key of SM2 signed the document, for the default identifier.
pub(super) fn is_signed(point: &[u8], document: &[u8], signature: &[u8]) -> bool {
    let key = sm2::PublicKey::from_point(point).unwrap();
    let signature = wire::sm2::Signature::parse(signature).unwrap();
    key.verifies(&key.digest(sm2::Identifier::DEFAULT, document), &signature)
}

/// A host, and a token of a brand whose payments are signed with SM2.
fn host() -> Host {
    let mut profile = fixture::profile();
    profile.brand.algorithm = Curve::Sm2.algorithm();
    Host::with(token_of(profile))
}

/// GET INFORMATION, which tells the algorithm; a payment; then CREATE KEY in slot 82, and USE KEY, by the shield's applet; then GENERAL AUTHENTICATE by PIV. Gives the payment
/// key's point and the signature over [`order`].
fn story(host: &mut Host) -> (Vec<u8>, Vec<u8>) {
    host.control(hex!("0009 0100 0000 0000"));
    host.message(to_reader::ICC_POWER_ON, [0; 3], &[]);
    host.ok(apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &shield::AID));
    let information = host.ok(shield_command(shield::instruction::GET_INFORMATION, 0, &[]));
    assert_eq!(tlv::find(&information, 0x89), Some(&[0x54][..]));
    let change = [tlv::object(0x80, FACTORY_PIN), tlv::object(0x81, fixture::PIN)].concat();
    host.ok(shield_command(shield::instruction::CHANGE_REFERENCE_DATA, 0x80, &change));
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    let (_, status) =
        host.transmit(shield_command(shield::instruction::GENERATE, PAYMENT, &hex!("80 01 11")));
    assert_eq!(status, StatusWord::WRONG_DATA, "a payment key is of the brand's algorithm");
    let point = enrol(host, Curve::Sm2);
    assert_eq!(host.verify(fixture::PIN), StatusWord::OK);
    host.press(&OKS);
    let payment = host.ok(shield_command(shield::instruction::SIGN_PAYMENT, 0, &order()));
    assert!(is_signed(&point, &order(), &payment));
    let payer = point;
    host.ok(apdu::Command::new(shield::CLASS, shield::instruction::ATTEST, 1, PAYMENT, &[]));

    host.ok(shield_command(shield::instruction::CREATE_KEY, 0x82, &hex!("80 01 54")));
    let template = host.ok(apdu::Command::new(shield::CLASS, shield::instruction::GET_OBJECT, 1, 0x82, &[]));
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(Curve::Sm2.algorithm(), &template) else {
        panic!("{template:02X?}")
    };
    let key = sm2::PublicKey::from_point(point).unwrap();
    let ciphertext = key.encrypt(b"a session key", &mut fixture::rng(9)).unwrap().bytes();
    let decrypt = apdu::Command::new(shield::CLASS, shield::instruction::USE_KEY, 4, 0x82, &ciphertext);
    assert_eq!(host.ok(decrypt), b"a session key");
    let e = key.digest(sm2::Identifier::DEFAULT, b"a document");
    let sign = apdu::Command::new(shield::CLASS, shield::instruction::USE_KEY, 1, 0x82, &e);
    let signature = host.ok(sign);
    assert!(is_signed(point, b"a document", &signature));
    host.ok(apdu::Command::new(shield::CLASS, shield::instruction::LIST, 0, 0, &[]));

    host.ok(apdu::Command::new(0, piv::instruction::SELECT, 4, 0, &piv::AID));
    let padded = [fixture::PIN, &[0xFF; 2]].concat();
    host.ok(apdu::Command::new(0, piv::instruction::VERIFY, 0, 0x80, &padded));
    let data = tlv::object(0x7C, &[tlv::object(0x82, &[]), tlv::object(0x81, &e)].concat());
    let answer = host.ok(apdu::Command::new(0, piv::instruction::GENERAL_AUTHENTICATE, 0x54, 0x82, &data));
    let signature = tlv::find(tlv::only(&answer, 0x7C).unwrap(), 0x82).unwrap();
    assert!(is_signed(point, b"a document", signature));
    host.token.unplug();
    (payer, payment)
}

/// OpenSSL 3 computes Z and e itself, of the key and of the identifier that it is told.
#[test]
fn openssl_verifies_the_payment() {
    let (point, signature) = story(&mut host());
    let folder = env::temp_dir().join(format!("ushield-sm2-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let verifies = |document: &[u8], identifier: &str| {
        fs::write(folder.join("key"), spki(Curve::Sm2, &point)).unwrap();
        fs::write(folder.join("document"), document).unwrap();
        fs::write(folder.join("signature"), &signature).unwrap();
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(&folder)
            .args(["pkeyutl", "-verify", "-pubin", "-inkey", "key", "-keyform", "DER"]);
        openssl.args(["-in", "document", "-sigfile", "signature", "-rawin", "-digest", "sm3"]);
        openssl.args(["-pkeyopt", &format!("distid:{identifier}")]).output().unwrap().status.success()
    };
    assert!(verifies(&order(), "1234567812345678"));
    assert!(!verifies(&order()[1..], "1234567812345678"));
    assert!(!verifies(&order(), "8765432187654321"));
    fs::remove_dir_all(&folder).unwrap();
}

/// As the story of P-256: `WRITE_TRANSCRIPT=1 cargo test -p firmware transcript` writes the record anew.
#[test]
fn the_transcript_of_sm2_is_the_same_every_time() {
    let mut host = host();
    let _ = story(&mut host);
    compare(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcript-sm2.txt"), &host.lines);
}
