//! A daemon by hand: older, newer, and one that lies.

use std::{
    io::Read as _,
    os::unix::net::UnixListener,
    sync::mpsc::{Receiver, channel},
    thread,
};

use wire::pcsclite::{Connect, Disconnect, Open, Transmit, Turn, extension::turn, protocol, reader_name};

use super::*;
use crate::card::Transmit as _;

/// Answers each request, in order, with these bytes, and ends.
fn daemon(answers: Vec<Vec<u8>>) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, socket, _) = attentive_daemon(answers);
    (folder, socket)
}

/// The same, and tells what it was asked.
fn attentive_daemon(answers: Vec<Vec<u8>>) -> (tempfile::TempDir, std::path::PathBuf, Receiver<Request>) {
    let (tell, told) = channel();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for answer in answers {
            let mut header = [0; Header::LEN];
            if stream.read_exact(&mut header).is_err() {
                return;
            }
            let header = Header::parse(header);
            let mut body = vec![0; header.body().unwrap()];
            stream.read_exact(&mut body).unwrap();
            let request = Request::parse(header.command, &body).unwrap();
            stream.read_exact(&mut vec![0; request.trailer()]).unwrap();
            let _ = tell.send(request); // not every test listens
            stream.write_all(&answer).unwrap();
        }
    });
    (folder, socket, told)
}

macro_rules! bytes {
    ($structure:expr) => {{
        let mut out = Vec::new();
        $structure.encode(&mut out);
        out
    }};
}

fn version(minor: i32, rv: u32) -> Vec<u8> {
    bytes!(Version { major: 4, minor, rv })
}

/// The outcome of a command.
fn transmitted(receive_length: u32, rv: u32) -> Transmit {
    Transmit {
        card: 5,
        send_protocol: 2,
        send_pci: 16,
        send_length: 5,
        receive_protocol: 2,
        receive_pci: 16,
        receive_length,
        rv,
    }
}

fn established() -> Vec<u8> {
    bytes!(Establish { scope: scope::SYSTEM, context: 7, rv: 0 })
}

fn states() -> Vec<u8> {
    let one =
        ReaderState { name: reader_name("R 00 00"), atr: [0x3B; 33], atr_length: 2, ..ReaderState::FREE };
    let mut all = bytes!(one);
    (1..MAX_READERS).for_each(|_| ReaderState::FREE.encode(&mut all));
    all
}

#[test]
fn an_older_and_a_newer_daemon() {
    for named in MINORS {
        let mut answers = vec![];
        if named != OFFERED {
            answers.push(version(named, rv::SERVICE_STOPPED));
        }
        answers.extend([version(named, 0), established()]);
        if named == 6 {
            answers.push(16_i32.to_ne_bytes().to_vec());
        }
        answers.push(states());
        let (_folder, socket) = daemon(answers);
        let mut session = Session::open(&socket).unwrap();
        assert_eq!((session.minor, session.context), (named, 7));
        let [one] = session.readers().unwrap().try_into().unwrap();
        assert_eq!((one.reader().unwrap().as_str(), one.atr()), ("R 00 00", &[0x3B, 0x3B][..]));
    }
}

#[test]
fn no_version_in_common() {
    for (minor, says) in [(9, "4.9"), (0, "4.0")] {
        let (_folder, socket) = daemon(vec![version(minor, rv::SERVICE_STOPPED)]);
        let error = Session::open(&socket).err().unwrap();
        assert!(matches!(&error, Error::NotFound(text) if text.contains(says)), "{error}");
    }
    // One that refuses what it named itself does not keep us.
    let (_folder, socket) = daemon(vec![version(4, rv::SERVICE_STOPPED); 9]);
    assert!(matches!(Session::open(&socket), Err(Error::Nonsense(_))));
    let (_folder, socket) = daemon(vec![version(5, rv::SERVER_TOO_BUSY)]);
    assert!(matches!(Session::open(&socket), Err(Error::Forbidden(_))));
}

/// What a daemon counts is bounded before room is made, and a stream out of step is not read any more.
#[test]
fn a_daemon_that_lies() {
    for count in [-1, 1025, i32::MAX] {
        let counted = count.to_ne_bytes().to_vec();
        let (_folder, socket) =
            daemon(vec![version(6, rv::SERVICE_STOPPED), version(6, 0), established(), counted]);
        let mut session = Session::open(&socket).unwrap();
        assert!(matches!(session.readers(), Err(Error::Nonsense(_))), "{count}");
        assert!(matches!(session.readers(), Err(Error::Broken(_))));
    }
    let (_folder, socket) = daemon(vec![version(5, 0), established(), vec![1, 2, 3]]);
    let mut session = Session::open(&socket).unwrap();
    assert!(matches!(session.readers(), Err(Error::Broken(_))), "cut short");
}

