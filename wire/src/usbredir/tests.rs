use super::*;
use alloc::vec;
use hex_literal::hex;
use proptest::prelude::*;

const OLD: Capabilities = Capabilities::NONE;
const ALL: Capabilities = Capabilities(0x7E);

fn written(message: &ToHost<'_>, id: u64, agreed: Capabilities) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(id, agreed, &mut out);
    out
}

fn told(message: &ToGuest<'_>, id: u64, agreed: Capabilities) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(id, agreed, &mut out);
    out
}

/// Reads a packet. No beginning of the packet may count as a packet.
fn read(bytes: &[u8], agreed: Capabilities) -> (u64, ToHost<'_>) {
    let size = Header::size(agreed);
    for cut in 0..size {
        assert_eq!(Header::parse(&bytes[..cut], agreed), None);
    }
    let header = Header::parse(bytes, agreed).unwrap();
    let body = &bytes[size..];
    assert_eq!(ToHost::body(header, agreed), Ok(body.len()));
    (header.id, ToHost::parse(header.kind, body, agreed).unwrap())
}

/// The bytes were written by hand from the structures in the protocol's text.
#[test]
fn packets_of_a_guest_are_as_the_text_says() {
    let setup = Setup { request_type: 0x80, request: 6, value: 0x0102, index: 0x0304, length: 18 };
    let control = Control { endpoint: 0x80, status: Status::Success, setup };
    let bulk = Bulk { endpoint: 0x02, status: Status::Success, length: 3, stream: 0 };
    for (message, old, new) in [
        (
            ToHost::Reset,
            &hex!("03000000 00000000 07000000")[..],
            &hex!("03000000 00000000 0700000000000000")[..],
        ),
        (
            ToHost::SetConfiguration { value: 1 },
            &hex!("06000000 01000000 07000000 01"),
            &hex!("06000000 01000000 0700000000000000 01"),
        ),
        (
            ToHost::SetAltSetting { interface: 2, alternate: 1 },
            &hex!("09000000 02000000 07000000 02 01"),
            &hex!("09000000 02000000 0700000000000000 02 01"),
        ),
        (
            ToHost::StartInterruptReceiving { endpoint: 0x83 },
            &hex!("0F000000 01000000 07000000 83"),
            &hex!("0F000000 01000000 0700000000000000 83"),
        ),
        (
            ToHost::CancelDataPacket,
            &hex!("15000000 00000000 07000000"),
            &hex!("15000000 00000000 0700000000000000"),
        ),
        (
            ToHost::Control { header: control, data: &[] },
            &hex!("64000000 0A000000 07000000 80 06 80 00 0201 0403 1200"),
            &hex!("64000000 0A000000 0700000000000000 80 06 80 00 0201 0403 1200"),
        ),
        (
            ToHost::Bulk { header: bulk, data: b"abc" },
            &hex!("65000000 0B000000 07000000 02 00 0300 00000000 616263"),
            &hex!("65000000 0D000000 0700000000000000 02 00 0300 00000000 0000 616263"),
        ),
    ] {
        for (agreed, bytes) in [(OLD, old), (ALL, new)] {
            assert_eq!(written(&message, 7, agreed), bytes);
            assert_eq!(read(bytes, agreed), (7, message));
        }
    }
    let filter = ToHost::FilterFilter { rules: b"-1,-1,-1,-1,1" };
    let bytes = written(&filter, 0, ALL);
    assert_eq!(bytes.last(), Some(&0));
    assert_eq!(read(&bytes, ALL), (0, filter));
}

#[test]
fn packets_of_a_host_are_as_the_text_says() {
    let device =
        DeviceConnect { speed: 1, class: [1, 2, 3], vendor: 0x163C, product: 0x0407, release: 0x0102 };
    let connect = ToGuest::DeviceConnect(device);
    assert_eq!(told(&connect, 0, OLD), hex!("01000000 08000000 00000000 01 010203 3C16 0704"));
    let new = told(&connect, 0, ALL);
    assert_eq!(new, hex!("01000000 0A000000 0000000000000000 01 010203 3C16 0704 0201"));
    assert_eq!(ToGuest::parse(packet::DEVICE_CONNECT, &new[16..], ALL), Ok(connect));
    let status = ToGuest::InterruptReceivingStatus { status: Status::Stall, endpoint: 0x83 };
    assert_eq!(told(&status, 9, OLD), hex!("11000000 02000000 09000000 04 83"));

    let interfaces = ToGuest::InterfaceInfo { interfaces: vec![Interface { number: 5, class: [11, 1, 2] }] };
    let bytes = told(&interfaces, 0, OLD);
    assert_eq!((bytes[4..8].to_vec(), bytes.len()), (132_u32.to_le_bytes().to_vec(), 12 + 132));
    assert_eq!((bytes[12], bytes[16], bytes[48], bytes[80], bytes[112]), (1, 5, 11, 1, 2));
    assert_eq!(ToGuest::parse(packet::INTERFACE_INFO, &bytes[12..], OLD), Ok(interfaces));

    let mut info = EpInfo([Endpoint::NONE; 32]);
    info.0[EpInfo::place(0x83)] = Endpoint { kind: 3, interval: 16, interface: 1, max_packet: 0x0140 };
    assert_eq!((EpInfo::place(0x01), EpInfo::place(0x83)), (1, 19));
    for (agreed, length) in [(OLD, 96), (ALL, 160)] {
        let bytes = told(&ToGuest::EpInfo(info), 0, agreed);
        let body = &bytes[Header::size(agreed)..];
        assert_eq!(body.len(), length);
        assert_eq!((body[0], body[19], body[32 + 19], body[64 + 19]), (255, 3, 16, 1));
        assert!(agreed == OLD || body[96 + 38..96 + 40] == [0x40, 0x01]);
        let Ok(ToGuest::EpInfo(read)) = ToGuest::parse(packet::EP_INFO, body, agreed) else { panic!() };
        assert_eq!(read.endpoint(0x83).max_packet, if agreed == ALL { 0x0140 } else { 0 });
    }
}

