//! Writes the corpus of the codec targets: one honest example of each structure, made by the real encoders.
//! (corpus/payment/certificate and request were made by openssl; corpus/token and corpus/identity are written by hand.)

use std::{fs, path::Path};

use wire::{
    algorithm::{Curve, KeyAlgorithm},
    apdu::Command,
    ccid::{ClassDescriptor, CommandStatus, IccStatus, ToHost, ToReader, to_host, to_reader},
    piv::{self, PublicKey, Slot},
    shield::{Container, Information, install, instruction},
    sm2::{Ciphertext, Signature},
    tlv,
    usb::{DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, Setup},
    usbip,
    usbredir::{Bulk, Capabilities, Control, Status, ToHost as ToUsbHost},
};

fn main() {
    apdu();
    ccid();
    tlv();
    usbip();
    payment();
    server();
    usbredir();
    pcsclite();
}

/// Writes one seed.
fn seed(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join(name), bytes))
        .expect("the corpus is writable");
}

fn encoded(command: &Command<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    command.encode(&mut out).expect("it fits");
    out
}

fn select() -> Vec<u8> {
    encoded(&Command::new(0, piv::instruction::SELECT, 4, 0, &piv::AID).expecting(256))
}

fn apdu() {
    seed("apdu", "select", &select());
    seed("apdu", "header", &encoded(&Command::new(0, piv::instruction::VERIFY, 0, 0x80, &[])));
    seed("apdu", "verify", &encoded(&Command::new(0, piv::instruction::VERIFY, 0, 0x80, b"123456\xFF\xFF")));
    seed("apdu", "get-response", &encoded(&Command::new(0, 0xC0, 0, 0, &[]).expecting(256)));
    seed("apdu", "extended", &encoded(&Command::new(0x80, 0x2A, 0, 0, &[0x30; 300]).expecting(65_536)));
    seed("apdu", "extended-answer", &encoded(&Command::new(0, 0xCB, 0x3F, 0xFF, &[]).expecting(65_536)));
    // Typed commands of both applets.
    let two = b"123456\xFF\xFF654321\xFF\xFF";
    for (name, [class, instruction, p1, p2], data) in [
        ("piv-change", [0, piv::instruction::CHANGE_REFERENCE_DATA, 0, 0x81], &two[..]),
        ("piv-older-name", [0, piv::instruction::GENERAL_AUTHENTICATE, 0, 0x9B], &[0x7C, 2, 0x81, 0]),
        ("piv-object", [0, piv::instruction::GET_DATA, 0x3F, 0xFF], &[0x5C, 3, 0x5F, 0xC1, 5]),
        ("piv-metadata", [0, piv::instruction::GET_METADATA, 0, 0xF9], &[]),
        ("piv-import", [0, piv::instruction::IMPORT_ASYMMETRIC_KEY, 0x11, 0x9A], &[6, 1, 7]),
        ("shield-generate", [0x80, instruction::GENERATE, 0, 0x9A], &[0x80, 1, 0x11]),
        ("shield-use", [0x80, instruction::USE_KEY, 1, 0x9E], &[7; 32]),
        ("shield-delete", [0x80, instruction::DELETE, 3, 0x82], &[]),
        ("shield-initialise", [0x80, instruction::INITIALISE, 0, 0], b"\x80\x06654321\x81\x01x"),
    ] {
        seed("apdu", name, &encoded(&Command::new(class, instruction, p1, p2, data)));
    }
    seed("apdu", "shield-challenge", &encoded(&Command::new(0, 0x84, 0, 0, &[]).expecting(8)));
}

fn ccid() {
    let to = |name, kind, specific, data: &[u8]| {
        let mut out = Vec::new();
        ToReader { kind, slot: 0, sequence: 1, specific, data }.encode(&mut out);
        seed("ccid", name, &out);
    };
    to("power-on", to_reader::ICC_POWER_ON, [1, 0, 0], &[]);
    to("xfr-block", to_reader::XFR_BLOCK, [0, 0, 0], &select());
    to("set-parameters", to_reader::SET_PARAMETERS, [1, 0, 0], &[0x11, 0x10, 0, 0x4D, 0, 0xFE, 0]);
    let from = |name, kind, command, data: &[u8]| {
        let mut out = Vec::new();
        ToHost { kind, slot: 0, sequence: 1, icc: IccStatus::Active, command, specific: 0, data }
            .encode(&mut out);
        seed("ccid", name, &out);
    };
    from("answer", to_host::DATA_BLOCK, CommandStatus::Done, &[0x90, 0]);
    from("more-time", to_host::DATA_BLOCK, CommandStatus::TimeExtension(1), &[]);
    from("refused", to_host::SLOT_STATUS, CommandStatus::Failed(5), &[]);
    seed("ccid", "device", &device().bytes());
    seed("ccid", "configuration", &configuration());
}

fn device() -> DeviceDescriptor {
    DeviceDescriptor {
        usb: 0x0200,
        class: [0; 3],
        max_packet: 64,
        vendor: 0x163C,
        product: 0x0407,
        release: 0x0100,
        strings: [1, 2, 3],
        configurations: 1,
    }
}

