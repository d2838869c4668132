//! Bytes that no honest server sends. Each reply ends in an error, soon, and no memory is taken because the peer says
//! so.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use card::{
    Card, Error, Pipe,
    usbip::{self, Link},
};

use crate::{
    fake::{imported, listed},
    server::{Server, enumerated, once, returned, unlinked},
};

/// How long the test waits for bytes that must come.
const LONG: Duration = Duration::from_secs(60);

/// A server that answers everything with `reply`, and hangs up.
fn says(reply: Vec<u8>) -> Server {
    once(move |mut stream| {
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(&reply);
    })
}

fn with(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn lists_that_lie() {
    let good = listed(&["1-1"]);
    for (what, reply) in [
        ("another version", with(good.clone(), 0, &[1, 6])),
        ("another reply", with(good.clone(), 2, &[0, 3])),
        ("a status", with(good.clone(), 7, &[1])),
        ("4,294,967,295 devices", with(good.clone(), 8, &[0xFF; 4])),
        ("65,537 devices", with(good.clone(), 8, &[0, 1, 0, 1])),
        ("a path that is no text", with(good.clone(), 12, &[0xFF])),
        ("the client's own request", wire::usbip::request_list().to_vec()),
        ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ] {
        let error = usbip::list(&says(reply)).unwrap_err();
        assert!(matches!(error, Error::Nonsense(_)), "{what}: {error:?}");
    }
    // The reply promises more devices than it has, or more interfaces than it has.
    for reply in [with(good.clone(), 8, &[0, 0, 0, 9]), with(good, 12 + 311, &[255])] {
        assert!(matches!(usbip::list(&says(reply)), Err(Error::Forbidden(_) | Error::Broken(_))));
    }
}

#[test]
fn imports_that_lie() {
    let good = imported("1-1");
    for (what, reply) in [
        ("another version", with(good.clone(), 0, &[0, 0])),
        ("another reply", with(good.clone(), 2, &[0, 5])),
        ("another device", with(good.clone(), 8 + 256, b"1-2")),
        ("a name that is no text", with(good, 8 + 256, &[0xC3, 0x28])),
    ] {
        let error = Link::import(&says(reply), "1-1").map(drop).unwrap_err();
        assert!(matches!(error, Error::Nonsense(_)), "{what}: {error:?}");
    }
}

#[test]
fn descriptors_that_lie() {
    let endless = vec![9, 2, 0xFF, 0xFF, 1, 1, 0, 0, 0]; // a configuration of 65,535 bytes
    for (turn, lie) in [
        (0, vec![18, 1, 0]), // a device descriptor of three bytes
        (1, endless.clone()),
        (1, vec![9, 4, 0, 0, 0, 0, 0, 0, 0]),  // no configuration
        (1, vec![9, 2, 93, 0, 1, 1, 0, 0, 0]), // a head without what belongs to it
        (1, [vec![9, 2, 93, 0, 1, 1, 0, 0, 0], vec![0; 84]].concat()), // descriptors of no length
        (1, vec![]),
    ] {
        let honest_at_last = lie == endless;
        let address = once(move |mut stream| {
            let mut commands = crate::server::Commands::of(&stream);
            commands.next();
            stream.write_all(&imported("1-1")).unwrap();
            let mut token = crate::fake::Token::default();
            for now in 0.. {
                let Some(::usbip::usbip_protocol::UsbIpCommand::UsbIpCmdSubmit { header, setup, .. }) =
                    commands.next()
                else {
                    return;
                };
                let setup = wire::usb::Setup::parse(setup);
                assert!(setup.length <= 4096, "never more than a configuration may have");
                let data = if now == turn { lie.clone() } else { token.control(setup).unwrap() };
                let data = &data[..data.len().min(setup.length.into())];
                let _ = stream.write_all(&returned(&header, 0, data.len() as u32, data));
            }
        });
        let error = Link::import(&address, "1-1").map(drop);
        assert!(matches!(error, Err(Error::Nonsense(_)) | Ok(())), "{error:?}");
        assert_eq!(error.is_ok(), honest_at_last, "turn {turn}");
    }
}

/// Replies to the first URB of a bulk IN of at most 100 bytes.
#[test]
fn replies_that_lie() {
    type Lie = fn(&::usbip::usbip_protocol::UsbIpHeaderBasic) -> Vec<u8>;
    let lies: [(&str, Lie); 7] = [
        ("one byte more than asked", |header| returned(header, 0, 101, &[0; 101])),
        ("4 GiB", |header| {
            let mut reply = returned(header, 0, 0, &[]);
            reply[24..28].copy_from_slice(&[0xFF; 4]);
            reply
        }),
        ("another URB's number", |header| {
            let mut reply = returned(header, 0, 0, &[]);
            reply[4..8].copy_from_slice(&[0x7F; 4]);
            reply
        }),
        ("number 0", |header| {
            let mut reply = returned(header, 0, 0, &[]);
            reply[4..8].copy_from_slice(&[0; 4]);
            reply
        }),
        ("an answer to no UNLINK", |header| unlinked(header, 0)),
        ("a command", |header| {
            let mut reply = returned(header, 0, 0, &[]);
            reply[3] = 1;
            reply
        }),
        ("zeros", |_| vec![0; 48]),
    ];
    for (what, lie) in lies {
        let address = enumerated(move |mut stream, mut commands| {
            let (header, ..) = commands.submit();
            stream.write_all(&lie(&header)).unwrap();
            assert!(commands.next().is_none(), "the client trusts the line no more");
        });
        let mut link = Link::import(&address, "1-1").unwrap();
        let mut data = Vec::new();
        let error = link.bulk_in(&mut data, 100, LONG).unwrap_err();
        assert!(matches!(error, Error::Nonsense(_)), "{what}: {error:?}");
        // A stream that was out of step once stays out of step.
        let again = link.bulk_in(&mut data, 100, LONG).unwrap_err();
        assert!(matches!(again, Error::Broken(_)), "{what}: {again:?}");
        assert!(data.is_empty());
    }
}

#[test]
fn a_reply_twice() {
    let address = enumerated(|mut stream, mut commands| {
        let (header, ..) = commands.submit();
        stream.write_all(&returned(&header, 0, 3, b"one").repeat(2)).unwrap();
        let _ = commands.next();
        let _ = commands.next();
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    let mut data = Vec::new();
    link.bulk_in(&mut data, 100, LONG).unwrap();
    assert_eq!(data, b"one");
    assert!(matches!(link.bulk_in(&mut data, 100, LONG), Err(Error::Nonsense(_))));
}

#[test]
fn a_token_that_is_pulled_out() {
    for status in [-108, -104, -19, -71] {
        let address = enumerated(move |mut stream, mut commands| {
            let (header, ..) = commands.submit();
            stream.write_all(&returned(&header, status, 0, &[])).unwrap();
            while commands.next().is_some() {}
        });
        let mut link = Link::import(&address, "1-1").unwrap();
        let error = link.bulk_in(&mut Vec::new(), 100, LONG).unwrap_err();
        assert!(matches!(error, Error::Broken(_)) && error.to_string().contains("plugged in"), "{error:?}");
    }
}

#[test]
fn a_reader_with_nonsense_behind_good_usb() {
    let address = enumerated(|mut stream, mut commands| {
        let (out, length, ..) = commands.submit();
        let (answer, ..) = commands.submit();
        let message = [0x80, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 0, 0, 0]; // dwLength of 2 GiB
        stream
            .write_all(&[returned(&out, 0, length, &[]), returned(&answer, 0, 10, &message)].concat())
            .unwrap();
        while commands.next().is_some() {}
    });
    let error = Card::open(Link::import(&address, "1-1").unwrap()).map(drop).unwrap_err();
    assert!(matches!(error, Error::Nonsense(_)), "{error:?}");
}

/// The deadline is for the whole reply, not for each byte. So a silent server and a trickling server end alike.
#[test]
fn a_server_that_says_nothing_or_hardly_anything() {
    let silent = once(|mut stream| drop(stream.read_to_end(&mut Vec::new())));
    let trickling = once(|mut stream| {
        for byte in listed(&["1-1"]) {
            std::thread::sleep(Duration::from_millis(300));
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    let listing = |address: Server| {
        std::thread::spawn(move || {
            let begin = Instant::now();
            (usbip::list(&address), begin.elapsed())
        })
    };
    for listing in [listing(silent), listing(trickling)] {
        let (outcome, elapsed) = listing.join().unwrap();
        assert!(matches!(outcome, Err(Error::TimedOut(_))), "{outcome:?}");
        // The whole trickle would take 98 seconds.
        assert!(elapsed < Duration::from_secs(90), "{elapsed:?}");
    }
}
