//! What honest peers do, whole and in pieces.

use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use card::{
    Card, Error, Pipe,
    road::{self, Road, Selection},
    shield::Shield,
    usbip::{self, Link},
};
use wire::{apdu::Command, usb::Setup};

use crate::{
    fake::{ATR, SERIAL, Token, imported},
    server::{Commands, Server, always, enumerated, honest, once, returned, witness},
};

/// How long the test waits for bytes that must come.
const LONG: Duration = Duration::from_secs(60);

/// A server with one token, which serves this many connections.
fn serve(connections: usize, bus_ids: &'static [&'static str]) -> Server {
    always(connections, move |stream| {
        honest(&stream, &mut Token::default(), bus_ids, |reply| (&stream).write_all(reply));
    })
}

fn session(address: &str) -> Result<(), Error> {
    let devices = usbip::list(address)?;
    assert_eq!(devices.len(), 1);
    assert_eq!(
        (devices[0].vendor, devices[0].bus_id.as_str(), devices[0].id()),
        (0x163C, "1-1", 0x0001_0002)
    );
    let mut card = Card::open(Link::import(address, "1-1")?)?;
    assert_eq!(card.atr(), ATR);
    let answer = card.transmit(&Command::new(0, 0xCA, 1, 2, b"abc"))?;
    assert_eq!((answer.status.0, &answer.data[..]), (0x9000, &b"\x00\xCA\x01\x02\x03abc"[..]));
    Ok(())
}

#[test]
fn lists_imports_and_transmits() {
    session(&serve(2, &["1-1"])).unwrap();
}

#[test]
fn a_stream_handed_over_has_nothing_of_ours_left_on_it() {
    // The import is ours. The first submit comes from the new owner and is written by hand: the server must see it as
    // its first URB.
    let (told, seen) = witness();
    let address = enumerated_by_another(told);
    let usbip::HandedOver { stream, device } = usbip::hand_over(&address, "1-1").unwrap();
    assert_eq!((device.id(), device.speed), (0x0001_0002, 2));
    let mut stream = std::net::TcpStream::from(std::os::fd::OwnedFd::from(stream));
    assert_eq!((stream.read_timeout().unwrap(), stream.write_timeout().unwrap()), (None, None));
    let submit = wire::usbip::Submit {
        sequence: 1,
        device: device.id(),
        is_in: true,
        endpoint: 0,
        length: 18,
        setup: [0x80, 6, 0, 1, 0, 0, 18, 0],
    };
    stream.write_all(&submit.bytes()).unwrap();
    assert_eq!(seen.recv().unwrap(), 1);
    drop(stream);
}

/// A server that tells the test the sequence number of the first URB after an import.
fn enumerated_by_another(told: std::sync::mpsc::Sender<u32>) -> Server {
    once(move |mut stream| {
        let mut commands = Commands::of(&stream);
        commands.next().expect("an import");
        stream.write_all(&imported("1-1")).unwrap();
        told.send(commands.submit().0.seqnum).unwrap();
    })
}

#[test]
fn a_server_that_speaks_too_early_is_not_handed_over() {
    let address = once(|mut stream| {
        Commands::of(&stream).next().expect("an import");
        stream.write_all(&[imported("1-1"), vec![0; 48]].concat()).unwrap();
    });
    let error = usbip::hand_over(&address, "1-1").unwrap_err();
    assert!(
        matches!(&error, Error::Nonsense(why) if why.to_string().contains("before it was asked")),
        "{error}"
    );
}

#[test]
fn replies_one_byte_at_a_time() {
    let address = always(2, |stream| {
        honest(&stream, &mut Token::default(), &["1-1"], |reply| {
            reply.iter().try_for_each(|byte| (&stream).write_all(&[*byte]))
        });
    });
    session(&address).unwrap();
}

