//! Sessions that end badly, hosts that mean harm, and many hosts at once.

mod engine;

use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::Command,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use engine::{
    Server,
    client::{Client, GET_DEVICE},
    eventually,
};
use host_driver::{Exporter, Listen, StartError, State, usbip::Timing};
use wire::{
    usb::Setup,
    usbip::{Submit, Unlink, request_import, request_list},
};

const ECONNRESET: i32 = -104;

/// All that a host may send: lists, an import, transfers of each kind, some of them pending, an unlink, a job.
fn recording() -> Vec<u8> {
    let submit = |sequence, is_in, endpoint, length| {
        Submit { sequence, device: 0x0001_0001, is_in, endpoint, length, setup: [0; 8] }.bytes()
    };
    let control = Submit {
        setup: GET_DEVICE.bytes(),
        ..Submit { sequence: 1, device: 0x0001_0001, is_in: true, endpoint: 0, length: 18, setup: [0; 8] }
    };
    [
        &request_list()[..],
        &request_import("1-1").unwrap(),
        &control.bytes(),
        &submit(2, true, 3, 8),
        &submit(3, false, 1, 5),
        b"hello",
        &submit(4, true, 2, 64),
        &submit(5, true, 2, 64),
        &Unlink { sequence: 6, device: 0x0001_0001, victim: 5 }.bytes(),
        &submit(7, false, 1, 4),
        b"work",
        &submit(8, true, 2, 64),
    ]
    .concat()
}

#[test]
fn a_connection_may_end_at_any_byte() {
    let server = Server::start();
    let (id, told) = server.plug();
    told.open_gate();
    let bytes = recording();
    let mut slowest = Duration::ZERO;
    for cut in 0..=bytes.len() {
        let mut host = server.connect();
        host.send(&bytes[..cut]);
        if cut >= 48 {
            eventually("the device was taken", || told.attached() == cut - 47);
        }
        if cut % 2 == 1 {
            // A reset in place of an orderly end is what the server sees when the host's machine vanishes.
            rustix::net::sockopt::set_socket_linger(&host.stream, Some(Duration::ZERO)).unwrap();
        }
        let gone = Instant::now();
        drop(host);
        server.wait_free(id);
        slowest = slowest.max(gone.elapsed());
        assert_eq!(told.attached(), told.unplugged());
    }
    println!("{} cuts; the device was free again after {slowest:?} at most", bytes.len() + 1);
    assert_eq!(server.connect().list().len(), 1);
    assert_eq!(server.take(id).exchange(b"nothing was lost"), b"nothing was lost");
}

#[test]
fn what_arrives_in_pieces_is_put_together() {
    let server = Server::start();
    let (_, told) = server.plug();
    told.open_gate();
    let mut host = server.connect();
    for byte in recording() {
        host.send(&[byte]);
    }
    let mut replies = vec![0; 12 + 316 + 320 + 48 + 18 + 48 + 48 + 5 + 48 + 48 + 48 + 6];
    std::io::Read::read_exact(&mut host.stream, &mut replies).unwrap();
    assert!(replies.ends_with(b"worked"));
    host.silent(Duration::from_millis(50));
}

#[test]
fn what_comes_in_one_write_is_answered_in_one() {
    let server = Server::start();
    let (id, _) = server.plug();
    let mut host = server.take(id);
    let mut whole = 0;
    for _ in 0..100 {
        let ((_, out), (_, read)) = (host.out_bytes(1, b"hello"), host.in_bytes(2, 64));
        host.send(&[out, read].concat());
        let mut replies = [0; 200];
        let first = std::io::Read::read(&mut host.stream, &mut replies).unwrap();
        if first == 48 + 48 + 5 {
            whole += 1;
        } else {
            std::io::Read::read_exact(&mut host.stream, &mut replies[first..101]).unwrap();
        }
    }
    // A request may itself arrive in pieces, but usually it arrives whole.
    assert!(whole > 80, "{whole} of 100");
}

