//! Bytes that no libpcsclite would send. The service hangs up on the client that sends them, and the other clients
//! notice nothing.

use std::{
    io::{Read, Write},
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::{any, prop_oneof},
    strategy::{Just, Strategy},
    test_runner::{Config, TestRunner},
};
use wire::pcsclite::{Attribute, Control, Header, MAX_ATTRIBUTE, MAX_BUFFER, Request, Transmit, rv, share};

use crate::{
    raw::{Raw, SELECT_PIV},
    world::World,
};

/// An honest client works.
fn works(world: &World) {
    let mut raw = Raw::new(world.socket(), 6);
    let card = raw.shared(&world.reader());
    assert!(raw.transmit(card, SELECT_PIV).is_ok());
}

/// Whether the service hangs up after these bytes.
fn is_hung_up_on(raw: &mut Raw, bytes: &[u8]) -> bool {
    let _ = raw.stream.write_all(bytes);
    loop {
        match raw.stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            // The connection is reset because the service had not read all of the bytes.
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

fn transmit(length: u32, card: i32) -> Request {
    Request::Transmit(Transmit {
        card,
        send_protocol: 2,
        send_pci: 16,
        send_length: length,
        receive_protocol: 2,
        receive_pci: 16,
        receive_length: u32::MAX,
        rv: 0,
    })
}

fn bytes(request: &Request) -> Vec<u8> {
    let mut out = Vec::new();
    request.encode(&mut out);
    out
}

#[test]
fn lengths_that_lie() {
    let world = World::new(1);
    let too_long = u32::try_from(MAX_BUFFER + 1).unwrap();
    let control = |length| {
        Request::Control(Control {
            card: 0,
            code: 0,
            send_length: length,
            receive_length: 0,
            returned: 0,
            rv: 0,
        })
    };
    let question =
        Request::GetAttribute(Attribute { card: 0, id: 0, value: [0; MAX_ATTRIBUTE], length: 265, rv: 0 });
    for request in [transmit(too_long, 0), transmit(u32::MAX, 0), control(too_long), question] {
        let mut raw = Raw::new(world.socket(), 4);
        assert!(is_hung_up_on(&mut raw, &bytes(&request)), "{request:?}");
    }
    for (size, command) in [(0, 0), (0, 3), (0, 0x18), (13, 0x11), (u32::MAX, 0x04), (1, 0x12)] {
        let mut raw = Raw::new(world.socket(), 4);
        assert!(is_hung_up_on(&mut raw, &Header { size, command }.bytes()), "{size} {command}");
    }
    works(&world);
}

/// The longest buffer that the service takes. The token refuses the command, and the connection lives on.
#[test]
fn the_longest_command() {
    let world = World::new(1);
    let mut raw = Raw::new(world.socket(), 4);
    let card = raw.shared(&world.reader());
    let apdu = [&[0, 0xDB, 0x3F, 0xFF, 0, 0xFF, 0xFF][..], &vec![0x53; 65_535], &[0, 0]].concat();
    assert_eq!(raw.transmit(card, &apdu).unwrap().len(), 2, "a status word");
    assert_eq!(raw.transmit(card, &vec![0xFF; MAX_BUFFER]), Err(rv::NOT_TRANSACTED));
    assert!(raw.transmit(card, SELECT_PIV).is_ok());
}

#[test]
fn half_a_request() {
    let world = World::new(1);
    let whole = [&bytes(&transmit(10, 1))[..], SELECT_PIV].concat();
    for cut in [1, 7, 8, 9, 39, 40, 45] {
        let mut raw = Raw::new(world.socket(), 4);
        raw.stream.write_all(&whole[..cut]).unwrap();
        raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(is_hung_up_on(&mut raw, &[]), "cut at {cut}");
    }
    // A client that stops in the middle of a command and stays connected holds up nobody.
    let mut stays = Raw::new(world.socket(), 4);
    stays.stream.write_all(&whole[..20]).unwrap();
    works(&world);
}

/// Clients that read neither their answers nor the news do not hold up the others.
#[test]
fn who_does_not_read() {
    let world = World::new(1);
    let mut deaf = Raw::new(world.socket(), 4);
    deaf.stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let wait = bytes(&Request::Wait);
    while deaf.stream.write_all(&wait.repeat(64)).is_ok() {}
    let mut other = Raw::new(world.socket(), 4);
    other.watch();
    works(&world); // connects, which is news
    assert_eq!(other.news(), 0);
}

/// Bytes at random, and then requests whose fields are random.
#[test]
fn anything() {
    let world = World::new(1);
    let request =
        (0_u32..0x1A, vec(any::<u8>(), 0..300), prop_oneof![Just(None), any::<u32>().prop_map(Some)])
            .prop_map(|(command, body, size)| {
                let of =
                    [12, 12, 8, 0, 152, 24, 12, 8, 12, 32, 24, 8, 0, 8, 0, 280, 280, 12, 0, 0, 0, 0, 0, 0];
                let length = of.get(command as usize).copied().unwrap_or(0);
                let mut body = body;
                body.resize(length, 0x5A);
                let size = size.unwrap_or(length as u32);
                [&Header { size, command }.bytes()[..], &body].concat()
            });
    let stream = vec(prop_oneof![4 => request, 1 => vec(any::<u8>(), 0..64)], 1..8);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    runner
        .run(&stream, |parts| {
            let mut raw = Raw::new(world.socket(), 6);
            let _ = raw.connect(&world.reader(), share::SHARED, 3);
            let _ = raw.stream.write_all(&parts.concat());
            raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answers = Vec::new();
            let _ = raw.stream.read_to_end(&mut answers);
            Ok(())
        })
        .unwrap();
    works(&world);
}
