//! Readers that come and go. Clients wait for this news in each version of the protocol, and cancel the wait.

use std::time::Duration;

use wire::pcsclite::{MAJOR, Request, Version, disposition, rv, share, state};

use crate::{
    raw::{Raw, SELECT_PIV},
    world::{World, eventually},
};

const QUIET: Duration = Duration::from_millis(300);

#[test]
fn each_version_is_spoken() {
    let world = World::new(1);
    for minor in [4, 5, 6] {
        let mut raw = Raw::new(world.socket(), minor);
        let [state] = raw.states().try_into().unwrap();
        assert_eq!(state.reader().unwrap(), world.reader());
        assert_eq!(state.state, state::PRESENT | state::POWERED | state::NEGOTIABLE);
        assert_eq!(state.atr()[0], 0x3B);
    }
    // A client of another version is told a version that we speak, and may go on with that version.
    for (major, minor) in [(4, 3), (4, 7), (3, 4), (5, 0), (-1, i32::MAX)] {
        let mut raw = Raw::silent(world.socket());
        let refused = Version { major: MAJOR, minor: 6, rv: rv::SERVICE_STOPPED };
        assert_eq!(raw.version(major, minor), refused);
        assert_eq!(raw.version(4, 6).rv, rv::SUCCESS);
    }
}

#[test]
fn unplugged_and_plugged_in_again() {
    let (mut world, ids) = World::without_reader(1);
    world.start().unwrap();
    let name = world.reader();
    for minor in [4, 5, 6] {
        let mut raw = Raw::new(world.socket(), minor);
        let card = raw.shared(&name);
        let before = if minor > 4 { raw.events() } else { 0 };
        assert_eq!(raw.watch().len(), 1);
        world.unplug(ids[0]);
        assert_eq!(raw.news(), rv::SUCCESS, "4.{minor}");
        assert_eq!(raw.watch().len(), 0);
        // The handles of the client lead nowhere. Closing them is no error.
        assert_eq!(raw.transmit(card, SELECT_PIV), Err(rv::READER_UNAVAILABLE));
        assert_eq!(raw.begin(card), rv::READER_UNAVAILABLE);
        world.plug_again(ids[0]);
        assert_eq!(raw.news(), rv::SUCCESS, "4.{minor}");
        assert_eq!(raw.states()[0].reader().unwrap(), name);
        assert_eq!(raw.transmit(card, SELECT_PIV), Err(rv::READER_UNAVAILABLE), "the former handle is dead");
        assert_eq!(raw.disconnect(card, disposition::LEAVE), rv::SUCCESS);
        if minor > 4 {
            assert_eq!(raw.events(), before + 2);
        }
        let card = raw.shared(&name);
        assert!(raw.transmit(card, SELECT_PIV).is_ok());
        // The end of a handle is news, too. The service sees a client that hangs up only later, and then the next client would
        // take this news for its own.
        assert_eq!(raw.disconnect(card, disposition::LEAVE), rv::SUCCESS);
    }
}

#[test]
fn what_was_plugged_in_before_is_found_by_who_comes_after() {
    let (mut world, _) = World::without_reader(0);
    world.start().unwrap();
    assert_eq!(Raw::new(world.socket(), 4).states().len(), 0);
    std::thread::sleep(Duration::from_millis(100));
    world.plug();
    assert_eq!(Raw::new(world.socket(), 4).states().len(), 1);
}

/// The service waits for nothing here: its answer is at least as new as the question. A client that is connected for long asks in
/// the same way as a client that just came.
#[test]
fn who_asks_is_told_how_it_is_now() {
    let (mut world, ids) = World::without_reader(1);
    world.start().unwrap();
    let name = world.reader();
    let mut old = Raw::new(world.socket(), 6);
    for round in 0..10 {
        world.pull_out(ids[0]);
        assert_eq!(Raw::new(world.socket(), 4).states().len(), 0, "round {round}: a new client");
        assert_eq!(old.states().len(), 0, "round {round}: an old client");
        world.plug_again(ids[0]);
        match round % 3 {
            0 => assert_eq!(Raw::new(world.socket(), 4).states().len(), 1, "round {round}: a new client"),
            1 => assert_eq!(old.states().len(), 1, "round {round}: an old client"),
            // This client knows the reader's name, and does not ask for the list.
            _ => {
                assert!(Raw::new(world.socket(), 6).connect(&name, share::SHARED, 3).is_ok(), "round {round}")
            }
        }
        // The token goes and comes back between two questions. The reader is the new one, and its card answers.
        world.unplug(ids[0]);
        world.plug_again(ids[0]);
        let mut raw = Raw::new(world.socket(), 6);
        assert_eq!(raw.states().len(), 1, "round {round}");
        let card = raw.shared(&name);
        assert!(raw.transmit(card, SELECT_PIV).is_ok(), "round {round}");
    }
}