#[test]
fn a_device_has_one_holder_and_a_name_must_be_known() {
    let server = Server::start();
    let (id, _) = server.plug();
    let (other, _) = server.plug();
    let mut host = server.take(id);
    // As with Linux' usbip, the list shows only devices that a host may take.
    assert_eq!(server.connect().list().len(), 1);
    assert_eq!(server.connect().import(id), Err(2));
    for name in ["1-3", "2-1", "1-01", "1-0", "1", "", "1-70000", "上海水务"] {
        assert_eq!(server.connect().import_name(name), Err(4), "{name}");
    }
    let held = server.exporter.list();
    assert!(matches!(held[0].state, State::Held { peer } if peer == host.peer()));
    assert_eq!(held[1].state, State::Free);
    let mut connection = server.connect();
    assert_eq!(connection.list().len(), 1);
    // The client asks for a list first, and imports on the same connection.
    assert_eq!(connection.import(other), Ok(()));
    assert_eq!(connection.exchange(b"b"), b"b");
    assert_eq!(host.exchange(b"a"), b"a");
}

#[test]
fn who_breaks_the_protocol_is_hung_up_on_and_nobody_else_suffers() {
    let server = Server::start();
    let ((id, _), (other, _)) = (server.plug(), server.plug());
    let mut honest = server.take(other);
    let greetings: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 48],
        &[0xFF; 64],
        // Another version, a reply, a status, an unknown code.
        &[1, 6, 0x80, 5, 0, 0, 0, 0],
        &[1, 0x11, 0, 5, 0, 0, 0, 0],
        &[1, 0x11, 0x80, 5, 0, 0, 0, 1],
        &[1, 0x11, 0x80, 9, 0, 0, 0, 0],
        &[0, 0, 0, 1],
    ];
    for greeting in greetings {
        let mut host = server.connect();
        host.send(greeting);
        assert_eq!(host.hung_up(), [0_u8; 0]);
    }
    let submit =
        Submit { sequence: 1, device: id.device(), is_in: true, endpoint: 2, length: 64, setup: [0; 8] };
    let word = |at: usize, word: u32| {
        let mut bytes = submit.bytes();
        bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
        bytes.to_vec()
    };
    let elsewhere = Unlink { sequence: 2, device: other.device(), victim: 1 };
    let attacks = [
        // A reply, an import, another device, a third direction, endpoint 16.
        word(0, 3),
        [&request_import("1-1").unwrap()[..], &[0; 8]].concat(),
        word(8, other.device()),
        word(8, 0),
        word(12, 2),
        word(16, 16),
        word(16, u32::MAX),
        elsewhere.bytes().to_vec(),
        // Two transfers with one number, then too many transfers, then too many bytes.
        [submit.bytes(), submit.bytes()].concat(),
        (1..=65).flat_map(|sequence| Submit { sequence, ..submit }.bytes()).collect(),
        (1..=5).flat_map(|sequence| Submit { sequence, length: 1 << 20, ..submit }.bytes()).collect(),
    ];
    for attack in attacks {
        let mut host = server.take(id);
        host.send(&attack);
        assert_eq!(host.hung_up(), [0_u8; 0], "{attack:x?}");
        server.wait_free(id);
        assert_eq!(honest.exchange(b"honest"), b"honest");
    }
    assert_eq!(server.take(id).exchange(b"alive"), b"alive");
}

#[test]
fn a_data_stage_goes_the_way_its_setup_packet_says() {
    let server = Server::start();
    let (id, _) = server.plug();
    let mut host = server.take(id);
    // The message says OUT where the setup packet says IN, and the other way round.
    for (setup, is_in) in [(GET_DEVICE, false), (Setup { request_type: 0x21, length: 4, ..GET_DEVICE }, true)]
    {
        let (sequence, bytes) = if is_in { host.in_bytes(0, 4) } else { host.out_bytes(0, b"data") };
        let mut bytes = bytes;
        bytes[40..48].copy_from_slice(&setup.bytes());
        host.send(&bytes);
        assert_eq!(host.end_of(sequence), (-32, vec![]));
    }
    assert_eq!(host.exchange(b"alive"), b"alive");
}