#[test]
fn a_hello_has_ids_of_32_bits_and_room_for_what_is_to_come() {
    let hello = Hello { version: b"qemu usb-redir guest 7.2", capabilities: Capabilities(0xFF) };
    let bytes = written(&ToHost::Hello(hello), 0, ALL);
    assert_eq!(bytes[..12], hex!("00000000 44000000 00000000"));
    assert_eq!(bytes.len(), 12 + 68);
    assert_eq!(read(&bytes, OLD), (0, ToHost::Hello(hello)));
    let longer = [&bytes[12..], &[1, 0, 0, 0]].concat();
    assert_eq!(ToHost::parse(packet::HELLO, &longer, OLD), Ok(ToHost::Hello(hello)));
    let oldest = &bytes[12..76];
    let none = Hello { capabilities: Capabilities::NONE, ..hello };
    assert_eq!(ToHost::parse(packet::HELLO, oldest, OLD), Ok(ToHost::Hello(none)));
    for length in [63, 65, 67] {
        assert!(ToHost::parse(packet::HELLO, &bytes[12..12 + length], OLD).is_err());
    }
}

#[test]
fn lengths_are_refused_before_their_bytes_come() {
    let body = |kind, length| ToHost::body(Header { kind, length, id: 0 }, ALL);
    for (kind, length) in [
        (packet::RESET, 1),
        (packet::HELLO, 63),
        (packet::HELLO, 129),
        (packet::SET_CONFIGURATION, 0),
        (packet::SET_CONFIGURATION, 2),
        (packet::FILTER_FILTER, 0),
        (packet::FILTER_FILTER, 20_000),
        (packet::CONTROL_PACKET, 9),
        (packet::CONTROL_PACKET, 10 + 65_536),
        (packet::BULK_PACKET, 9),
        (packet::BULK_PACKET, 10 + (1 << 20) + 1),
        (packet::BULK_PACKET, u32::MAX),
        (packet::INTERRUPT_PACKET, 3),
        // Packets that only a host sends, streams and buffered bulk that nobody agreed on, and a type that does not
        // exist.
        (packet::DEVICE_CONNECT, 10),
        (packet::CONFIGURATION_STATUS, 2),
        (18, 8),
        (25, 10),
        (104, 10),
        (28, 0),
        (u32::MAX, 0),
    ] {
        assert!(body(kind, length).is_err(), "{kind} {length}");
    }
    assert_eq!(body(packet::BULK_PACKET, 10 + (1 << 20)), Ok(10 + (1 << 20)));
    let unagreed = Header { kind: packet::FILTER_REJECT, length: 0, id: 0 };
    assert!(ToHost::body(unagreed, OLD).is_err());
    assert_eq!(ToHost::body(unagreed, ALL), Ok(0));
}

#[test]
fn data_is_as_long_as_its_packet_says() {
    let bulk = |endpoint, length: u16, data: &[u8]| {
        let mut body = vec![endpoint, 0];
        body.extend(length.to_le_bytes());
        body.extend([0; 4]);
        body.extend(data);
        ToHost::parse(packet::BULK_PACKET, &body, OLD).is_ok()
    };
    assert!(bulk(0x01, 3, b"abc") && bulk(0x82, 64, b""));
    assert!(!bulk(0x01, 3, b"ab") && !bulk(0x01, 3, b"abcd") && !bulk(0x82, 3, b"abc"));
    // A guest does not ask for input by an interrupt packet.
    assert!(ToHost::parse(packet::INTERRUPT_PACKET, &[0x83, 0, 0, 0], OLD).is_err());
    assert!(ToHost::parse(packet::INTERRUPT_PACKET, &[0x03, 0, 1, 0, 9], OLD).is_ok());
    assert!(ToHost::parse(packet::FILTER_FILTER, b"no end", ALL).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), caps: u32, kind in 0_u32..110) {
        let agreed = Capabilities(caps);
        if let Some(header) = Header::parse(&bytes, agreed) {
            let _ = ToHost::body(header, agreed);
        }
        let _ = ToGuest::parse(kind, &bytes, agreed);
        if let Ok(message) = ToHost::parse(kind, &bytes, agreed) {
            let again = written(&message, 1, agreed);
            let size = Header::size(if kind == packet::HELLO { OLD } else { agreed });
            prop_assert_eq!(ToHost::parse(kind, &again[size..], agreed), Ok(message));
        }
    }
}
