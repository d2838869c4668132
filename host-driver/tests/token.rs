//! The firmware's token on the bus, with its records on disk.

mod engine;

use std::path::Path;

use engine::{
    Server,
    client::{Client, GET_DEVICE},
};
use firmware::{Factory, Token, profile::Profile};
use host_driver::{
    BusId,
    panel::{Habit, Panel, panel},
    store::{FileStore, secret},
};
use rand_core::SeedableRng;
use wire::usb::Setup;
use zeroize::Zeroizing;

type Kept = Token<FileStore, Panel, chacha20::ChaCha20Rng>;

fn token(folder: &Path) -> (Kept, host_driver::panel::Handle) {
    let secret = secret(&folder.join("config/secret")).unwrap();
    let store = FileStore::open(&folder.join("token")).unwrap();
    let (panel, handle) = panel(Habit::Accept);
    let rng = chacha20::ChaCha20Rng::seed_from_u64(1);
    let token = if Kept::exists(&store).unwrap() {
        Token::open(Profile::standard(), &secret, store, panel, rng)
    } else {
        let pin = |text: &[u8]| Zeroizing::new(text.to_vec());
        let factory = Factory { pin: Some(pin(b"246802")), puk: pin(b"12345678"), label: String::new() };
        Token::manufacture(Profile::standard(), &secret, store, panel, rng, &factory).unwrap()
    };
    assert!(token.is_healthy());
    (token, handle)
}

fn plug(server: &Server, folder: &Path) -> BusId {
    let (token, handle) = token(folder);
    server.exporter.plug(token, Some(handle)).unwrap()
}

/// Sends a CCID message. Returns its answer, and passes over the requests for more time.
fn ccid(host: &mut Client, kind: u8, sequence: u8, data: &[u8]) -> Vec<u8> {
    let answer = host.exchange(&message(kind, sequence, data));
    patiently(host, answer, sequence)
}

fn message(kind: u8, sequence: u8, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    [&[kind], &length[..], &[0, sequence, 0, 0, 0], data].concat()
}

fn patiently(host: &mut Client, mut answer: Vec<u8>, sequence: u8) -> Vec<u8> {
    while answer[7] >> 6 == 2 {
        let read = host.bulk_in(65_556);
        answer = host.end_of(read).1;
    }
    assert_eq!((answer[6], answer[7]), (sequence, 0));
    answer[10..].to_vec()
}

fn power_on(server: &Server, id: BusId) -> Client {
    let mut host = server.take(id);
    let control = host.control(Setup { request_type: 0, request: 9, value: 1, index: 0, length: 0 });
    assert_eq!(host.end_of(control).0, 0);
    assert_eq!(ccid(&mut host, 0x62, 0, &[])[0], 0x3B);
    // SELECT PIV.
    let piv = [&[0, 0xA4, 4, 0, 9][..], &wire::piv::AID[..9], &[0]].concat();
    assert!(ccid(&mut host, 0x6F, 1, &piv).ends_with(&[0x90, 0]));
    host
}

fn verify(pin: &[u8; 6]) -> Vec<u8> {
    [&[0, 0x20, 0, 0x80, 8][..], pin, &[0xFF, 0xFF]].concat()
}

#[test]
fn a_token_works_over_the_bus_and_its_tries_outlive_everything() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let id = plug(&server, folder.path());
    let mut host = power_on(&server, id);
    assert_eq!(ccid(&mut host, 0x6F, 2, &verify(b"246802")), [0x90, 0]);
    for left in [5, 4] {
        assert_eq!(ccid(&mut host, 0x6F, 3, &verify(b"135790")), [0x63, 0xC0 | left]);
    }
    // The host goes away in the middle of a try. The try was paid for.
    host.bulk_out(&message(0x6F, 4, &verify(b"135790")));
    let _ = host.reply().unwrap();
    drop(host);
    server.wait_free(id);
    let query = [0, 0x20, 0, 0x80];
    let mut host = power_on(&server, id);
    assert_eq!(ccid(&mut host, 0x6F, 5, &query), [0x63, 0xC3]);
    // The process ends, and the next process finds the same token.
    drop(host);
    drop(server.exporter.bus().remove(id).unwrap());
    let id = plug(&server, folder.path());
    let mut host = power_on(&server, id);
    assert_eq!(ccid(&mut host, 0x6F, 6, &query), [0x63, 0xC3]);
    // While Argon2 runs in a thread of its own, the token answers other requests. The three requests arrive together, so that the
    // descriptor is asked for before the PIN can be judged.
    let right = message(0x6F, 7, &verify(b"246802"));
    let ((out, first), (read, second), (control, third)) =
        (host.out_bytes(1, &right), host.in_bytes(2, 64), host.control_bytes(GET_DEVICE, &[]));
    host.send(&[first, second, third].concat());
    assert_eq!(host.end_of(out).0, 0);
    assert_eq!(host.end_of(control).1.len(), 18);
    let answer = host.end_of(read).1;
    assert_eq!(patiently(&mut host, answer, 7), [0x90, 0]);
}

/// A packet that is longer than the host's room is an overflow, as on a bus. The token sends that packet again.
#[test]
fn what_has_no_room_is_told_and_not_lost() {
    const EOVERFLOW: i32 = -75;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let id = plug(&server, folder.path());
    let mut host = power_on(&server, id);
    let mut read = |endpoint, room| {
        let (sequence, bytes) = host.in_bytes(endpoint, room);
        host.send(&bytes);
        host.end_of(sequence)
    };
    // RDR_to_PC_NotifySlotChange: two bytes.
    assert_eq!((read(3, 1), read(3, 0)), ((EOVERFLOW, vec![]), (EOVERFLOW, vec![])));
    assert_eq!(read(3, 2), (0, vec![0x50, 3]));
    // GET DATA of the discovery object brings 20 bytes and 9000, which are 32 bytes with the header.
    let out = host.bulk_out(&message(0x6F, 2, &[0, 0xCB, 0x3F, 0xFF, 3, 0x5C, 1, 0x7E, 0]));
    assert_eq!(host.end_of(out).0, 0);
    let mut read = |endpoint, room| {
        let (sequence, bytes) = host.in_bytes(endpoint, room);
        host.send(&bytes);
        host.end_of(sequence)
    };
    assert_eq!(
        (read(2, 1), read(2, 0), read(2, 31)),
        ((EOVERFLOW, vec![]), (EOVERFLOW, vec![]), (EOVERFLOW, vec![]))
    );
    let (status, answer) = read(2, 32);
    assert_eq!((status, answer.len(), &answer[..2]), (0, 32, &[0x80, 22][..]));
    // An answer on endpoint 0 is cut at wLength. The answer overflows where the host has less room than wLength.
    let short = Setup { length: 8, ..GET_DEVICE };
    let control = host.control(short);
    assert_eq!(host.end_of(control).1.len(), 8);
    let (control, mut bytes) = host.control_bytes(GET_DEVICE, &[]);
    bytes[24..28].copy_from_slice(&8_u32.to_be_bytes());
    host.send(&bytes);
    assert_eq!(host.end_of(control), (EOVERFLOW, vec![]));
    let control = host.control(GET_DEVICE);
    assert_eq!(host.end_of(control).1.len(), 18);
}