#[test]
fn whoever_says_nothing_is_not_waited_for() {
    let greeting = Duration::from_secs(2);
    let server = Server::with(Timing { greeting, ..Timing::STANDARD });
    let (id, _) = server.plug();
    // On a busy machine even an honest host may be too slow. Then the host tries again.
    let mut attached = None;
    eventually("the device is taken", || {
        let mut host = server.connect();
        attached = host.try_import(id).is_ok().then_some(host);
        attached.is_some()
    });
    let mut silent = server.connect();
    // This client sends its request so slowly that it would need twice the time that there is.
    let mut slow = server.connect();
    let request = request_import("1-1").unwrap();
    for byte in &request {
        if slow.stream.write_all(&[*byte]).is_err() {
            break;
        }
        thread::sleep(2 * greeting / u32::try_from(request.len()).unwrap());
    }
    assert_eq!(slow.hung_up(), [0_u8; 0]);
    assert_eq!(silent.hung_up(), [0_u8; 0]);
    // A host that has taken a device may be silent for as long as it likes.
    assert_eq!(attached.unwrap().exchange(b"still here"), b"still here");
}

#[test]
fn eleven_hundred_who_say_nothing_keep_nobody_out() {
    // The time for a greeting is so long that it does not end while this test runs.
    let server = Server::with(Timing { greeting: Duration::from_secs(24 * 3600), ..Timing::STANDARD });
    let (id, _) = server.plug();
    host_driver::raise_descriptor_limit();
    let mut honest = server.take(id);
    let mut silent: Vec<_> = (0..1100).map(|_| server.connect()).collect();
    assert_eq!(server.connect().list(), []);
    assert_eq!(honest.exchange(b"served"), b"served");
    // The connection that came first had to go first, although its time was not over.
    assert_eq!(silent[0].hung_up(), [0_u8; 0]);
    drop(honest);
    server.wait_free(id);
    assert_eq!(server.take(id).exchange(b"served"), b"served");
}

/// Connections that are reset at once must start no work that takes long.
#[test]
fn resets_delay_nobody() {
    let server = Server::start();
    let (id, _) = server.plug();
    let place = server.place();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut resets = 0;
            while !stop.load(Relaxed) {
                let client = Client::connect(&place);
                rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
                resets += 1;
            }
            resets
        });
        let mut host = server.take(id);
        for _ in 0..60 {
            assert_eq!(host.exchange(b"served"), b"served");
            assert_eq!(server.connect().list(), []);
        }
        stop.store(true, Relaxed);
        println!("{} resets", flood.join().unwrap());
    });
}

#[test]
fn a_host_that_does_not_read_holds_up_nobody() {
    let server = Server::start();
    let (id, told) = server.plug();
    let mut host = server.take(id);
    host.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // For each 48 bytes that the client sends 256 bytes come back, until the line is full.
    let data = [7; 200];
    let blocked = (0..1_000_000).any(|_| {
        let ((_, out), (_, read)) = (host.out_bytes(1, &data), host.in_bytes(2, 200));
        host.stream.write_all(&[out, read].concat()).is_err()
    });
    assert!(blocked, "the server reads on though its replies do not leave");
    server.exporter.unplug(id).unwrap();
    assert_eq!(told.unplugged(), 1);
    server.exporter.plug_again(id).unwrap();
    assert_eq!(server.take(id).exchange(b"alive"), b"alive");
}

/// A kernel may still be sending when it learns that the device is gone. A reset would be an error to that kernel.
#[test]
fn who_still_sends_to_a_device_that_was_pulled_out_gets_no_reset() {
    /// How long the server waits for a host that does not go.
    const FAREWELL: Duration = Duration::from_secs(1);
    let server = Server::start();
    let (id, _) = server.plug();
    eventually("a machine that is quick enough", || {
        let mut host = server.take(id);
        let begin = Instant::now();
        server.exporter.unplug(id).unwrap();
        assert_eq!(host.hung_up(), [0_u8; 0]);
        let sent = (0..3).all(|_| {
            let (_, read) = host.in_bytes(2, 64);
            let sent = host.stream.write_all(&read).is_ok();
            thread::sleep(Duration::from_millis(20));
            sent
        });
        assert!(sent || begin.elapsed() > FAREWELL, "a reset");
        // The server does not wait long for a host that does not go.
        eventually("the end of the connection", || host.stream.write_all(&[0; 48]).is_err());
        server.exporter.plug_again(id).unwrap();
        sent
    });
}

