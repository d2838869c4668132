//! Many clients, many tokens, and one token more than there may be.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use card::{
    Card,
    pcsc::{Connection, Session},
    piv::Piv,
    shield::Shield,
};
use reader::StartError;
use ushield_tests::bench::PIN;
use wire::pcsclite::{MAX_READERS, rv};

use crate::{
    raw::{Raw, SELECT_PIV},
    world::{World, eventually},
};

const CLIENTS: usize = 16;
const ROUNDS: usize = 20;
/// The service has the same limit.
const MOST: usize = 256;

fn open(world: &World) -> Card {
    let session = Session::open(world.socket()).unwrap();
    let connection = Connection::open(session, &world.reader(), Duration::from_secs(60)).unwrap();
    let atr = connection.atr().to_vec();
    Card::by(Box::new(connection), atr)
}

/// Each transaction selects its own application. A client that got in between would make the next command fail.
#[test]
fn sixteen_clients_in_turn() {
    let world = World::new(1);
    let start = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (world, start) = (&world, &start);
            scope.spawn(move || {
                let mut card = open(world);
                start.wait();
                for _ in 0..ROUNDS {
                    card.transaction(|card| match client % 2 {
                        0 => Shield::select(card)?.information().map(drop),
                        _ => {
                            let mut piv = Piv::select(card)?;
                            piv.verify(PIN)
                        }
                    })
                    .unwrap();
                }
            });
        }
    });
}

/// Sixteen clients want the card all the time. The test looks at their longest waits: no client starves.
#[test]
fn first_come_first_served() {
    let world = World::new(1);
    let (reader, rounds) = (world.reader(), 10);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (world, reader, start) = (&world, &reader, &start);
            scope.spawn(move || {
                let mut raw = Raw::new(world.socket(), 6);
                let card = raw.shared(reader);
                start.wait();
                for _ in 0..rounds {
                    // One request is enough, unless the machine is so busy that the turn does not come within a second.
                    let asked = Instant::now();
                    let mut outcome = raw.begin(card);
                    while outcome == rv::SHARING_VIOLATION && asked.elapsed() >= Duration::from_secs(1) {
                        outcome = raw.begin(card);
                    }
                    assert_eq!(outcome, rv::SUCCESS);
                    assert!(raw.transmit(card, SELECT_PIV).is_ok());
                    thread::sleep(Duration::from_millis(20));
                    assert_eq!(raw.end(card, 0), rv::SUCCESS);
                }
            });
        }
    });
}

#[test]
fn sixteen_readers_and_no_more() {
    let (mut world, _) = World::without_reader(MAX_READERS);
    world.start().unwrap();
    let mut names = world.service().readers();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), MAX_READERS, "{names:?}");
    for name in &names {
        let mut raw = Raw::new(world.socket(), 4);
        let card = raw.shared(name);
        assert!(raw.transmit(card, SELECT_PIV).is_ok(), "{name}");
    }
    // A token that is plugged in beyond the limit is left alone. The clients of the other tokens work on.
    let more = world.plug();
    let mut raw = Raw::new(world.socket(), 4);
    assert_eq!(raw.states().len(), MAX_READERS);
    world.unplug(more);
    world.stop();
    world.plug();
    world.until_free(MAX_READERS + 1);
    let error = world.start().unwrap_err();
    assert!(matches!(error, StartError::TooMany(_)), "{error}");
    assert!(error.to_string().contains("16 readers"));
    // The tokens that the service had taken are free again.
    let mut config = world.config();
    config.bus_ids = vec!["1-2".into()];
    eventually("free", || reader::Service::start(config.clone()).is_ok_and(|one| one.readers().len() == 1));
}

#[test]
fn one_client_too_many_is_told_so() {
    let world = World::new(1);
    let mut clients: Vec<Raw> = (0..MOST).map(|_| Raw::new(world.socket(), 5)).collect();
    let mut late = Raw::silent(world.socket());
    assert_eq!(late.version(4, 5).rv, rv::SERVER_TOO_BUSY);
    let last = clients.last_mut().unwrap();
    let card = last.shared(&world.reader());
    assert!(last.transmit(card, SELECT_PIV).is_ok());
    clients.remove(0);
    eventually("room again", || Raw::silent(world.socket()).version(4, 5).rv == rv::SUCCESS);
}
