//! The applet at the level of commands and answers.

mod authenticate;
mod key;
mod object;
mod reference;
mod renewal;
mod wrong;
mod yubico;

use alloc::{format, string::String, vec::Vec};

use chacha20::ChaCha20Rng;
use wire::{
    apdu::{Command, Response, StatusWord},
    piv::tag,
    tlv,
};

use super::Piv;
use crate::{
    applet::{Applet, Step},
    application::Application,
    fixture::{Flash, PIN, application, profile, work},
    profile::Profile,
};

/// A token with the applet selected.
struct Bench {
    piv: Piv,
    application: Application<Flash, ChaCha20Rng>,
}

impl Bench {
    fn new() -> Self {
        Self::of(profile())
    }

    fn of(profile: Profile) -> Self {
        Self { piv: Piv::default(), application: application(profile, Some(PIN)) }
    }

    /// Sends a command, and runs the long computations that the command asks for. Returns the answer's data, then
    /// SW1-SW2.
    fn send(&mut self, apdu: &[u8]) -> Vec<u8> {
        let command = Command::parse(apdu).unwrap();
        let step = self.piv.command(&mut self.application, &command);
        match work(&mut self.piv, &mut self.application, step) {
            Step::Done(answer) => [answer.data, answer.status.bytes().to_vec()].concat(),
            other => panic!("{other:?}"),
        }
    }

    fn command(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let [class, instruction, p1, p2] = header;
        let mut apdu = Vec::new();
        Command::new(class, instruction, p1, p2, data).expecting(65_536).encode(&mut apdu).unwrap();
        self.send(&apdu)
    }

    fn status(&mut self, apdu: &[u8]) -> StatusWord {
        Response::parse(&self.send(apdu)).unwrap().status
    }

    /// The status of a command, as four digits.
    fn word(&mut self, header: [u8; 4], data: &[u8]) -> String {
        format!("{}", Response::parse(&self.command(header, data)).unwrap().status)
    }

    /// The data of a command that succeeds.
    fn data(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        let answer = self.command(header, data);
        let response = Response::parse(&answer).unwrap();
        assert_eq!(response.status, StatusWord::OK, "{header:02X?}");
        response.data.to_vec()
    }

    fn verify(&mut self, pin: &[u8]) -> String {
        self.word([0, 0x20, 0, 0x80], &padded(pin))
    }

    /// External authentication with the management key.
    fn manage(&mut self, algorithm: u8, key: &crate::crypto::ManagementKey) -> String {
        let challenge = self.data([0, 0x87, algorithm, 0x9B], b"\x7C\x02\x81\x00");
        let mut block = inside(&challenge, tag::CHALLENGE);
        key.encrypt_block(&mut block).unwrap();
        self.word([0, 0x87, algorithm, 0x9B], &authenticate(&[(tag::RESPONSE, &block)]))
    }

    fn managed() -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.manage(0x03, &crate::crypto::ManagementKey::factory()), "9000");
        bench
    }

    fn tries(&self) -> (u8, u8) {
        let [pin, puk, ..] = self.application.tries();
        (pin, puk)
    }
}

fn padded(pin: &[u8]) -> Vec<u8> {
    let mut field = pin.to_vec();
    field.resize(8, 0xFF);
    field
}

/// A dynamic authentication template.
fn authenticate(objects: &[(u32, &[u8])]) -> Vec<u8> {
    let mut inside = Vec::new();
    for (tag, value) in objects {
        tlv::put(&mut inside, *tag, value);
    }
    tlv::object(tag::DYNAMIC_AUTHENTICATION_TEMPLATE, &inside)
}

/// The one object in a dynamic authentication template.
fn inside(answer: &[u8], tag: u32) -> Vec<u8> {
    tlv::only(tlv::only(answer, tag::DYNAMIC_AUTHENTICATION_TEMPLATE).unwrap(), tag).unwrap().to_vec()
}