fn configuration() -> Vec<u8> {
    let mut out = vec![9, 2, 93, 0, 1, 1, 0, 0x80, 50];
    let interface =
        InterfaceDescriptor { number: 0, alternate: 0, endpoints: 3, class: [11, 0, 0], string: 0 };
    out.extend_from_slice(&interface.bytes());
    let class = ClassDescriptor {
        max_slot: 0,
        voltage: 7,
        protocols: 2,
        clock: [4000, 4000],
        data_rate: [10_752, 344_064],
        max_ifsd: 254,
        features: 0x0004_047E,
        max_message: 3072,
        pin_support: 0,
        busy_slots: 1,
    };
    out.extend_from_slice(&class.bytes());
    for (address, attributes) in [(0x01, 2), (0x82, 2), (0x83, 3)] {
        let endpoint = EndpointDescriptor { address, attributes, max_packet: 64, interval: 16 };
        out.extend_from_slice(&endpoint.bytes());
    }
    out
}

fn tlv() {
    let nine_a = Container::Piv(Slot::Authentication);
    seed("tlv", "point", &PublicKey::Point { curve: Curve::P256, point: &[4; 65] }.bytes());
    seed("tlv", "rsa", &PublicKey::Rsa { modulus: &[0xC0; 256], exponent: &[1, 0, 1] }.bytes());
    seed("tlv", "certificate", &piv::certificate_object(&[0x30, 0x82, 0, 0]));
    seed("tlv", "install", &install(&[(Container::Payment, &[0x30, 0]), (nine_a, &[0x30, 0])]));
    seed("tlv", "tags", &[tlv::object(0x5F_C105, &[0; 200]), tlv::object(0x9F01, &[])].concat());
    let information = Information {
        version: 1,
        brand: "U盾".into(),
        serial: "00C0FFEE".into(),
        generation: 2,
        tries: [6; 4],
        pin_length: [6, 8],
        state_version: 1,
        flags: 1,
        label: "t".into(),
        algorithm: KeyAlgorithm::P256,
    };
    seed("tlv", "information", &information.bytes());
    let [x, y] = [[0x7F; 32], [0x80; 32]];
    seed("tlv", "sm2-signature", &Signature { r: x, s: y }.bytes());
    let ciphertext = Ciphertext { x, y, hash: [7; 32], encrypted: b"a session key".to_vec() };
    seed("tlv", "sm2-ciphertext", &ciphertext.bytes());
}

fn usbip() {
    let words = |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|word| word.to_be_bytes()).collect() };
    // An import reply: header, then path, bus id, numbers, speed, and the descriptor's fields.
    let mut import = words(&[0x0111_0003, 0]);
    let mut name = |text: &str, length: usize| {
        import.extend_from_slice(text.as_bytes());
        import.resize(import.len() + length - text.len(), 0);
    };
    name("/sys/devices/ushield/1-1", 256);
    name("1-1", 32);
    import.extend_from_slice(&words(&[1, 2, 2]));
    import.extend_from_slice(&[0x16, 0x3C, 0x04, 0x07, 1, 0, 0, 0, 0, 1, 1, 1]);
    seed("usbip", "import", &import);
    seed("usbip", "busy", &words(&[0x0111_0003, usbip::op_status::BUSY]));
    let reply = |command: u32, status: i32, length: u32| {
        let head = words(&[command, 7, 0, 0, 0, status.cast_unsigned(), length]);
        [head, vec![0; 20]].concat()
    };
    seed("usbip", "submitted", &reply(3, 0, 12));
    seed("usbip", "stalled", &reply(3, usbip::urb_status::EPIPE, 0));
    seed("usbip", "unlinked", &reply(4, usbip::urb_status::ECONNRESET, 0));
}

fn payment() {
    let order = firmware::fixture::order();
    seed("payment", "order", &order.bytes().expect("it keeps the rules"));
    seed("payment", "amount", b"100.00");
}

fn server() {
    let submit = |sequence, is_in, endpoint, length, setup| {
        usbip::Submit { sequence, device: 0x0001_0001, is_in, endpoint, length, setup }.bytes()
    };
    let configure = submit(1, false, 0, 0, [0, 9, 1, 0, 0, 0, 0, 0]);
    let device = submit(2, true, 0, 18, [0x80, 6, 0, 1, 0, 0, 18, 0]);
    let block = |kind, data: &[u8]| {
        let mut out = Vec::new();
        ToReader { kind, slot: 0, sequence: 1, specific: [0; 3], data }.encode(&mut out);
        out
    };
    let out = |sequence, message: Vec<u8>| {
        let length = u32::try_from(message.len()).expect("short");
        [&submit(sequence, false, 1, length, [0; 8])[..], &message].concat()
    };
    let answer = |sequence| submit(sequence, true, 2, 4096, [0; 8]);
    let power = [&out(3, block(to_reader::ICC_POWER_ON, &[]))[..], &answer(4)].concat();
    let select = [&out(5, block(to_reader::XFR_BLOCK, &select()))[..], &answer(6)].concat();
    seed("server", "list", &[&[0][..], &usbip::request_list()].concat());
    seed("server", "import-busy", &[&[0][..], &usbip::request_import("1-2").expect("short")].concat());
    seed("server", "enumerate", &[&[1][..], &device, &configure].concat());
    seed("server", "select", &[&[1][..], &configure, &power, &select].concat());
    let unlink = usbip::Unlink { sequence: 9, device: 0x0001_0001, victim: 8 }.bytes();
    let parked = submit(8, true, 3, 8, [0; 8]);
    seed("server", "unlink", &[&[1][..], &configure, &parked, &unlink].concat());
    seed("server", "stall", &[&[1][..], &submit(7, true, 5, 64, [0; 8])].concat());
}

