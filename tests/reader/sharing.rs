//! Shared, exclusive and direct connections; transactions and the dispositions that they end with; resets that other
//! clients see.

use std::{thread, time::Duration};

use ushield_tests::bench::PIN;
use wire::pcsclite::{attribute, disposition, protocol, rv, share, sharing, state};

use crate::{
    raw::{PIN_STATE, Raw, SELECT_PIV},
    world::{World, eventually},
};

/// VERIFY with the PIN, padded as PIV wants it.
fn verify() -> Vec<u8> {
    let mut apdu = vec![0, 0x20, 0, 0x80, 8];
    apdu.extend_from_slice(PIN);
    apdu.resize(13, 0xFF);
    apdu
}

fn two(world: &World) -> (Raw, i32, Raw, i32) {
    let reader = world.reader();
    let (mut one, mut two) = (Raw::new(world.socket(), 4), Raw::new(world.socket(), 6));
    let (first, second) = (one.shared(&reader), two.shared(&reader));
    (one, first, two, second)
}

#[test]
fn exclusive_shared_and_direct() {
    let world = World::new(1);
    let (reader, socket) = (world.reader(), world.socket());
    let (mut one, mut two) = (Raw::new(socket, 5), Raw::new(socket, 5));
    let sharing_of = |raw: &mut Raw| raw.states()[0].sharing;
    assert_eq!(sharing_of(&mut two), sharing::NONE);
    let card = one.connect(&reader, share::EXCLUSIVE, protocol::ANY).unwrap();
    assert_eq!(sharing_of(&mut two), sharing::EXCLUSIVE);
    for mode in [share::SHARED, share::EXCLUSIVE, share::DIRECT] {
        assert_eq!(two.connect(&reader, mode, protocol::ANY), Err(rv::SHARING_VIOLATION));
    }
    // The connection becomes a shared one. Another shared connection is taken now, and an exclusive one is not.
    assert_eq!(one.reconnect(card, share::SHARED, disposition::LEAVE), Ok(protocol::T1));
    assert_eq!(two.connect(&reader, share::EXCLUSIVE, protocol::ANY), Err(rv::SHARING_VIOLATION));
    let other = two.shared(&reader);
    assert_eq!(sharing_of(&mut two), 2);
    assert_eq!(one.reconnect(card, share::EXCLUSIVE, disposition::LEAVE), Err(rv::SHARING_VIOLATION));
    assert_eq!(two.disconnect(other, disposition::LEAVE), rv::SUCCESS);
    assert_eq!(one.reconnect(card, share::EXCLUSIVE, disposition::LEAVE), Ok(protocol::T1));
    // The handle of an exclusive connection needs no transaction, and cannot end a transaction that it did not begin.
    assert_eq!(one.end(card, disposition::LEAVE), rv::NOT_TRANSACTED);
    assert_eq!(one.begin(card), rv::SUCCESS);
    assert_eq!(one.end(card, disposition::LEAVE), rv::SUCCESS);
    assert_eq!(one.disconnect(card, disposition::LEAVE), rv::SUCCESS);
    // A direct connection is to the reader without its card, so that it has no protocol.
    let direct = two.connect(&reader, share::DIRECT, 0).unwrap();
    assert!(two.control(direct, 0x4200_0D48, 100).unwrap().len() >= 6);
    assert_eq!(two.disconnect(direct, disposition::LEAVE), rv::SUCCESS);
}

