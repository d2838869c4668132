//! The applet at the level of commands and answers: what hosts make, name, keep and erase with it.

mod data;
mod import;
mod initialise;
mod object;
mod replacement;

use alloc::{format, string::String, vec::Vec};

use chacha20::ChaCha20Rng;
use der::Encode as _;
use wire::{
    apdu::{Command, Response, StatusWord},
    piv::{Algorithm, PublicKey, Slot},
    shield::{Container, Contents, Name, NewKey, Place, put_certificate},
    tlv,
};

use super::Shield;
use crate::{
    applet::{Applet as _, Step},
    application::Application,
    consent::Consent,
    crypto::KeyAlgorithm,
    fixture::{Flash, PIN, PUK, SECRET, application, profile, rng, work},
    refusal::Refusal,
    vault::{KeyId, Op},
};

const NINE_A: Container = Container::Piv(Slot::Authentication);

/// A token with the applet selected.
struct Bench {
    shield: Shield,
    application: Application<Flash, ChaCha20Rng>,
}

impl Bench {
    fn new() -> Self {
        Self { shield: Shield::default(), application: application(profile(), Some(PIN)) }
    }

    /// With the PIN verified.
    fn verified() -> Self {
        let mut bench = Self::new();
        bench.verify();
        bench
    }

    fn verify(&mut self) {
        assert_eq!(self.word([0, 0x20, 0, 0x80], PIN), "9000");
    }

    /// Another token with the same records, plugged in anew.
    fn again(&mut self) -> Self {
        let flash = self.application.storage().clone();
        Self { shield: Shield::default(), application: Application::open(profile(), &SECRET, flash, rng(7)) }
    }

    /// The data of the answer, and its status as four digits.
    fn send(&mut self, [class, instruction, p1, p2]: [u8; 4], data: &[u8], ne: u32) -> (Vec<u8>, String) {
        let mut apdu = Vec::new();
        Command::new(class, instruction, p1, p2, data).expecting(ne).encode(&mut apdu).unwrap();
        let step = self.shield.command(&mut self.application, &Command::parse(&apdu).unwrap());
        match work(&mut self.shield, &mut self.application, step) {
            Step::Done(answer) => (answer.data, format!("{}", answer.status)),
            other => panic!("{other:?}"),
        }
    }

    fn word(&mut self, header: [u8; 4], data: &[u8]) -> String {
        self.send(header, data, 65_536).1
    }

    /// The data of a command that succeeds.
    fn data(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let (data, status) = self.send(header, data, 65_536);
        assert_eq!(status, "9000", "{header:02X?}");
        data
    }

    fn create(&mut self, place: Place, key: &NewKey) -> (Vec<u8>, String) {
        let (p1, p2) = place.parameters();
        self.send([0x80, 0x48, p1, p2], &key.bytes(), 65_536)
    }

    fn put(&mut self, place: Place, certificate: &[u8], name: &Name) -> (Vec<u8>, String) {
        let (p1, p2) = place.parameters();
        self.send([0x80, 0xDA, p1, p2], &put_certificate(certificate, name), 65_536)
    }

    fn contents(&mut self) -> Vec<Contents> {
        Contents::parse_list(&self.data([0x80, 0xF4, 0, 0], &[])).unwrap()
    }

    /// Signs with a container's key, and spends the proof that there is.
    fn sign(&mut self, container: Container) -> Result<Vec<u8>, Refusal> {
        let proof = self.application.take_proof();
        let digest = Consent::unseen(alloc::vec![7; 32]);
        self.application.operate(KeyId::Current(container), Op::Sign, proof, digest)
    }
}

fn retired(number: u8) -> Container {
    Container::Piv(Slot::Retired(wire::piv::Retired::new(number).unwrap()))
}

fn plain(algorithm: Algorithm) -> NewKey {
    NewKey { algorithm, pin: None, uses: None, name: Name::default() }
}

fn name(label: &str, id: &[u8]) -> Name {
    Name { label: label.into(), id: id.into(), notes: Vec::new() }
}

/// CN=x.
const HOLDER: &[u8] = b"\x30\x0C\x31\x0A\x30\x08\x06\x03\x55\x04\x03\x0C\x01x";

/// The outline of a certificate for a P-256 key (7F49), with all that a token looks at.
fn certificate(key: &[u8]) -> Vec<u8> {
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(KeyAlgorithm::P256, key) else {
        panic!("no point")
    };
    let sequence = |parts: &[&[u8]]| tlv::object(0x30, &parts.concat());
    let algorithm =
        sequence(&[b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07"]);
    let spki = sequence(&[&algorithm, &tlv::object(3, &[&[0], point].concat())]);
    let tbs = sequence(&[b"\xA0\x03\x02\x01\x02\x02\x01\x07", &sequence(&[]).repeat(3), HOLDER, &spki]);
    let signature = der::asn1::BitStringRef::from_bytes(&[1]).unwrap().to_der().unwrap();
    sequence(&[&tbs, &sequence(&[]), &signature])
}
