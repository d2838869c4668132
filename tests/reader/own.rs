//! How our own programs reach the token through the reader: without libpcsclite, and sharing the token.

use std::{thread, time::Duration};

use card::{
    Card, Error,
    pcsc::{Connection, Session},
    road::{self, Road, Selection},
    shield::Shield,
};
use wire::{
    apdu::Command,
    pcsclite::{disposition, share},
    shield::Information,
};

use crate::{raw::Raw, world::World};

fn selection(world: &World) -> Selection {
    Selection { pcsc: Some(world.socket().into()), ..Selection::default() }
}

/// A token of ours, and what the token says of itself.
fn open(selection: &Selection) -> Result<(Card, Information), Error> {
    let mut card = road::open(selection)?;
    let information = Shield::select(&mut card)?.information()?;
    Ok((card, information))
}

#[test]
fn one_token_is_found_and_two_have_to_be_told_apart() {
    let (mut world, ids) = World::without_reader(1);
    world.start().unwrap();
    let found = road::discover(&selection(&world)).unwrap();
    let road = Road::Pcsc { socket: world.socket().into(), reader: world.reader() };
    assert_eq!(found.iter().map(|found| &found.road).collect::<Vec<_>>(), [&road]);
    let (mut card, information) = open(&selection(&world)).unwrap();
    assert!(card.atr().starts_with(&[0x3B]));
    // Other programs use the token beside us. A road with one holder would refuse them.
    let serial = Some(information.serial.clone());
    for same in [selection(&world), Selection { serial, ..selection(&world) }] {
        assert_eq!(open(&same).unwrap().1.serial, information.serial);
    }
    assert!(Shield::select(&mut card).is_ok());
    assert!(matches!(road::pipe(&road), Err(Error::Invalid(_))));
    let unknown = Selection { serial: Some("no such".into()), ..selection(&world) };
    assert!(matches!(road::open(&unknown), Err(Error::NotFound(text)) if text.contains("no such")));

    world.plug();
    world.until(2);
    let error = road::open(&selection(&world)).err().unwrap();
    assert!(matches!(&error, Error::Ambiguous(text) if text.contains("serial number")), "{error}");

    // The token is pulled out while we use it, and no reader is left.
    world.unplug(ids[0]);
    assert!(matches!(Shield::select(&mut card), Err(Error::Broken(_))));
}

#[test]
fn nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none");
    let nowhere = Selection { pcsc: Some(socket), ..Selection::default() };
    let error = road::open(&nowhere).err().unwrap();
    assert!(matches!(&error, Error::NotFound(text) if text.contains("ushield reader")), "{error}");
    // Then the second road that was named is tried.
    let (world, _) = World::without_reader(1);
    let second = Selection { usbip: world.config().usbip, ..nowhere };
    assert!(open(&second).is_ok());
}

/// A command after another program's reset fails with an error in words. The next command finds a card as new.
#[test]
fn reset_by_another_program() {
    let world = World::new(1);
    let mut card = road::open(&selection(&world)).unwrap();
    assert!(card.atr().starts_with(&[0x3B]) && Shield::select(&mut card).is_ok());
    let mut other = Raw::new(world.socket(), 4);
    let handle = other.shared(&world.reader());
    let mut reset = || other.reconnect(handle, share::SHARED, disposition::RESET).unwrap();
    reset();
    let error = Shield::select(&mut card).err().unwrap();
    assert!(matches!(error, Error::WasReset) && error.to_string().contains("forgot the PIN"), "{error}");
    assert!(Shield::select(&mut card).is_ok());
    // Work that begins with a SELECT is not disturbed by a reset.
    reset();
    card.transaction(|card| Shield::select(card)?.information()).unwrap();
    // Our own reset makes no later command fail.
    card.reset().unwrap();
    assert!(Shield::select(&mut card).is_ok());
}

#[test]
fn waits_for_anothers_transaction_and_says_when_it_takes_too_long() {
    let world = World::new(1);
    // The patience is enough to connect on a busy machine. The other client's transaction lasts longer than this
    // patience.
    let patience = Duration::from_secs(3);
    let connection =
        Connection::open(Session::open(world.socket()).unwrap(), &world.reader(), patience).unwrap();
    let mut impatient = Card::by(Box::new(connection), Vec::new());
    let mut patient = road::open(&selection(&world)).unwrap();
    let mut other = Raw::new(world.socket(), 4);
    let handle = other.shared(&world.reader());
    assert_eq!(other.begin(handle), 0);
    assert!(matches!(Shield::select(&mut impatient), Err(Error::Busy)));
    let waiting = thread::spawn(move || Shield::select(&mut patient).map(drop));
    thread::sleep(Duration::from_millis(100));
    assert_eq!(other.end(handle, disposition::LEAVE), 0);
    waiting.join().unwrap().unwrap();
}

/// Extended APDUs pass, because the reader's properties say that they may.
#[test]
fn long_commands_go_in_one() {
    let world = World::new(1);
    let mut card = road::open(&selection(&world)).unwrap();
    Shield::select(&mut card).unwrap();
    let long = [0; 1000];
    let status = card.transmit(&Command::new(0x80, 0xEE, 0, 0, &long)).unwrap().status;
    assert_ne!(status.bytes()[0], 0x90, "no such command");
    assert_ne!(status.0, 0x6700, "its length is taken");
}

#[test]
fn a_session_waits_for_what_is_plugged_in() {
    let (mut world, ids) = World::without_reader(1);
    world.start().unwrap();
    let mut session = Session::open(world.socket()).unwrap();
    assert_eq!(session.readers().unwrap().len(), 1);
    assert!(!session.wait(Duration::from_millis(100)).unwrap());
    assert_eq!(session.readers().unwrap().len(), 1, "still in step");
    world.unplug(ids[0]);
    while !session.readers().unwrap().is_empty() {
        session.wait(Duration::from_secs(5)).unwrap();
    }
}
