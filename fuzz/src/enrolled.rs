//! A token from the counter: its PIN is set, and the payment key and 9A, 9C have keys and certificates.

use firmware::{
    Factory, Token,
    fixture::{Holder, PIN, PUK, SECRET, SharedFlash as Flash, profile, rng},
};
use wire::{
    apdu::{Command, StatusWord},
    algorithm::KeyAlgorithm,
    piv::{PublicKey, Slot, instruction::SELECT},
    shield::{self, AID, CLASS, Container, instruction},
    tlv,
};

use crate::host::Host;

/// Its flash, and the payment key's point.
pub fn enrolled() -> (Flash, Vec<u8>) {
    let flash = Flash::default();
    let factory = Factory { pin: Some(PIN.to_vec().into()), puk: PUK.to_vec().into(), label: String::new() };
    let made = Token::manufacture(profile(), &SECRET, flash.clone(), Holder::default(), rng(1), &factory);
    drop(made.expect("a new token"));
    let mut host = Host::plug(flash.clone());
    let mut ok = |command: Command<'_>| {
        let (data, status) = host.transmit(command);
        assert_eq!(status, StatusWord::OK, "{command:02X?}");
        data
    };
    ok(Command::new(0, SELECT, 4, 0, &AID));
    ok(Command::new(0, instruction::VERIFY, 0, 0x80, PIN));
    let containers =
        [Container::Payment, Container::Piv(Slot::Authentication), Container::Piv(Slot::Signature)];
    let made: Vec<(Container, Vec<u8>)> = containers
        .into_iter()
        .map(|container| {
            let key =
                ok(Command::new(CLASS, instruction::GENERATE, 0, container.reference(), &[0x80, 1, 0x11]));
            (container, point(&key))
        })
        .collect();
    let certificates: Vec<Vec<u8>> = made.iter().map(|(_, point)| certificate(point)).collect();
    let items: Vec<(Container, &[u8])> =
        made.iter().zip(&certificates).map(|((container, _), bytes)| (*container, &bytes[..])).collect();
    ok(Command::new(CLASS, instruction::INSTALL_CERTIFICATES, 0, 0, &shield::install(&items)));
    drop(host);
    (flash, made[0].1.clone())
}

fn point(template: &[u8]) -> Vec<u8> {
    match PublicKey::parse(KeyAlgorithm::P256, template) {
        Ok(PublicKey::Point { point, .. }) => point.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv::object(0x30, &parts.concat())
}

/// The outline of a certificate: all that a token looks at.
fn certificate(point: &[u8]) -> Vec<u8> {
    // id-ecPublicKey, prime256v1 (RFC 5480, 2).
    let algorithm = b"\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07";
    let key = sequence(&[algorithm, &tlv::object(3, &[&[0], point].concat())]);
    let tbs = sequence(&[b"\xA0\x03\x02\x01\x02\x02\x01\x07\x30\x00\x30\x00\x30\x00\x30\x00", &key]);
    sequence(&[&tbs, b"\x30\x00\x03\x02\x00\x01"])
}

/// An order for 100.00 CNY.
pub fn order() -> Vec<u8> {
    firmware::fixture::order().bytes().expect("it keeps the rules")
}
