//! The usbredir server, with guests whose line is cut, and with guests that mean harm.

mod engine;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use engine::{
    Server,
    client::GET_DEVICE,
    eventually,
    guest::{Guest, QEMU, bulk},
};
use host_driver::{Listen, usbip::Timing};
use wire::usbredir::{Capabilities, Control, Status, ToHost, packet};

const OK: Status = Status::Success;

/// All that a guest may send: a hello, each kind of packet, some of them pending, a job.
fn recording() -> Vec<u8> {
    let mut out = Vec::new();
    let hello = wire::usbredir::Hello { version: b"recorded", capabilities: QEMU };
    ToHost::Hello(hello).encode(0, QEMU, &mut out);
    let control = Control { endpoint: 0x80, status: OK, setup: GET_DEVICE };
    for (id, message) in [
        (0, ToHost::FilterFilter { rules: b"-1,-1,-1,-1,1" }),
        (1, ToHost::Control { header: control, data: &[] }),
        (2, ToHost::SetConfiguration { value: 1 }),
        (0, ToHost::StartInterruptReceiving { endpoint: 0x83 }),
        (4, ToHost::Bulk { header: bulk(0x01, 5), data: b"hello" }),
        (5, ToHost::Bulk { header: bulk(0x82, 64), data: &[] }),
        (6, ToHost::Bulk { header: bulk(0x82, 64), data: &[] }),
        (6, ToHost::CancelDataPacket),
        (7, ToHost::Bulk { header: bulk(0x01, 4), data: b"work" }),
        (8, ToHost::Bulk { header: bulk(0x82, 64), data: &[] }),
    ] {
        message.encode(id, QEMU.common(Capabilities(0x7E)), &mut out);
    }
    out
}

#[test]
fn a_connection_may_end_at_any_byte() {
    let server = Server::start();
    let (id, told) = server.plug();
    told.open_gate();
    let address = server.usbredir(None);
    let bytes = recording();
    let mut slowest = Duration::ZERO;
    for cut in 0..=bytes.len() {
        let mut guest = Guest::connect(address);
        guest.stream.write_all(&bytes[..cut]).unwrap();
        if cut >= 80 {
            eventually("the device was taken", || told.attached() == cut - 79);
        }
        if cut % 2 == 1 {
            // A reset in place of an orderly end is what the server sees when the guest's machine vanishes.
            rustix::net::sockopt::set_socket_linger(&guest.stream, Some(Duration::ZERO)).unwrap();
        }
        let gone = Instant::now();
        drop(guest);
        server.wait_free(id);
        slowest = slowest.max(gone.elapsed());
        assert_eq!(told.attached(), told.unplugged());
    }
    println!("{} cuts; the device was free again after {slowest:?} at most", bytes.len() + 1);
    assert_eq!(Guest::take(address).exchange(b"nothing was lost"), b"nothing was lost");
}

#[test]
fn what_arrives_in_pieces_is_put_together() {
    let server = Server::start();
    let (_, told) = server.plug();
    told.open_gate();
    let mut guest = Guest::connect(server.usbredir(None));
    let bytes = recording();
    guest.stream.write_all(&bytes[..79]).unwrap();
    for byte in &bytes[79..] {
        guest.stream.write_all(&[*byte]).unwrap();
    }
    let hello = guest.packet().unwrap();
    assert_eq!(hello.kind, packet::HELLO);
    guest.agreed = Capabilities(0x7E);
    guest.device();
    let ends: Vec<_> = [(); 10].iter().map(|()| guest.packet().unwrap()).collect();
    assert_eq!(ends.iter().map(|end| end.id).collect::<Vec<_>>(), [1, 0, 0, 2, 0, 4, 5, 6, 7, 8]);
    assert!(ends[9].body.ends_with(b"worked"));
    guest.silent(Duration::from_millis(50));
}