#[test]
fn an_answer_longer_than_its_room() {
    let connected = Connect {
        context: 7,
        reader: reader_name("R 00 00"),
        share: 2,
        preferred: 3,
        card: 5,
        active: protocol::T1,
        rv: 0,
    };
    let answer = |receive_length, rv| bytes!(transmitted(receive_length, rv));
    // No feature list: short APDUs only.
    let mut control = 0x4200_0D48_u32.to_ne_bytes().to_vec();
    control.splice(..0, 5_i32.to_ne_bytes());
    control.extend([0; 12]);
    control.extend(rv::UNSUPPORTED_FEATURE.to_ne_bytes());
    let good = [answer(2, 0), vec![0x90, 0]].concat();
    let (_folder, socket) = daemon(vec![
        version(5, 0),
        established(),
        bytes!(connected),
        states(),
        control,
        good,
        answer(0, rv::REMOVED_CARD),
        answer(u32::MAX, 0),
    ]);
    let session = Session::open(&socket).unwrap();
    let mut card = Connection::open(session, "R 00 00", Duration::from_secs(60)).unwrap();
    assert_eq!((card.atr(), card.extended()), (&[0x3B, 0x3B][..], false));
    let mut response = Vec::new();
    card.transmit(&[0, 0xA4, 4, 0, 0], &mut response).unwrap();
    assert_eq!(response, [0x90, 0]);
    let gone = card.transmit(&[0, 0xA4, 4, 0, 0], &mut response);
    assert!(matches!(gone, Err(Error::Slot(SlotError::Absent))));
    assert!(matches!(card.transmit(&[0, 0xA4, 4, 0, 0], &mut response), Err(Error::Nonsense(_))));
    assert!(matches!(card.transmit(&[0, 0xA4, 4, 0, 0], &mut response), Err(Error::Broken(_))));
}

/// What one of our own readers is asked for three pieces of work: one that nobody disturbed, one that somebody disturbed,
/// and a long one. Each command is one message.
#[test]
fn turns_at_a_reader_of_ours() {
    let done = |rv| {
        [bytes!(Turn { card: 5, bits: 0, send_length: 5, receive_length: 2, rv }), vec![0x90, 0]].concat()
    };
    let refused = |rv| bytes!(Turn { card: 5, bits: 0, send_length: 5, receive_length: 0, rv });
    let mut opened = Open::wish(reader_name("R 00 00"));
    (opened.card, opened.active, opened.extended) = (5, protocol::T1, 1);
    (opened.atr, opened.atr_length) = ([0x3B; 33], 2);
    let (_folder, socket, told) = attentive_daemon(vec![
        version(5, extension::TAKEN),
        bytes!(opened),
        done(rv::SUCCESS),
        refused(extension::DISTURBED),
        done(rv::SUCCESS),
        [bytes!(transmitted(2, 0)), vec![0x90, 0]].concat(),
        done(rv::SUCCESS),
        done(rv::SUCCESS),
        bytes!(wire::pcsclite::End { card: 5, disposition: 0, rv: 0 }),
        done(rv::SUCCESS),
        bytes!(Disconnect { card: 5, disposition: 0, rv: 0 }),
    ]);
    let session = Session::open(&socket).unwrap();
    let mut card = Connection::open(session, "R 00 00", Duration::from_secs(60)).unwrap();
    assert_eq!((card.atr(), card.extended()), (&[0x3B, 0x3B][..], true));
    let send = |card: &mut Connection| card.transmit(&[0, 0xA4, 4, 0, 0], &mut Vec::new());
    // One command.
    card.resume().unwrap();
    card.last();
    send(&mut card).unwrap();
    card.end().unwrap();
    // Another program had the card. The work is done again, with three commands.
    card.resume().unwrap();
    card.last();
    assert!(matches!(send(&mut card), Err(Error::Disturbed)));
    card.end().unwrap();
    card.begin().unwrap();
    send(&mut card).unwrap();
    send(&mut card).unwrap();
    card.last();
    send(&mut card).unwrap();
    card.end().unwrap();
    // Work that does not say which command is its last, and work that sends nothing.
    card.begin().unwrap();
    send(&mut card).unwrap();
    card.end().unwrap();
    card.begin().unwrap();
    card.end().unwrap();
    // A transaction that is left open is closed before the socket is.
    card.begin().unwrap();
    send(&mut card).unwrap();
    drop(card);
    let asked: Vec<(u32, u32)> = told
        .iter()
        .map(|request| match &request {
            Request::Turn(turn) => (request.command(), turn.bits),
            Request::Version(offer) => (request.command(), offer.rv),
            _ => (request.command(), 0),
        })
        .collect();
    let [version, open, transmit, end, disconnect] = [0x11, 0x5553_0001, 0x09, 0x08, 0x06];
    const TURN: u32 = 0x5553_0002;
    assert_eq!(
        asked,
        [
            (version, extension::OFFER),
            (open, 0),
            (TURN, turn::ALL),
            (TURN, turn::ALL),
            (TURN, turn::BEGIN),
            (transmit, 0),
            (TURN, turn::END),
            (TURN, turn::BEGIN),
            (end, 0),
            (TURN, turn::BEGIN),
            (disconnect, 0),
        ]
    );
}

#[test]
fn outcomes_in_our_words() {
    assert!(matches!(refusal(rv::RESET_CARD), Error::WasReset));
    assert!(matches!(refusal(rv::SHARING_VIOLATION), Error::Busy));
    assert!(matches!(refusal(rv::READER_UNAVAILABLE), Error::Broken(_)));
    assert!(matches!(refusal(rv::UNPOWERED_CARD), Error::Slot(SlotError::Mute)));
    assert!(refusal(rv::SECURITY_VIOLATION).to_string().contains("polkit"));
    assert!(refusal(0x8010_0099).to_string().contains("80100099"));
}
