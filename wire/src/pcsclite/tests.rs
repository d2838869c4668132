//! The structures are held against what the real libpcsclite and the real pcscd of three versions said to each other.

use std::{collections::BTreeMap, string::String, vec, vec::Vec};

use super::*;

/// The two directions of one connection.
#[derive(Default)]
struct Line {
    client: Vec<u8>,
    server: Vec<u8>,
}

fn recorded(text: &str) -> Vec<Line> {
    let mut lines: BTreeMap<&str, Line> = BTreeMap::new();
    for row in text.lines().filter(|row| !row.starts_with('#')) {
        let mut words = row.split(' ');
        let line = lines.entry(words.next().unwrap()).or_default();
        let to = if words.next() == Some("C") { &mut line.client } else { &mut line.server };
        for word in words {
            match word.strip_prefix("00*") {
                Some(count) => to.extend(vec![0; count.parse::<usize>().unwrap()]),
                None => to.extend(
                    (0..word.len() / 2).map(|at| u8::from_str_radix(&word[at * 2..at * 2 + 2], 16).unwrap()),
                ),
            }
        }
    }
    lines.into_values().collect()
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (first, rest) = bytes.split_at(count);
    *bytes = rest;
    first
}

/// Reads both sides to their ends. Every structure must come out as it went in. Returns the commands in their order.
fn replay(line: &Line, minor: i32) -> Vec<u32> {
    let (mut client, mut server) = (line.client.as_slice(), line.server.as_slice());
    let (mut commands, mut waiting) = (Vec::new(), false);
    while !client.is_empty() {
        let start = client;
        let header = Header::parse(take(&mut client, Header::LEN).try_into().unwrap());
        let body = take(&mut client, header.body().unwrap());
        let request = Request::parse(header.command, body).unwrap();
        let mut again = Vec::new();
        request.encode(&mut again);
        assert_eq!(again, start[..again.len()], "{request:?}");
        take(&mut client, request.trailer());
        commands.push(header.command);
        macro_rules! answer {
            ($structure:ident) => {{
                let bytes = take(&mut server, $structure::LEN);
                let answer = $structure::parse(bytes).unwrap();
                let mut again = Vec::new();
                answer.encode(&mut again);
                assert_eq!(again, bytes);
                answer
            }};
        }
        let states = |bytes: &[u8]| {
            let states = reader_states(bytes).unwrap();
            assert_eq!(states[0].reader().as_deref(), Some("Virtual PCD 00 00"));
            assert_eq!(states[0].atr(), [0x3B, 0x80, 0x80, 0x01, 0x01]);
            let mut again = Vec::new();
            states.iter().for_each(|state| state.encode(&mut again));
            assert_eq!(again, bytes);
        };
        match &request {
            Request::Version(version) => {
                assert_eq!((version.major, version.minor), (MAJOR, minor));
                assert_eq!(answer!(Version).rv, rv::SUCCESS);
            }
            Request::Establish(_) => assert_ne!(answer!(Establish).context, 0),
            Request::Release(_) => {
                if waiting {
                    assert_eq!(answer!(Wait).rv, rv::CANCELLED); // the wait's answer comes first, on the same line
                }
                assert_eq!(answer!(Release).rv, rv::SUCCESS);
            }
            Request::Connect(connect) => {
                assert_eq!(connect.reader(), b"Virtual PCD 00 00");
                assert_eq!(answer!(Connect).active, protocol::T1);
            }
            Request::Reconnect(_) => assert_eq!(answer!(Reconnect).rv, rv::SUCCESS),
            Request::Disconnect(_) => assert_eq!(answer!(Disconnect).rv, rv::SUCCESS),
            Request::Begin(_) => assert_eq!(answer!(Begin).rv, rv::SUCCESS),
            Request::End(end) => {
                assert_eq!(end.disposition, disposition::RESET);
                assert_eq!(answer!(End).rv, rv::SUCCESS);
            }
            Request::Transmit(_) => {
                let answer = answer!(Transmit);
                if answer.rv == rv::SUCCESS {
                    let apdu = take(&mut server, answer.receive_length as usize);
                    assert!(apdu.ends_with(&[0x90, 0x00]), "{apdu:02X?}");
                } else {
                    assert_eq!(answer.rv, rv::RESET_CARD);
                }
            }
            Request::Control(control) => {
                assert_eq!(control.code, 0x4200_0000 + 3400);
                assert_eq!(answer!(Control).rv, rv::UNSUPPORTED_FEATURE);
            }
            Request::Status(_) => assert_eq!(answer!(Status).rv, rv::SUCCESS),
            Request::Cancel(_) => assert_eq!(answer!(Cancel).rv, rv::SUCCESS),
            Request::GetAttribute(question) => {
                assert_eq!(question.value().map(<[u8]>::len), Some(MAX_ATTRIBUTE));
                answer!(Attribute);
            }
            Request::SetAttribute(attribute) => {
                assert_eq!(attribute.value(), Some(&b"ab"[..]));
                answer!(Attribute);
            }
            Request::ReadersState => states(take(&mut server, MAX_READERS * ReaderState::LEN)),
            Request::Wait => {
                if waiting {
                    assert_eq!(answer!(Wait).rv, rv::SUCCESS); // a change came after the wait before
                }
                waiting = true;
                if minor < 6 {
                    states(take(&mut server, MAX_READERS * ReaderState::LEN));
                }
            }
            Request::StopWaiting => {
                waiting = false;
                assert_eq!(answer!(Wait).rv, rv::SUCCESS);
            }
            Request::ReaderEvents => assert_eq!(answer!(ReaderEvents).events, 2),
            Request::ReadersStateSize => assert_eq!(take(&mut server, 4), 2_i32.to_ne_bytes()),
            Request::ReadersStateArray => states(take(&mut server, 2 * ReaderState::LEN)),
            Request::Open(_) | Request::Turn(_) => panic!("pcsc-lite has no such request"),
        }
    }
    assert!(server.is_empty(), "{server:02X?}");
    commands
}