#[test]
fn who_breaks_the_protocol_is_hung_up_on_and_nobody_else_suffers() {
    let server = Server::start();
    let ((a, _), (b, _)) = (server.plug(), server.plug());
    let mut honest = Guest::take(server.usbredir(Some(b)));
    let address = server.usbredir(Some(a));
    let greetings: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0; 64],
        &[0xFF; 64],
        // The first hello is too long, and the second is too short. The third packet shows a device, and is no hello.
        &[0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 0, 63, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0],
    ];
    for greeting in greetings {
        let mut guest = Guest::connect(address);
        guest.stream.write_all(greeting).unwrap();
        // The server's hello goes out first.
        assert_eq!(guest.hung_up().len(), 80, "{greeting:x?}");
    }
    let probe = Guest::take(address);
    let input = ToHost::Bulk { header: bulk(0x82, 64), data: &[] };
    let with_length = |message: &ToHost<'_>, length: u32| {
        let mut bytes = probe.bytes(1, message);
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes
    };
    let raw = |kind: u32, body: &[u8]| {
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(body);
        bytes
    };
    let mut attacks = vec![
        // A second hello, a refusal, and packets that only a host may send.
        raw(packet::HELLO, &[0; 64]),
        probe.bytes(0, &ToHost::FilterReject),
        raw(packet::DEVICE_CONNECT, &[0; 10]),
        raw(packet::INTERRUPT_PACKET, &[0x83, 0, 0, 0]),
        // Bulk streams and buffered bulk, which were not agreed on. Then a type that no packet has.
        raw(18, &[0; 8]),
        raw(25, &[0; 10]),
        raw(77, &[]),
        // Lengths that promise too much, and data that is not as long as it says.
        with_length(&input, u32::MAX),
        with_length(&input, 1 << 30),
        with_length(&ToHost::Reset, 1),
        probe.bytes(1, &ToHost::Bulk { header: bulk(0x82, (1 << 20) + 1), data: &[] }),
        probe.bytes(1, &ToHost::Bulk { header: bulk(0x01, 3), data: b"ab" }),
        probe.bytes(1, &ToHost::Bulk { header: bulk(0x82, 3), data: b"abc" }),
        // Two packets with one id, then too many packets, then too many bytes.
        [probe.bytes(1, &input), probe.bytes(1, &input)].concat(),
        (1..=65).flat_map(|id| probe.bytes(id, &input)).collect(),
    ];
    let large = ToHost::Bulk { header: bulk(0x82, 1 << 20), data: &[] };
    attacks.push((1..=5).flat_map(|id| probe.bytes(id, &large)).collect());
    drop(probe);
    server.wait_free(a);
    for attack in attacks {
        let mut guest = Guest::take(address);
        guest.stream.write_all(&attack).unwrap();
        assert_eq!(guest.hung_up(), [0_u8; 0], "{:x?}", &attack[..attack.len().min(80)]);
        server.wait_free(a);
        assert_eq!(honest.exchange(b"honest"), b"honest");
    }
    assert_eq!(Guest::take(address).exchange(b"alive"), b"alive");
}

#[test]
fn a_guest_that_does_not_read_holds_up_nobody() {
    let server = Server::start();
    let (id, told) = server.plug();
    let address = server.usbredir(None);
    let mut guest = Guest::take(address);
    guest.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let data = [7; 200];
    let mut pair = guest.bytes(1, &ToHost::Bulk { header: bulk(0x01, 200), data: &data });
    pair.extend(guest.bytes(2, &ToHost::Bulk { header: bulk(0x82, 200), data: &[] }));
    let blocked = (0..1_000_000).any(|_| guest.stream.write_all(&pair).is_err());
    assert!(blocked, "the server reads on though its replies do not leave");
    server.exporter.unplug(id).unwrap();
    assert_eq!(told.unplugged(), 1);
    server.exporter.plug_again(id).unwrap();
    // The guest that does not read has not heard that the device is back.
    assert_eq!(server.take(id).exchange(b"alive"), b"alive");
}

/// The time for a greeting is so long that no honest guest is too slow, also on a busy machine.
const IDLE: Timing = Timing { greeting: Duration::from_secs(24 * 3600), silence: Duration::from_millis(300) };
/// The short time ends in the tests whose guests say nothing.
const SHORT: Timing = Timing { greeting: Duration::from_secs(1), silence: Duration::from_millis(300) };

/// A guest that has greeted in time. On a busy machine even an honest guest may be too slow. Then the guest tries
/// again.
fn take_in_time(address: std::net::SocketAddr) -> Guest {
    let mut guest = None;
    eventually("a guest with a device", || {
        guest = Guest::try_take(address).ok();
        guest.is_some()
    });
    guest.unwrap()
}

