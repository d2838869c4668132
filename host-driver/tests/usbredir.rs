//! The usbredir server, with honest guests.

mod engine;

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use engine::{
    Server,
    client::GET_DEVICE,
    guest::{Guest, QEMU, bulk},
};
use host_driver::{BusId, State};
use peer::Peer;
use wire::{
    usb::Setup,
    usbredir::{Bulk, Capabilities, Control, DeviceConnect, Interrupt, Status, ToGuest, ToHost, packet},
};

const OK: Status = Status::Success;

fn status(packet: &engine::guest::Packet) -> Status {
    match ToGuest::parse(packet.kind, &packet.body, QEMU).unwrap() {
        ToGuest::ConfigurationStatus { status, .. }
        | ToGuest::AltSettingStatus { status, .. }
        | ToGuest::IsoStreamStatus { status, .. }
        | ToGuest::InterruptReceivingStatus { status, .. } => status,
        other => panic!("no status: {other:?}"),
    }
}

#[test]
fn a_device_is_shown_by_its_descriptors() {
    let server = Server::start();
    let address = server.usbredir(None);
    let (id, told) = server.plug();
    for (capabilities, release, max_packet) in [(QEMU, 0x0123, 64), (Capabilities::NONE, 0, 0)] {
        let mut guest = Guest::greet(address, capabilities);
        let (endpoints, interfaces, connect) = guest.device();
        let class = [0; 3];
        let device = DeviceConnect { speed: 1, class, vendor: 0x163C, product: 0x0407, release };
        assert_eq!(connect, device);
        let kinds = [0x00, 0x80, 0x01, 0x82, 0x83, 0x04].map(|address| endpoints.endpoint(address).kind);
        assert_eq!(kinds, [0, 0, 2, 2, 3, 255]);
        assert_eq!(endpoints.endpoint(0x83).max_packet, max_packet);
        assert_eq!(interfaces[0].class, [11, 0, 0]);
        assert_eq!(guest.control(GET_DEVICE, &[]).1.len(), 18);
        assert_eq!(guest.exchange(b"hello"), b"hello");
        drop(guest);
        server.wait_free(id);
    }
    assert_eq!((told.attached(), told.unplugged()), (2, 2));
}

#[test]
fn a_token_has_one_holder_whatever_the_plug() {
    let server = Server::start();
    let (a, _) = server.plug();
    let (b, _) = server.plug();
    let (any, fixed) = (server.usbredir(None), server.usbredir(Some(b)));
    let mut first = Guest::take(any);
    // USB/IP shows the other device only, until a guest has that device, too.
    assert_eq!(server.connect().list().len(), 1);
    assert_eq!(server.connect().import(a), Err(2));
    let mut second = Guest::take(fixed);
    assert_eq!(server.connect().list(), []);
    assert!(
        matches!(server.exporter.list()[1].state, State::Held { peer } if peer == Peer::Host(second.stream.local_addr().unwrap()))
    );
    assert_eq!((first.exchange(b"a"), second.exchange(b"b")), (b"a".to_vec(), b"b".to_vec()));
    // Two guests find no token, and wait: one for any token, the other for a certain token. Each gets the token as soon
    // as it is free.
    let (mut third, mut fourth) = (Guest::greet(any, QEMU), Guest::greet(fixed, QEMU));
    third.silent(Duration::from_millis(100));
    fourth.silent(Duration::from_millis(10));
    drop(first);
    third.device();
    assert_eq!(third.exchange(b"c"), b"c");
    drop(second);
    fourth.device();
    assert_eq!(fourth.exchange(b"d"), b"d");
    drop((third, fourth));
    server.wait_free(a);
    server.wait_free(b);
    // A USB/IP host that holds the token keeps guests waiting as well.
    let host = server.take(a);
    let mut guest = Guest::greet(any, QEMU);
    guest.device();
    let mut waiting = Guest::greet(any, QEMU);
    waiting.silent(Duration::from_millis(50));
    drop(host);
    waiting.device();
    assert_eq!(server.connect().list(), []);
    // No token has this name, and no token can ever have it.
    let mut lost = Guest::greet(server.usbredir(BusId::parse("1-9")), QEMU);
    assert_eq!(lost.hung_up(), [0_u8; 0]);
}