#[test]
fn unlink_cancels_only_what_waits() {
    let server = Server::start();
    let (id, told) = server.plug();
    let mut host = server.take(id);
    let (a, b, c) = (host.bulk_in(64), host.bulk_in(64), host.bulk_in(64));
    let unlink = host.unlink(b);
    assert_eq!(host.end_of_unlink(unlink), ECONNRESET);
    // The cancelled transfer takes no data, and the number of that transfer may be used again.
    for (read, text) in [(a, b"one"), (c, b"two")] {
        let out = host.bulk_out(text);
        assert_eq!(host.end_of(out), (0, vec![]));
        assert_eq!(host.end_of(read), (0, text.to_vec()));
    }
    let asked = told.asked.load(Relaxed);
    let again =
        Submit { sequence: b, device: host.device, is_in: true, endpoint: 2, length: 0, setup: [0; 8] };
    host.send(&again.bytes());
    eventually("the device was asked", || told.asked.load(Relaxed) > asked);
    let unlink = host.unlink(b);
    assert_eq!(host.end_of_unlink(unlink), ECONNRESET);
}

#[test]
fn two_hundred_devices_in_one_process() {
    let server = Server::start();
    let ids: Vec<_> = (0..200).map(|_| server.plug().0).collect();
    assert_eq!(server.connect().list().len(), 200);
    let mut hosts: Vec<Client> = ids.iter().map(|id| server.take(*id)).collect();
    assert_eq!(server.connect().list(), []);
    for round in 0..3_u8 {
        // Each host has a transfer under way at the same time.
        let reads: Vec<_> =
            hosts.iter_mut().map(|host| (host.bulk_in(64), host.bulk_out(&[round; 8]))).collect();
        for (host, (read, out)) in hosts.iter_mut().zip(reads) {
            assert_eq!(host.end_of(out), (0, vec![]));
            assert_eq!(host.end_of(read), (0, vec![round; 8]));
        }
    }
    drop(hosts);
    ids.iter().for_each(|id| server.wait_free(*id));
    assert_eq!(server.connect().list().len(), 200);
}

#[test]
fn a_taken_port_and_an_open_one_say_what_to_type() {
    let server = Server::start();
    let start = |listen| server.runtime.block_on(Exporter::start(listen)).unwrap_err();
    let address = server.exporter.local_addr();
    let error = start(Listen { address, ..Listen::default() });
    assert!(error.to_string().contains("--listen 127.0.0.1:0"), "{error}");
    let address = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(start(Listen { address, ..Listen::default() }), StartError::Open(_)));
    let address = "192.0.2.1:0".parse().unwrap();
    let allow = vec!["192.0.2.0/24".parse().unwrap()];
    assert!(matches!(start(Listen { address, allow, ..Listen::default() }), StartError::Address(..)));
}

/// Root can become another user. Without root the test would have one user only, who is served in all other tests.
#[test]
fn another_user_of_this_machine_is_not_served() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let server = Server::start();
    server.plug();
    let script = format!(
        r"exec 3<>/dev/tcp/127.0.0.1/{}; printf '\x01\x11\x80\x05\0\0\0\0' >&3; timeout 60 head -c 12 <&3 | wc -c",
        server.exporter.local_addr().port()
    );
    let received = |uid| {
        let output =
            Command::new("bash").arg("-c").arg(&script).uid(uid).gid(uid).current_dir("/").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!((received(65534), received(0)), ("0".into(), "12".into()));
}

#[test]
fn the_descriptor_limit_is_the_hard_one() {
    let limit = host_driver::raise_descriptor_limit();
    let now = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert_eq!((limit, now.current), (now.current, now.maximum));
}
