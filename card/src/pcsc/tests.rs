//! A daemon by hand: older, newer, and one that lies.

use std::{os::unix::net::UnixListener, thread};

use wire::pcsclite::{Connect, Transmit, protocol, reader_name};

use super::*;
use crate::card::Transmit as _;

/// Answers each request, in order, with these bytes, and ends.
fn daemon(answers: Vec<Vec<u8>>) -> (tempfile::TempDir, std::path::PathBuf) {
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
            stream.write_all(&answer).unwrap();
        }
    });
    (folder, socket)
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
    let answer = |receive_length, rv| {
        bytes!(Transmit {
            card: 5,
            send_protocol: 2,
            send_pci: 16,
            send_length: 5,
            receive_protocol: 2,
            receive_pci: 16,
            receive_length,
            rv,
        })
    };
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

#[test]
fn outcomes_in_our_words() {
    assert!(matches!(refusal(rv::RESET_CARD), Error::WasReset));
    assert!(matches!(refusal(rv::SHARING_VIOLATION), Error::Busy));
    assert!(matches!(refusal(rv::READER_UNAVAILABLE), Error::Broken(_)));
    assert!(matches!(refusal(rv::UNPOWERED_CARD), Error::Slot(SlotError::Mute)));
    assert!(refusal(rv::SECURITY_VIOLATION).to_string().contains("polkit"));
    assert!(refusal(0x8010_0099).to_string().contains("80100099"));
}