#[test]
fn input_waits_until_there_is_data_and_can_be_cancelled() {
    let server = Server::start();
    let (_, told) = server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    let (a, b, c) = (guest.bulk_in(64), guest.bulk_in(64), guest.bulk_in(64));
    guest.silent(Duration::from_millis(300));
    assert!(told.asked.load(Relaxed) < 20, "an idle device was asked {} times", told.asked.load(Relaxed));
    guest.send(b, &ToHost::CancelDataPacket);
    assert_eq!(guest.end_of(b), (Status::Cancelled, 0, vec![]));
    for (read, text) in [(a, b"one"), (c, b"two")] {
        let out = guest.bulk_out(text);
        assert_eq!(guest.end_of(out), (OK, 3, vec![]));
        assert_eq!(guest.end_of(read), (OK, 3, text.to_vec()));
    }
    // Two cancellations come too late, and one is of a packet that never was. Nothing comes back for them, and the ids
    // may be used again.
    for id in [a, b, 77] {
        guest.send(id, &ToHost::CancelDataPacket);
    }
    guest.send(b, &ToHost::Bulk { header: bulk(0x82, 64), data: &[] });
    let out = guest.bulk_out(b"three");
    assert_eq!(guest.end_of(out).0, OK);
    assert_eq!(guest.end_of(b), (OK, 5, b"three".to_vec()));
}

#[test]
fn a_device_at_work_answers_other_packets() {
    let server = Server::start();
    let (_, told) = server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    let work = guest.bulk_out(b"work");
    assert_eq!(guest.end_of(work).0, OK);
    let (first, second) = (guest.bulk_in(64), guest.bulk_in(64));
    assert_eq!(guest.control(GET_DEVICE, &[]).1.len(), 18);
    guest.send(first, &ToHost::CancelDataPacket);
    assert_eq!(guest.end_of(first).0, Status::Cancelled);
    told.open_gate();
    assert_eq!(guest.end_of(second), (OK, 6, b"worked".to_vec()));
}

#[test]
fn interrupts_come_by_themselves_once_they_are_asked_for() {
    let server = Server::start();
    server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    let start = ToHost::StartInterruptReceiving { endpoint: 0x83 };
    let stop = ToHost::StopInterruptReceiving { endpoint: 0x83 };
    for _ in 0..2 {
        assert_eq!(status(&guest.ask(&start)), OK);
        // A second start changes nothing.
        assert_eq!(status(&guest.ask(&start)), OK);
        for number in 0..3 {
            let out = guest.bulk_out(b"event");
            assert_eq!(guest.end_of(out).0, OK);
            let event = guest.packet().unwrap();
            let header = Interrupt { endpoint: 0x83, status: OK, length: 5 };
            assert_eq!(event.id, number);
            assert_eq!(guest.message(&event), ToGuest::Interrupt { header, data: b"event" });
        }
        guest.silent(Duration::from_millis(50));
        assert_eq!(status(&guest.ask(&stop)), OK);
        let out = guest.bulk_out(b"event");
        assert_eq!(guest.end_of(out).0, OK);
        guest.silent(Duration::from_millis(50));
        // The event that came meanwhile waits for the next start.
        assert_eq!(status(&guest.ask(&start)), OK);
        assert_eq!(guest.packet().unwrap().kind, packet::INTERRUPT_PACKET);
        assert_eq!(status(&guest.ask(&stop)), OK);
    }
    for endpoint in [0x82, 0x03, 0x80, 0x84, 0x93, 0xFF] {
        assert_eq!(status(&guest.ask(&ToHost::StartInterruptReceiving { endpoint })), Status::Invalid);
        assert_eq!(status(&guest.ask(&ToHost::StopInterruptReceiving { endpoint })), Status::Invalid);
    }
}