#[test]
fn whoever_says_nothing_is_not_waited_for() {
    let server = Server::start();
    server.plug();
    let address = listen(&server, SHORT);
    let mut waiting = take_in_time(address);
    let mut silent = Guest::connect(address);
    assert_eq!(silent.hung_up().len(), 80);
    // A guest that has greeted may be silent for as long as it likes.
    assert_eq!(waiting.exchange(b"still here"), b"still here");
}

fn listen(server: &Server, timing: Timing) -> std::net::SocketAddr {
    let listen = Listen { address: ([127, 0, 0, 1], 0).into(), timing, ..Listen::default() };
    server.runtime.block_on(server.exporter.listen_usbredir(listen, None)).unwrap()
}

#[test]
fn a_device_that_its_guest_does_not_use_goes_to_one_that_waits() {
    let server = Server::start();
    let (id, _) = server.plug();
    let address = listen(&server, IDLE);
    let mut idle = Guest::take(address);
    // While nobody else wants the token the guest keeps it: a machine that is paused may take an hour to boot.
    idle.silent(IDLE.silence * 2);
    let mut waiting = Guest::take(address);
    assert_eq!(idle.hung_up(), [0_u8; 0]);
    assert_eq!(waiting.exchange(b"mine"), b"mine");
    // A guest that has begun to use the token keeps it, however long the guest is silent afterwards.
    let mut last = Guest::greet(address, QEMU);
    last.silent(IDLE.silence * 2);
    assert_eq!(waiting.exchange(b"still mine"), b"still mine");
    drop(waiting);
    last.device();
    drop(last);
    server.wait_free(id);
    // A USB/IP host is told that the token is held. From then on the token is wanted, as if another guest waited.
    let mut idle = Guest::take(address);
    assert!(server.connect().import(id).is_err());
    assert_eq!(idle.hung_up(), [0_u8; 0]);
    server.wait_free(id);
}

#[test]
fn a_guest_that_is_paused_gets_its_token_back_and_keeps_it() {
    let server = Server::start();
    let (id, _) = server.plug();
    let address = listen(&server, SHORT);
    let mut guest = take_in_time(address);
    assert_eq!(guest.exchange(b"used"), b"used");
    server.exporter.unplug(id).unwrap();
    assert_eq!(guest.packet().unwrap().kind, packet::DEVICE_DISCONNECT);
    server.exporter.plug_again(id).unwrap();
    // The guest's machine is paused, and does not even acknowledge.
    guest.silent(SHORT.greeting * 2);
    guest.send(0, &ToHost::DeviceDisconnectAck);
    guest.device();
    // The guest used the token before. So it keeps the token, although another guest waits.
    let mut waiting = Guest::greet(listen(&server, IDLE), QEMU);
    waiting.silent(IDLE.silence * 3);
    assert_eq!(guest.exchange(b"mine"), b"mine");
}

#[test]
fn eleven_hundred_idle_guests_keep_nobody_out() {
    let server = Server::start();
    let (id, _) = server.plug();
    let address = listen(&server, Timing::STANDARD);
    host_driver::raise_descriptor_limit();
    let mut honest = Guest::take(address);
    let mut idle: Vec<_> = (0..1100).map(|_| Guest::greet(address, QEMU)).collect();
    assert_eq!(honest.exchange(b"served"), b"served");
    // The oldest silent guest had to go, and the newest guest waits.
    assert_eq!(idle[0].hung_up(), [0_u8; 0]);
    let mut new = Guest::greet(address, QEMU);
    drop(idle);
    drop(honest);
    new.device();
    assert_eq!(new.exchange(b"served"), b"served");
    drop(new);
    server.wait_free(id);
}

#[test]
fn the_server_stops_with_guests_that_have_a_token_and_guests_that_wait() {
    let server = Server::start();
    let (_, told) = server.plug();
    let address = server.usbredir(None);
    let (mut guest, mut waiting) = (Guest::take(address), Guest::greet(address, QEMU));
    let Server { exporter, runtime, .. } = server;
    runtime.block_on(exporter.shutdown());
    waiting.hung_up();
    guest.hung_up();
    eventually("the power is off", || told.unplugged() == 1);
}