#[test]
fn reads_what_real_clients_and_daemons_said() {
    for (minor, text) in [
        (4, include_str!("recorded/4.4.txt")),
        (5, include_str!("recorded/4.5.txt")),
        (6, include_str!("recorded/4.6.txt")),
    ] {
        let lines = recorded(text);
        let [main, cancel] = lines.as_slice() else { panic!("two connections") };
        let commands = replay(main, minor);
        let common =
            [0x01, 0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0F, 0x10, 0x11, 0x13, 0x14];
        let since: &[u32] = match minor {
            4 => &[0x12],
            5 => &[0x12, 0x15],
            _ => &[0x15, 0x16, 0x17],
        };
        for command in common.iter().chain(since) {
            assert!(commands.contains(command), "4.{minor}: {command:02X}");
        }
        assert_eq!(replay(cancel, minor), [0x0D]);
    }
}

#[test]
fn sizes_are_the_c_compilers() {
    assert_eq!(
        [Version::LEN, Connect::LEN, Transmit::LEN, Control::LEN, Attribute::LEN, ReaderState::LEN],
        [12, 152, 32, 24, 280, 184]
    );
}

#[test]
fn lengths_and_commands_are_checked() {
    assert!(Header { size: 12, command: 0x11 }.body().is_ok());
    assert!(Header { size: 13, command: 0x11 }.body().is_err());
    assert!(Header { size: u32::MAX, command: 0x12 }.body().is_err());
    for unknown in [0, 3, 0x0C, 0x0E, 0x18, u32::MAX] {
        assert!(Header { size: 0, command: unknown }.body().is_err(), "{unknown}");
        assert!(Request::parse(unknown, &[]).is_err());
    }
    assert!(Request::parse(0x12, &[0]).is_err());
    assert!(Version::parse(&[0; 11]).is_err() && Version::parse(&[0; 13]).is_err());
    assert!(reader_states(&[0; 183]).is_err());
    let question = Attribute { card: 1, id: 0, value: [0; MAX_ATTRIBUTE], length: 265, rv: 0 };
    assert_eq!(question.value(), None);
}

/// Numbers stand at multiples of 4, and pcsc-lite's commands end far below ours (`CMD_ENUM_LAST`).
#[test]
fn our_own_requests_travel() {
    let mut open = Open::wish(reader_name("R 00 00"));
    (open.card, open.active, open.extended, open.atr_length, open.atr[0]) = (7, protocol::T1, 1, 40, 0x3B);
    assert_eq!((open.reader(), open.atr().len()), (&b"R 00 00"[..], MAX_ATR));
    let bits = extension::turn::BEGIN | extension::turn::END;
    let turn = Turn { card: 7, bits, send_length: 5, receive_length: 258, rv: extension::DISTURBED };
    for (request, trailer) in [(Request::Open(open), 0), (Request::Turn(turn), 5)] {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        let (head, body) = bytes.split_at(Header::LEN);
        let header = Header::parse(head.try_into().unwrap());
        assert_eq!((header.body(), header.command), (Ok(body.len()), request.command()));
        assert!(body.len() % 4 == 0 && request.command() > 0xFFFF);
        assert_eq!(Request::parse(header.command, body), Ok(request.clone()));
        assert_eq!(request.trailer(), trailer);
    }
    assert!(![rv::SUCCESS, extension::OFFER].contains(&extension::TAKEN));
}

#[test]
fn names_end_with_a_zero() {
    assert_eq!(reader_name("a")[..2], [b'a', 0]);
    let long: String = "盾".repeat(60);
    let field = reader_name(&long);
    assert_eq!(field[126..], [0, 0]); // 42 characters of 3 bytes
    let state = ReaderState { name: field, ..ReaderState::FREE };
    assert_eq!(state.reader(), Some("盾".repeat(42)));
    assert_eq!(ReaderState::FREE.reader(), None);
    assert_eq!(ReaderState { atr_length: 40, ..ReaderState::FREE }.atr().len(), MAX_ATR);
}
