//! A capture has what the hosts of every plug do, from the start of the capture to its end.

mod engine;

use engine::{Server, client::GET_DEVICE, guest::Guest};
use wire::{usb::Setup, usbredir::ToHost};

/// Type, transfer type, endpoint, device and status of each packet: usbmon's header stands 28 bytes into its block.
fn packets(file: &[u8]) -> Vec<(char, u8, u8, u8, i32)> {
    let (mut found, mut rest) = (Vec::new(), file);
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        if word(0) == 6 {
            found.push((char::from(rest[36]), rest[37], rest[38], rest[39], word(56).cast_signed()));
        }
        rest = &rest[word(4) as usize..];
    }
    found
}

/// A host sends a secret in requests that no token knows. The capture has the secret from neither plug, whatever kind
/// of transfer brings it.
#[test]
fn a_secret_is_seen_through_neither_plug() {
    const PIN: &[u8] = b"135246";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    let server = Server::start();
    let ((a, _), (b, _)) = (server.plug(), server.plug());
    let address = server.usbredir(Some(b));
    server.exporter.start_capture(&path).unwrap();
    let set_parameters = [&b"\x61\x06\0\0\0\0\x01\x01\0\0"[..], PIN].concat();
    let setup = Setup { request_type: 0x21, request: 0x31, value: 0x3335, index: 0x3234, length: 6 };
    // This device gives back the bytes that it was sent.
    let mut host = server.take(a);
    for message in [PIN, &set_parameters, &[b"\x81\x06\0\0\0\0\x01\0\0\0", PIN].concat()] {
        assert_eq!(host.exchange(message), message);
    }
    let (out, bytes) = host.control_bytes(setup, PIN);
    host.send(&bytes);
    host.end_of(out);
    drop(host);
    server.wait_free(a);
    let mut guest = Guest::take(address);
    for message in [PIN, &set_parameters] {
        assert_eq!(guest.exchange(message), message);
    }
    guest.control(setup, PIN);
    drop(guest);
    server.wait_free(b);
    server.exporter.stop_capture().unwrap();
    let file = std::fs::read(&path).unwrap();
    assert!(packets(&file).len() >= 20);
    for part in [&PIN[..4], &PIN[2..]] {
        assert!(!file.windows(4).any(|bytes| bytes == part), "{}", String::from_utf8_lossy(part));
    }
}

#[test]
fn both_plugs_are_seen_from_start_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.pcapng");
    let server = Server::start();
    let ((a, _), (b, _)) = (server.plug(), server.plug());
    let address = server.usbredir(Some(b));
    // A host that had the device before the capture began is not in the capture.
    let mut early = server.take(a);
    server.exporter.start_capture(&path).unwrap();
    assert_eq!(early.exchange(b"unseen"), b"unseen");
    drop(early);
    server.wait_free(a);

    let mut host = server.take(a);
    let control = host.control(GET_DEVICE);
    assert_eq!(host.end_of(control).0, 0);
    let read = host.bulk_in(64);
    let unlink = host.unlink(read);
    assert_eq!(host.end_of_unlink(unlink), -104);
    drop(host);
    server.wait_free(a);

    let mut guest = Guest::take(address);
    guest.ask(&ToHost::StartInterruptReceiving { endpoint: 0x83 });
    assert_eq!(guest.exchange(b"seen"), b"seen");
    drop(guest);
    server.wait_free(b);

    let summary = server.exporter.stop_capture().unwrap().unwrap();
    assert!(server.exporter.stop_capture().unwrap().is_none());
    let mut late = server.take(a);
    assert_eq!(late.exchange(b"unseen"), b"unseen");

    let packets = packets(&std::fs::read(&path).unwrap());
    const BEGUN: i32 = -115;
    assert_eq!(
        packets,
        [
            ('S', 2, 0x80, 1, BEGUN),
            ('C', 2, 0x80, 1, 0),
            ('S', 3, 0x82, 1, BEGUN),
            ('C', 3, 0x82, 1, -104),
            ('S', 1, 0x83, 2, BEGUN),
            ('S', 3, 0x01, 2, BEGUN),
            ('C', 3, 0x01, 2, 0),
            ('S', 3, 0x82, 2, BEGUN),
            ('C', 3, 0x82, 2, 0),
            // The guest has gone, and its transfer on the interrupt endpoint was never answered.
            ('C', 1, 0x83, 2, -108),
        ]
    );
    assert_eq!((summary.packets, summary.dropped), (10, 0));
}
