//! A token from the counter: its PIN is set, and the payment key and 9A, 9C have keys and certificates.

use firmware::{
    Factory, Token,
    fixture::{Holder, PIN, PUK, SECRET, SharedFlash as Flash, rng},
    profile::Profile,
};
use wire::{
    apdu::{Command, StatusWord},
    algorithm::{Curve, KeyAlgorithm},
    piv::{Algorithm, PublicKey, Slot, instruction::SELECT},
    shield::{self, AID, CLASS, Container, instruction},
    tlv,
};

use crate::host::Host;

/// A token whose payments are signed with this algorithm.
pub fn profile(algorithm: KeyAlgorithm) -> Profile {
    let mut profile = firmware::fixture::profile();
    profile.brand.algorithm = algorithm;
    profile
}

/// The flash of such a token, and the payment key's point.
pub fn enrolled(algorithm: KeyAlgorithm) -> (Flash, Vec<u8>) {
    let flash = Flash::default();
    let factory = Factory { pin: Some(PIN.to_vec().into()), puk: PUK.to_vec().into(), label: String::new() };
    let made = Token::manufacture(profile(algorithm), &SECRET, flash.clone(), Holder::default(), rng(1), &factory);
    drop(made.expect("a new token"));
    let mut host = Host::plug(profile(algorithm), flash.clone());
    let mut ok = |command: Command<'_>| {
        let (data, status) = host.transmit(command);
        assert_eq!(status, StatusWord::OK, "{command:02X?}");
        data
    };
    ok(Command::new(0, SELECT, 4, 0, &AID));
    ok(Command::new(0, instruction::VERIFY, 0, 0x80, PIN));
    let containers =
        [Container::Payment, Container::Piv(Slot::Authentication), Container::Piv(Slot::Signature)];
    let made: Vec<(Container, Curve, Vec<u8>)> = containers
        .into_iter()
        .map(|container| {
            let algorithm = if container == Container::Payment { algorithm } else { KeyAlgorithm::P256 };
            let wish = tlv::object(0x80, &[Algorithm::from(algorithm) as u8]);
            let key = ok(Command::new(CLASS, instruction::GENERATE, 0, container.reference(), &wish));
            let (curve, point) = point(algorithm, &key);
            (container, curve, point)
        })
        .collect();
    let certificates: Vec<Vec<u8>> = made.iter().map(|(_, curve, point)| certificate(*curve, point)).collect();
    let items: Vec<(Container, &[u8])> =
        made.iter().zip(&certificates).map(|((container, ..), bytes)| (*container, &bytes[..])).collect();
    ok(Command::new(CLASS, instruction::INSTALL_CERTIFICATES, 0, 0, &shield::install(&items)));
    drop(host);
    (flash, made[0].2.clone())
}

fn point(algorithm: KeyAlgorithm, template: &[u8]) -> (Curve, Vec<u8>) {
    match PublicKey::parse(algorithm, template) {
        Ok(PublicKey::Point { curve, point }) => (curve, point.to_vec()),
        other => panic!("{other:?}"),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv::object(0x30, &parts.concat())
}

/// The outline of a certificate: all that a token looks at.
fn certificate(curve: Curve, point: &[u8]) -> Vec<u8> {
    // id-ecPublicKey and the curve (RFC 5480, 2).
    let algorithm = sequence(&[b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01", curve.parameters()]);
    let key = sequence(&[&algorithm, &tlv::object(3, &[&[0], point].concat())]);
    let tbs = sequence(&[b"\xA0\x03\x02\x01\x02\x02\x01\x07\x30\x00\x30\x00\x30\x00\x30\x00", &key]);
    sequence(&[&tbs, b"\x30\x00\x03\x02\x00\x01"])
}

/// An order for 100.00 CNY.
pub fn order() -> Vec<u8> {
    firmware::fixture::order().bytes().expect("it keeps the rules")
}