#[test]
fn a_reset_cancels_what_waits_and_says_that_receiving_has_stopped() {
    let server = Server::start();
    let (_, told) = server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    assert_eq!(status(&guest.ask(&ToHost::StartInterruptReceiving { endpoint: 0x83 })), OK);
    let (a, b) = (guest.bulk_in(64), guest.bulk_in(64));
    guest.send(0, &ToHost::Reset);
    assert_eq!(guest.end_of(a).0, Status::Cancelled);
    assert_eq!(guest.end_of(b).0, Status::Cancelled);
    assert_eq!(status(&guest.packet().unwrap()), Status::Stall);
    assert_eq!(guest.exchange(b"again"), b"again");
    assert_eq!((told.attached(), told.unplugged()), (2, 1));
    assert_eq!(status(&guest.ask(&ToHost::StartInterruptReceiving { endpoint: 0x83 })), OK);
}

#[test]
fn configurations_and_settings_are_told_before_their_status() {
    let server = Server::start();
    server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    let waiting = guest.bulk_in(64);
    for (value, interface_count, kind) in [(1, 1, 2), (0, 0, 255), (1, 1, 2)] {
        guest.send(5, &ToHost::SetConfiguration { value });
        let mut packet = guest.packet().unwrap();
        // The packet that waited is dropped before the first answer of the new configuration.
        if packet.id == waiting {
            assert!(
                matches!(guest.message(&packet), ToGuest::Bulk { header, .. } if header.status == Status::Cancelled)
            );
            packet = guest.packet().unwrap();
        }
        let ToGuest::EpInfo(endpoints) = guest.message(&packet) else { panic!("{packet:?}") };
        assert_eq!(endpoints.endpoint(0x82).kind, kind);
        let packet = guest.packet().unwrap();
        let ToGuest::InterfaceInfo { interfaces } = guest.message(&packet) else { panic!("{packet:?}") };
        assert_eq!(interfaces.len(), interface_count);
        let packet = guest.packet().unwrap();
        assert_eq!(
            (packet.id, guest.message(&packet)),
            (5, ToGuest::ConfigurationStatus { status: OK, value })
        );
    }
    let packet = guest.ask(&ToHost::GetConfiguration);
    assert_eq!(guest.message(&packet), ToGuest::ConfigurationStatus { status: OK, value: 1 });
    let packet = guest.ask(&ToHost::GetAltSetting { interface: 0 });
    assert_eq!(guest.message(&packet), ToGuest::AltSettingStatus { status: OK, interface: 0, alternate: 0 });
    // The guest is told of a stall where the device refuses a request.
    assert_eq!(status(&guest.ask(&ToHost::GetAltSetting { interface: 7 })), Status::Stall);
    assert_eq!(status(&guest.ask(&ToHost::SetAltSetting { interface: 0, alternate: 9 })), Status::Stall);
}

#[test]
fn what_there_is_not_is_invalid_and_ends_nothing() {
    let server = Server::start();
    server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    for endpoint in [0x81, 0x02, 0x83, 0x8F, 0xF2] {
        let data: &[u8] = if endpoint & 0x80 == 0 { b"x" } else { &[] };
        guest.send(9, &ToHost::Bulk { header: bulk(endpoint, 1), data });
        assert_eq!(guest.end_of(9), (Status::Invalid, 0, vec![]));
    }
    guest.send(9, &ToHost::Bulk { header: Bulk { stream: 1, ..bulk(0x82, 64) }, data: &[] });
    assert_eq!(guest.end_of(9).0, Status::Invalid);
    let header = Control { endpoint: 0x81, status: OK, setup: GET_DEVICE };
    let packet = guest.ask(&ToHost::Control { header, data: &[] });
    assert!(
        matches!(guest.message(&packet), ToGuest::Control { header, .. } if header.status == Status::Invalid)
    );
    let header = Interrupt { endpoint: 0x03, status: OK, length: 1 };
    let packet = guest.ask(&ToHost::Interrupt { header, data: b"x" });
    assert!(
        matches!(guest.message(&packet), ToGuest::Interrupt { header, .. } if header.status == Status::Invalid)
    );
    let stream = ToHost::StartIsoStream { endpoint: 0x82, packets: 1, urbs: 1 };
    assert_eq!(status(&guest.ask(&stream)), Status::Invalid);
    assert_eq!(status(&guest.ask(&ToHost::StopIsoStream { endpoint: 0x82 })), Status::Invalid);
    guest.send(0, &ToHost::Iso { header, data: b"x" });
    // A filter concerns the guest only.
    guest.send(0, &ToHost::FilterFilter { rules: b"0x0b,-1,-1,-1,1" });
    assert_eq!(guest.exchange(b"alive"), b"alive");
}