#[test]
fn waiting_ends_with_one_message() {
    let world = World::new(1);
    for minor in [4, 5, 6] {
        let mut raw = Raw::new(world.socket(), minor);
        raw.watch();
        assert!(raw.hears_nothing(QUIET), "nothing has happened");
        raw.send(&Request::StopWaiting, &[]);
        assert_eq!(raw.news(), rv::SUCCESS);
        // The news was sent before the client stopped waiting. That news is the answer, and no second answer comes.
        raw.watch();
        let mut other = Raw::new(world.socket(), minor);
        let card = other.shared(&world.reader());
        raw.send(&Request::StopWaiting, &[]);
        assert_eq!(raw.news(), rv::SUCCESS);
        assert!(raw.hears_nothing(QUIET));
        assert_eq!(other.disconnect(card, disposition::LEAVE), rv::SUCCESS);
        assert!(raw.hears_nothing(QUIET), "it does not wait");
    }
}

#[test]
fn cancelled_from_another_connection() {
    let world = World::new(1);
    for minor in [4, 5, 6] {
        let mut raw = Raw::new(world.socket(), minor);
        let mut other = Raw::silent(world.socket());
        assert_eq!(other.cancel(raw.context), rv::SUCCESS, "it does not wait yet: nothing to do");
        raw.watch();
        assert_eq!(other.cancel(raw.context), rv::SUCCESS);
        assert_eq!(raw.news(), rv::CANCELLED);
        assert_eq!(other.cancel(raw.context ^ 1), rv::INVALID_HANDLE);
    }
}

/// A client of 4.6 asks for the states after it began to wait. News must not come before the states.
#[test]
fn news_does_not_overtake_the_states() {
    let world = World::new(1);
    let mut raw = Raw::new(world.socket(), 6);
    raw.send(&Request::Wait, &[]);
    let mut other = Raw::new(world.socket(), 6);
    let card = other.shared(&world.reader());
    assert_eq!(raw.states()[0].sharing, 1, "the states are newer than the change: no news");
    assert!(raw.hears_nothing(QUIET));
    assert_eq!(other.disconnect(card, disposition::LEAVE), rv::SUCCESS);
    assert_eq!(raw.news(), rv::SUCCESS);
    // The wait is cancelled between the two. The client is told so once it has the states.
    raw.send(&Request::Wait, &[]);
    assert_eq!(raw.states().len(), 1);
    assert_eq!(other.cancel(raw.context), rv::SUCCESS);
    assert_eq!(raw.news(), rv::CANCELLED);
    assert_eq!(raw.connect(&world.reader(), share::EXCLUSIVE, 3).map(drop), Ok(()));
}

#[test]
fn a_server_that_goes_takes_the_readers_along() {
    let (mut world, ids) = World::without_reader(2);
    world.start().unwrap();
    world.until(2);
    world.unplug(ids[0]);
    world.until(1);
    eventually("told", || Raw::new(world.socket(), 5).states().len() == 1);
}

/// A server with one broken device: it hangs up on whoever imports that device, and passes everything else on.
fn with_a_broken_device(server: std::net::SocketAddr, broken: &str) -> String {
    use std::{
        io::{Read, Write, copy},
        net::{Shutdown, TcpListener, TcpStream},
        thread,
    };

    /// OP_REQ_IMPORT (Linux, Documentation/usb/usbip_protocol.rst).
    const IMPORT: u16 = 0x8003;
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let broken = broken.as_bytes().to_vec();
    let pass = move |mut host: TcpStream| {
        let mut request = vec![0; 8];
        host.read_exact(&mut request)?;
        if request[2..4] == IMPORT.to_be_bytes() {
            request.resize(40, 0);
            host.read_exact(&mut request[8..])?;
            if request[8..].starts_with(&broken) && request[8 + broken.len()] == 0 {
                return Ok(());
            }
        }
        let mut road = TcpStream::connect(server)?;
        road.write_all(&request)?;
        let (mut back, mut to) = (road.try_clone()?, host.try_clone()?);
        thread::spawn(move || {
            let _ = copy(&mut back, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let _ = copy(&mut host, &mut road);
        road.shutdown(Shutdown::Both)
    };
    let pass = std::sync::Arc::new(pass);
    thread::spawn(move || {
        for host in listener.incoming().flatten() {
            let pass = std::sync::Arc::clone(&pass);
            thread::spawn(move || -> std::io::Result<()> { pass(host) });
        }
    });
    address
}

#[test]
fn a_broken_device_does_not_hide_those_behind_it() {
    let (world, ids) = World::without_reader(3);
    let config = world.config();
    let server = config.usbip.as_deref().expect("an address").parse().unwrap();
    let usbip = with_a_broken_device(server, &ids[0].to_string());
    let service = reader::Service::start(reader::Config { usbip: Some(usbip), ..config.clone() }).unwrap();
    assert_eq!(service.readers().len(), 2);
    // The broken device does not keep out tokens that come later either.
    let mut raw = Raw::new(service.socket(), 6);
    world.plug();
    assert_eq!(raw.states().iter().filter(|state| !state.name.is_empty()).count(), 3);
    service.shutdown();
    // Where the broken device is the only one that is wanted, the service does not start.
    let usbip = with_a_broken_device(server, &ids[0].to_string());
    let bus_ids = vec![ids[0].to_string()];
    assert!(reader::Service::start(reader::Config { usbip: Some(usbip), bus_ids, ..config }).is_err());
}