#[test]
fn what_cannot_be_asked_for() {
    let world = World::new(1);
    let reader = world.reader();
    let mut raw = Raw::new(world.socket(), 4);
    assert_eq!(raw.connect("no such reader", share::SHARED, protocol::ANY), Err(rv::UNKNOWN_READER));
    assert_eq!(raw.connect(&reader, share::SHARED, 0), Err(rv::PROTO_MISMATCH));
    assert_eq!(raw.connect(&reader, share::SHARED, protocol::T0), Err(rv::PROTO_MISMATCH));
    assert_eq!(raw.connect(&reader, 4, protocol::ANY), Err(rv::INVALID_VALUE));
    let card = raw.shared(&reader);
    assert_eq!(raw.reconnect(card, share::SHARED, disposition::EJECT), Err(rv::INVALID_VALUE));
    assert_eq!(raw.end(card, 4), rv::INVALID_VALUE);
    assert_eq!(raw.end(card, disposition::LEAVE), rv::NOT_TRANSACTED);
    assert_eq!(raw.transmit_into(card, SELECT_PIV, protocol::T0, 300), Err(rv::PROTO_MISMATCH));
    assert_eq!(raw.transmit_into(card, SELECT_PIV, protocol::T1, 2), Err(rv::INSUFFICIENT_BUFFER));
    assert_eq!(raw.transmit(card, &[]), Err(rv::INVALID_PARAMETER));
    assert_eq!(raw.control(card, 0x4200_0001, 100), Err(rv::UNSUPPORTED_FEATURE));
    assert_eq!(raw.control(card, 0x4200_0D48, 5), Err(rv::INSUFFICIENT_BUFFER));
    for (id, value) in [
        (attribute::VENDOR_NAME, Some(&b"U-shield test tokens\0"[..])),
        (attribute::DEVICE_FRIENDLY_NAME, Some(&[reader.as_bytes(), &[0]].concat()[..])),
        (attribute::CURRENT_PROTOCOL_TYPE, Some(&protocol::T1.to_ne_bytes()[..])),
        (0, None),
    ] {
        assert_eq!(raw.attribute(card, id, 264).ok().as_deref(), value);
    }
    assert_eq!(raw.attribute(card, attribute::VENDOR_NAME, 5), Err(rv::INSUFFICIENT_BUFFER));
    assert_eq!(raw.attribute(card, attribute::ATR_STRING, 33).unwrap(), raw.states()[0].atr());
    // Neither another client's handle nor a closed handle is taken.
    let mut other = Raw::new(world.socket(), 4);
    assert_eq!(other.transmit(card, SELECT_PIV), Err(rv::INVALID_HANDLE));
    assert_eq!(other.disconnect(card, disposition::RESET), rv::INVALID_HANDLE);
    assert_eq!(raw.transmit(card, SELECT_PIV).unwrap().last_chunk(), Some(&[0x90, 0]));
    assert_eq!(raw.disconnect(card, disposition::LEAVE), rv::SUCCESS);
    assert_eq!(raw.status(card), rv::INVALID_HANDLE);
    assert_eq!(raw.establish(4).rv, rv::INVALID_VALUE);
}

#[test]
fn a_transaction_keeps_the_others_off() {
    let world = World::new(1);
    let (mut one, first, mut two, second) = two(&world);
    assert_eq!(one.begin(first), rv::SUCCESS);
    assert_eq!(one.begin(first), rv::SUCCESS, "one within the other");
    assert_eq!(two.transmit(second, SELECT_PIV), Err(rv::SHARING_VIOLATION));
    assert_eq!(two.status(second), rv::SHARING_VIOLATION);
    assert_eq!(two.reconnect(second, share::SHARED, disposition::LEAVE), Err(rv::SHARING_VIOLATION));
    assert_eq!(two.end(second, disposition::LEAVE), rv::SHARING_VIOLATION);
    assert_eq!(two.begin(second), rv::SHARING_VIOLATION);
    assert_eq!(one.end(first, disposition::LEAVE), rv::SUCCESS);
    assert_eq!(two.begin(second), rv::SHARING_VIOLATION, "the outer one still holds");
    let waiting = thread::spawn(move || (two.begin_patiently(second), two));
    assert!(one.transmit(first, SELECT_PIV).is_ok());
    assert_eq!(one.end(first, disposition::LEAVE), rv::SUCCESS);
    let (began, mut two) = waiting.join().unwrap();
    assert_eq!(began, rv::SUCCESS);
    assert_eq!(one.transmit(first, SELECT_PIV), Err(rv::SHARING_VIOLATION));
    // A client that closes its handle ends the handle's transaction, too.
    assert_eq!(two.disconnect(second, disposition::LEAVE), rv::SUCCESS);
    assert!(one.transmit(first, SELECT_PIV).is_ok());
}

#[test]
fn a_connection_waits_for_the_end_of_a_transaction() {
    let world = World::new(1);
    let (reader, socket) = (world.reader(), world.socket().to_owned());
    let mut one = Raw::new(&socket, 4);
    let card = one.shared(&reader);
    assert_eq!(one.begin(card), rv::SUCCESS);
    let waiting = thread::spawn(move || Raw::new(&socket, 4).shared(&reader));
    thread::sleep(Duration::from_millis(100));
    assert!(!waiting.is_finished());
    assert_eq!(one.end(card, disposition::LEAVE), rv::SUCCESS);
    waiting.join().unwrap();
}