#[test]
fn a_stall_is_a_stall_and_a_reply_is_never_longer_than_what_was_asked_for() {
    let server = Server::start();
    server.plug();
    let mut guest = Guest::take(server.usbredir(None));
    let (read, out) = (guest.bulk_in(64), guest.bulk_out(b"stall"));
    assert_eq!(guest.end_of(out).0, OK);
    assert_eq!(guest.end_of(read), (Status::Stall, 0, vec![]));
    let clear = Setup { request_type: 0x02, request: 1, value: 0, index: 0x82, length: 0 };
    assert_eq!(guest.control(clear, &[]), (OK, vec![]));
    assert_eq!(guest.exchange(b"again"), b"again");
    let (out, read) = (guest.bulk_out(b"rude"), guest.bulk_in(16));
    assert_eq!(guest.end_of(out).0, OK);
    assert_eq!(guest.end_of(read), (Status::Babble, 0, vec![]));
    guest.send(0, &ToHost::Reset);
    // A packet that does not fit is sent again. Only the last packet decides how the transfer ends.
    let out = guest.bulk_out(&[5; 100]);
    assert_eq!(guest.end_of(out).0, OK);
    for (room, end) in [
        (63, (Status::Babble, 0, vec![])),
        (99, (Status::Babble, 64, vec![5; 64])),
        (36, (OK, 36, vec![5; 36])),
    ] {
        let read = guest.bulk_in(room);
        assert_eq!(guest.end_of(read), end);
    }
    // The device gives its whole configuration, whatever wLength says.
    let configuration = Setup { request_type: 0x80, request: 6, value: 0x0200, index: 0, length: 9 };
    assert_eq!(guest.control(configuration, &[]).1.len(), 9);
    assert_eq!(guest.control(Setup { request: 99, ..configuration }, &[]), (Status::Stall, vec![]));
}

#[test]
fn a_token_that_is_pulled_out_comes_back_to_the_same_guest() {
    let server = Server::start();
    let (id, _) = server.plug();
    let (other, _) = server.plug();
    let address = server.usbredir(None);
    let mut guest = Guest::take(address);
    for round in 0..3 {
        guest.bulk_in(64);
        server.exporter.unplug(id).unwrap();
        assert_eq!(guest.packet().unwrap().kind, packet::DEVICE_DISCONNECT);
        // Packets for the device that is gone reach no device, until the guest says that it knows.
        guest.send(3, &ToHost::Reset);
        guest.bulk_out(b"lost");
        server.exporter.plug_again(id).unwrap();
        guest.silent(Duration::from_millis(50));
        guest.send(0, &ToHost::DeviceDisconnectAck);
        guest.device();
        assert_eq!(guest.exchange(&[round]), [round]);
    }
    assert_eq!(server.exporter.bus().port(other).unwrap().state(), State::Free);
    // The server does not wait for a device that was taken off for good.
    server.exporter.bus().remove(id).unwrap();
    assert_eq!(guest.packet().unwrap().kind, packet::DEVICE_DISCONNECT);
    guest.send(0, &ToHost::DeviceDisconnectAck);
    assert_eq!(guest.hung_up(), [0_u8; 0]);
    // The server expects no acknowledgement of a guest that has none.
    let mut guest = Guest::greet(address, Capabilities::NONE);
    guest.device();
    server.exporter.unplug(other).unwrap();
    assert_eq!(guest.packet().unwrap().kind, packet::DEVICE_DISCONNECT);
    server.exporter.plug_again(other).unwrap();
    guest.device();
    assert_eq!(guest.exchange(b"back"), b"back");
}