fn usbredir() {
    let setup = Setup { request_type: 0x80, request: 6, value: 0x0100, index: 0, length: 18 };
    let control = Control { endpoint: 0x80, status: Status::Success, setup };
    let device = (1, ToUsbHost::Control { header: control, data: &[] });
    let configure = (2, ToUsbHost::SetConfiguration { value: 1 });
    let bulk = |endpoint, length| Bulk { endpoint, status: Status::Success, length, stream: 0 };
    let block = |kind, data: &[u8]| {
        let mut out = Vec::new();
        ToReader { kind, slot: 0, sequence: 1, specific: [0; 3], data }.encode(&mut out);
        out
    };
    let (power, select) = (block(to_reader::ICC_POWER_ON, &[]), block(to_reader::XFR_BLOCK, &select()));
    let out = |id, data| {
        let length = u32::try_from(<[u8]>::len(data)).expect("short");
        (id, ToUsbHost::Bulk { header: bulk(0x01, length), data })
    };
    let answer = |id| (id, ToUsbHost::Bulk { header: bulk(0x82, 4096), data: &[] });
    let interrupt = (0, ToUsbHost::StartInterruptReceiving { endpoint: 0x83 });
    let talks: [(&str, &[(u64, ToUsbHost<'_>)]); 5] = [
        (
            "enumerate",
            &[
                device,
                configure,
                (3, ToUsbHost::GetConfiguration),
                (4, ToUsbHost::GetAltSetting { interface: 0 }),
            ],
        ),
        ("select", &[configure, out(3, &power), answer(4), out(5, &select), answer(6)]),
        ("cancel", &[configure, answer(7), (7, ToUsbHost::CancelDataPacket)]),
        ("interrupt", &[configure, interrupt, (0, ToUsbHost::StopInterruptReceiving { endpoint: 0x83 })]),
        ("reset", &[configure, interrupt, answer(7), (0, ToUsbHost::Reset), (0, ToUsbHost::FilterReject)]),
    ];
    for (name, messages) in talks {
        // What is agreed on with a guest that can do all, and with one that can do nothing.
        for (first, agreed) in [(1, Capabilities(0x7E)), (2, Capabilities::NONE)] {
            let mut bytes = vec![first];
            messages.iter().for_each(|(id, message)| message.encode(*id, agreed, &mut bytes));
            seed("usbredir", &format!("{name}-{first}"), &bytes);
        }
    }
}

fn pcsclite() {
    use wire::pcsclite::{
        Connect, End, Establish, MAX_READERS, ReaderState, Request, Transmit, Version, protocol, reader_name,
        scope, share, state,
    };
    let apdu = select();
    let name = reader_name("Virtual PCD 00 00");
    let mut session = Vec::new();
    let connect = Connect {
        context: 1,
        reader: name,
        share: share::SHARED,
        preferred: protocol::ANY,
        card: 0,
        active: 0,
        rv: 0,
    };
    let transmit = Transmit {
        card: 1,
        send_protocol: protocol::T1,
        send_pci: 16,
        send_length: u32::try_from(apdu.len()).expect("short"),
        receive_protocol: protocol::T1,
        receive_pci: 16,
        receive_length: 258,
        rv: 0,
    };
    Request::Version(Version { major: 4, minor: 6, rv: 0 }).encode(&mut session);
    Request::Establish(Establish { scope: scope::SYSTEM, context: 0, rv: 0 }).encode(&mut session);
    Request::Connect(connect).encode(&mut session);
    Request::Transmit(transmit).encode(&mut session);
    session.extend_from_slice(&apdu);
    Request::End(End { card: 1, disposition: 1, rv: 0 }).encode(&mut session);
    Request::Wait.encode(&mut session);
    seed("pcsclite", "session", &session);
    let mut states = Vec::new();
    let mut atr = [0; 33];
    atr[..3].copy_from_slice(&[0x3B, 0x80, 0x01]);
    let one = ReaderState { name, atr, atr_length: 3, state: state::PRESENT, ..ReaderState::FREE };
    one.encode(&mut states);
    (1..MAX_READERS).for_each(|_| ReaderState::FREE.encode(&mut states));
    seed("pcsclite", "states", &states);
}