#[test]
fn a_reset_is_seen_by_the_others() {
    let world = World::new(1);
    let (mut one, first, mut two, second) = two(&world);
    assert!(one.transmit(first, SELECT_PIV).is_ok());
    assert_eq!(one.transmit(first, &verify()).unwrap(), [0x90, 0]);
    assert_eq!(one.transmit(first, PIN_STATE).unwrap(), [0x90, 0]);
    for way in ["reconnect", "disconnect", "end"] {
        let (reset, handle) = match way {
            "reconnect" => (one.reconnect(first, share::SHARED, disposition::RESET).err(), first),
            "disconnect" => {
                let new = one.shared(&world.reader());
                (Some(one.disconnect(new, disposition::RESET)).filter(|rv| *rv != 0), first)
            }
            _ => {
                assert_eq!(one.begin(first), rv::SUCCESS);
                (Some(one.end(first, disposition::RESET)).filter(|rv| *rv != 0), first)
            }
        };
        assert_eq!(reset, None, "{way}");
        for _ in 0..2 {
            assert_eq!(two.transmit(second, PIN_STATE), Err(rv::RESET_CARD), "{way}");
            assert_eq!(two.begin(second), rv::RESET_CARD, "{way}");
            assert_eq!(two.status(second), rv::RESET_CARD, "{way}");
        }
        // Only the client that reset the card by reconnecting knows of the reset already. So it is with pcscd.
        let own = one.transmit(handle, SELECT_PIV);
        assert_eq!(own.is_ok(), way == "reconnect", "{way}");
        for (raw, card) in [(&mut one, first), (&mut two, second)] {
            assert_eq!(raw.reconnect(card, share::SHARED, disposition::LEAVE), Ok(protocol::T1));
            assert!(raw.transmit(card, SELECT_PIV).is_ok());
            let tries = raw.transmit(card, PIN_STATE).unwrap();
            assert_eq!(tries[0], 0x63, "{way}: the PIN is forgotten");
        }
    }
}

#[test]
fn unpower_and_power_again() {
    let world = World::new(1);
    let (mut one, first, mut two, second) = two(&world);
    assert_eq!(one.disconnect(first, disposition::UNPOWER), rv::SUCCESS);
    assert_eq!(two.states()[0].state, state::PRESENT);
    assert_eq!(two.transmit(second, SELECT_PIV), Err(rv::RESET_CARD));
    assert_eq!(two.reconnect(second, share::SHARED, disposition::LEAVE), Ok(protocol::T1));
    assert_eq!(two.states()[0].state, state::PRESENT | state::POWERED | state::NEGOTIABLE);
    assert!(two.transmit(second, SELECT_PIV).is_ok());
}

#[test]
fn a_client_that_dies_inside_a_transaction() {
    let world = World::new(1);
    let (mut one, first, mut two, second) = two(&world);
    assert_eq!(one.begin(first), rv::SUCCESS);
    assert!(one.transmit(first, SELECT_PIV).is_ok());
    assert_eq!(one.transmit(first, &verify()).unwrap(), [0x90, 0]);
    drop(one);
    // The card is reset, so that nobody goes on with the dead client's PIN.
    eventually("the reset", || two_sees_reset(world.socket(), &world.reader()));
    let began = two.begin_patiently(second);
    assert_eq!(began, rv::RESET_CARD);
    assert_eq!(two.reconnect(second, share::SHARED, disposition::LEAVE), Ok(protocol::T1));
    assert_eq!(two.begin(second), rv::SUCCESS);
    assert!(two.transmit(second, SELECT_PIV).is_ok());
    assert_eq!(two.transmit(second, PIN_STATE).unwrap()[0], 0x63);
}

/// A new client gets in once the dead client's transaction is over.
fn two_sees_reset(socket: &std::path::Path, reader: &str) -> bool {
    let mut raw = Raw::new(socket, 4);
    raw.connect(reader, share::SHARED, protocol::ANY).is_ok()
}

#[test]
fn releasing_a_context_closes_what_it_opened() {
    let world = World::new(1);
    let (mut one, first, mut two, second) = two(&world);
    assert_eq!(one.release(), rv::SUCCESS);
    assert_eq!(one.status(first), rv::INVALID_HANDLE);
    assert_eq!(one.release(), rv::INVALID_HANDLE);
    assert_eq!(two.status(second), rv::SUCCESS, "no transaction was open: no reset");
    assert_eq!(two.states()[0].sharing, 1);
}

#[test]
fn a_card_that_nobody_uses_forgets_the_pin() {
    let world = World::new(1);
    let mut raw = Raw::new(world.socket(), 4);
    let card = raw.shared(&world.reader());
    assert!(raw.transmit(card, SELECT_PIV).is_ok());
    assert_eq!(raw.transmit(card, &verify()).unwrap(), [0x90, 0]);
    assert_eq!(raw.disconnect(card, disposition::LEAVE), rv::SUCCESS);
    // The next client comes at once, and finds the card as it was left. PC/SC has it so.
    let card = raw.shared(&world.reader());
    assert_eq!(raw.transmit(card, PIN_STATE).unwrap(), [0x90, 0]);
    assert_eq!(raw.disconnect(card, disposition::LEAVE), rv::SUCCESS);
    eventually("powered off", || Raw::new(world.socket(), 4).states()[0].state == state::PRESENT);
    let card = raw.shared(&world.reader());
    assert!(raw.transmit(card, SELECT_PIV).is_ok());
    assert_eq!(raw.transmit(card, PIN_STATE).unwrap()[0], 0x63);
}