#[test]
fn cut_at_every_byte() {
    // How many bytes the server says in a whole session.
    let (said, saying) = witness();
    let address = always(2, move |stream| {
        let mut bytes = 0;
        honest(&stream, &mut Token::default(), &["1-1"], |reply| {
            bytes += reply.len();
            (&stream).write_all(reply)
        });
        said.send(bytes).unwrap();
    });
    session(&address).unwrap();
    let (list, import) = (saying.recv().unwrap(), saying.recv().unwrap());
    println!("{} cuts: {list} bytes of a list, {import} of a session", list + import);

    let cut_after = |whole: usize, connect: &dyn Fn(&str) -> Result<(), Error>| {
        let mut room = 0..whole;
        let address = always(whole, move |stream| {
            let mut room = room.next().unwrap();
            honest(&stream, &mut Token::default(), &["1-1"], |reply| {
                let now = reply.len().min(room);
                room -= now;
                (&stream).write_all(&reply[..now])?;
                if now < reply.len() { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
            });
        });
        for cut in 0..whole {
            let error = connect(&address).expect_err("a cut session succeeds");
            assert!(matches!(error, Error::Broken(_) | Error::Forbidden(_)), "cut at {cut}: {error:?}");
        }
    };
    cut_after(list, &|address| usbip::list(address).map(drop));
    cut_after(import, &|address| {
        let mut card = Card::open(Link::import(address, "1-1")?)?;
        card.transmit(&Command::new(0, 0xCA, 1, 2, b"abc")).map(drop)
    });
}

/// USB 2.0, 9.4.3: a device sends as much of a descriptor as was asked for. The client asks again where that was not all.
#[test]
fn a_long_configuration_is_read_whole() {
    let (tell, lengths) = witness();
    let address = once(move |mut stream| {
        let mut commands = Commands::of(&stream);
        commands.next();
        stream.write_all(&imported("1-1")).unwrap();
        let mut token = Token::default();
        for _ in 0..4 {
            let (header, length, setup, _) = commands.submit();
            let mut data = token.control(setup).unwrap();
            if setup.value == u16::from(wire::usb::descriptor::CONFIGURATION) << 8 {
                tell.send(setup.length).unwrap();
                data[2..4].copy_from_slice(&300_u16.to_le_bytes());
                // Descriptors of a kind that the client does not know.
                data.extend([207, 0xFF]);
                data.resize(300, 0);
                data.truncate(setup.length.into());
            }
            let length = if header.direction == 1 { data.len() as u32 } else { length };
            stream.write_all(&returned(&header, 0, length, &data)).unwrap();
        }
    });
    drop(Link::import(&address, "1-1").unwrap());
    assert_eq!(lengths.iter().collect::<Vec<_>>(), [255, 300]);
}

/// The host sends a command and the request for its answer in one write: a second write would be a second packet on the
/// line.
#[test]
fn out_and_in_travel_in_one_write() {
    let (seen, sees) = witness();
    let address = enumerated(move |mut stream, _| {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap();
        seen.send(bytes[..read].to_vec()).unwrap();
        // The server hangs up here, since nobody waits for an answer.
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    thread::spawn(move || link.exchange(&[0x65; 10], &mut Vec::new(), 100, LONG));
    let bytes = sees.recv().unwrap();
    assert_eq!(bytes.len(), 48 + 10 + 48);
    assert_eq!((bytes[3], bytes[15], bytes[19], &bytes[48..58]), (1, 0, 1, &[0x65; 10][..]));
    assert_eq!((bytes[58 + 3], bytes[58 + 15], bytes[58 + 19]), (1, 1, 2));
}

#[test]
fn replies_in_any_order() {
    let address = enumerated(|mut stream, mut commands| {
        // The interrupt URB waits. Then a command comes, and its answer overtakes that of the interrupt URB.
        let (watch, ..) = commands.submit();
        assert_eq!((watch.ep, watch.direction), (3, 1));
        let (out, length, ..) = commands.submit();
        let (answer, ..) = commands.submit();
        let mut replies = returned(&answer, 0, 3, b"yes");
        replies.extend(returned(&watch, 0, 2, &[0x50, 3]));
        replies.extend(returned(&out, 0, length, &[]));
        stream.write_all(&replies).unwrap();
        let _ = commands.next();
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    assert_eq!(link.interrupt_in(Duration::from_millis(50)).unwrap(), None);
    let mut answer = Vec::new();
    link.exchange(&[0x65; 10], &mut answer, 100, LONG).unwrap();
    assert_eq!(answer, b"yes");
    assert_eq!(link.interrupt_in(LONG).unwrap(), Some(vec![0x50, 3]));
}

#[test]
fn a_stall_is_no_broken_line() {
    let address = serve(1, &["1-1"]);
    let mut link = Link::import(&address, "1-1").unwrap();
    let unknown = Setup { request_type: 0x80, request: 0xEE, value: 0, index: 0, length: 8 };
    assert!(matches!(link.control(unknown, &[]), Err(Error::Stalled)));
    assert_eq!(link.serial().unwrap().as_deref(), Some(SERIAL));
}

/// Linux sends the bytes that a failed transfer brought before the failure.
#[test]
fn a_failed_transfer_may_bring_bytes() {
    let address = enumerated(|mut stream, mut commands| {
        let (urb, ..) = commands.submit();
        stream.write_all(&returned(&urb, -32, 3, b"bad")).unwrap();
        let (urb, ..) = commands.submit();
        stream.write_all(&returned(&urb, 0, 4, b"good")).unwrap();
        let _ = commands.next();
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    let mut data = Vec::new();
    assert!(matches!(link.bulk_in(&mut data, 100, LONG), Err(Error::Stalled)));
    link.bulk_in(&mut data, 100, LONG).unwrap();
    assert_eq!(data, b"good");
}

/// A packet that does not fit is reported, and the line is not broken: the next transfer works.
#[test]
fn an_overflow_is_nonsense_and_not_the_end_of_the_line() {
    let address = enumerated(|mut stream, mut commands| {
        let (urb, ..) = commands.submit();
        stream.write_all(&returned(&urb, -75, 3, b"bad")).unwrap();
        let (urb, ..) = commands.submit();
        stream.write_all(&returned(&urb, 0, 4, b"good")).unwrap();
        let _ = commands.next();
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    let mut data = Vec::new();
    assert!(matches!(link.bulk_in(&mut data, 100, LONG), Err(Error::Nonsense(_))));
    link.bulk_in(&mut data, 100, LONG).unwrap();
    assert_eq!(data, b"good");
}

#[test]
fn a_stalled_command_takes_its_answer_back() {
    let (seen, sees) = witness();
    let address = enumerated(move |mut stream, mut commands| {
        let (out, ..) = commands.submit();
        let (answer, ..) = commands.submit();
        stream.write_all(&returned(&out, -32, 0, &[])).unwrap();
        let Some(::usbip::usbip_protocol::UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum }) =
            commands.next()
        else {
            panic!("no UNLINK")
        };
        seen.send(unlink_seqnum == answer.seqnum).unwrap();
        stream.write_all(&crate::server::unlinked(&header, -104)).unwrap();
        let _ = commands.next();
    });
    let mut link = Link::import(&address, "1-1").unwrap();
    let outcome = link.exchange(&[0x65; 10], &mut Vec::new(), 100, LONG);
    assert!(matches!(outcome, Err(Error::Stalled)));
    assert!(sees.recv().unwrap());
}

#[test]
fn busy_and_unknown_tokens() {
    let address = serve(1, &["1-1"]);
    // The crate refuses with status 1 only. A server of ours gives this status for a token that is held.
    let error = Link::import(&address, "9-9").map(drop).unwrap_err();
    assert!(matches!(error, Error::Busy) && error.to_string().contains("busy"));
    for (status, expected) in [(2, "busy"), (4, "ushield ls"), (3, "nonsense")] {
        let address = always(1, move |mut stream| {
            let _ = stream.read(&mut [0; 64]);
            let mut reply = imported("1-1")[..8].to_vec();
            reply[7] = status;
            stream.write_all(&reply).unwrap();
        });
        let error = Link::import(&address, "1-1").map(drop).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let long = "1-".repeat(20);
    assert!(matches!(Link::import(&address, &long).map(drop), Err(Error::Invalid(_))));
}

#[test]
fn one_two_and_no_tokens() {
    let open = |server: &Server, rest: &str| road::open(&Selection::usbip(format!("{}{rest}", &**server)));
    assert!(matches!(open(&serve(1000, &[]), ""), Err(Error::NotFound(_))));
    let two = serve(4, &["1-1", "1-2"]);
    let Err(Error::Ambiguous(text)) = open(&two, "") else { panic!("one of two") };
    assert!(text.contains(&format!("USHIELD_USBIP={}/1-1", &*two)), "{text}");
    assert!(open(&two, "/1-2").is_ok());
    let found = road::discover(&Selection { bus_id: Some("1-2".into()), ..Selection::usbip(&*two) }).unwrap();
    let road = Road::UsbIp { address: two.to_string(), bus_id: "1-2".into() };
    assert_eq!((found.len(), &found[0].road, found[0].id), (1, &road, (0x163C, 0x0407)));
    // The card that echoes is not a token of ours.
    assert!(
        Shield::select(&mut open(&two, "/1-1").unwrap()).and_then(|mut shield| shield.information()).is_err()
    );
}

#[test]
fn a_token_by_its_serial() {
    let two = serve(5, &["1-1", "1-2"]);
    let open =
        |serial: &str| road::open(&Selection { serial: Some(serial.into()), ..Selection::usbip(&*two) });
    assert_eq!(open(SERIAL).unwrap().atr(), ATR);
    assert!(matches!(open("12345678"), Err(Error::NotFound(text)) if text.contains("12345678")));
}

/// A program that just ended may still hold the token for a moment: the client waits, and does not say busy at once.
#[test]
fn a_token_that_was_just_let_go_is_waited_for() {
    let mut turn = 0;
    let address = always(10, move |mut stream| {
        turn += 1;
        // The server refuses once. The client waits for up to a second, so that on a busy machine one try more may
        // come.
        if turn == 1 {
            let _ = stream.read(&mut [0; 64]);
            let reply = ::usbip::usbip_protocol::UsbIpResponse::op_rep_import_fail();
            return stream.write_all(&reply.to_bytes()).unwrap();
        }
        honest(&stream, &mut Token::default(), &["1-1"], |reply| (&stream).write_all(reply));
    });
    assert!(road::open(&Selection::usbip(format!("{}/1-1", &*address))).is_ok());
}
