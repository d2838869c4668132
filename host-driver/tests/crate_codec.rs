//! A second opinion on the protocol. The usbip crate encodes every request of this client, and the client reads replies
//! by their offsets in Linux' Documentation/usb/usbip_protocol.rst. Nothing of our own codec is in the client, so that
//! a mistake on both of our sides shows here.

mod engine;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use card::{Card, Error, Pipe, pipe::Interface, piv::Piv};
use engine::Server;
use firmware::{Factory, Token, profile::Profile};
use host_driver::{
    panel::{Habit, panel},
    store::MemoryStore,
};
use p256::ecdsa::{DerSignature, VerifyingKey, signature::hazmat::PrehashVerifier};
use rand_core::SeedableRng;
use usbip::usbip_protocol::{
    OP_REP_DEVLIST, OP_REP_IMPORT, USBIP_CMD_SUBMIT, USBIP_CMD_UNLINK, USBIP_RET_SUBMIT, USBIP_RET_UNLINK,
    USBIP_VERSION, UsbIpCommand, UsbIpHeaderBasic,
};
use wire::{
    algorithm::KeyAlgorithm,
    piv::{Algorithm, PublicKey, Slot},
    usb::{DeviceDescriptor, Setup},
};
use zeroize::Zeroizing;

const PIN: &[u8] = b"246802";
/// Bytes of a device in a reply. In a list the device's interfaces follow, with four bytes each.
const DEVICE: usize = 312;
/// Bytes of every header after the import.
const HEADER: usize = 48;

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// The only device on the list: its 312 bytes.
fn list(address: SocketAddr) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(&UsbIpCommand::OpReqDevlist { status: 0 }.to_bytes()).unwrap();
    let head = read(&mut stream, 12);
    assert_eq!((short(&head, 0), short(&head, 2)), (USBIP_VERSION, OP_REP_DEVLIST));
    assert_eq!((word(&head, 4), word(&head, 8)), (0, 1), "status, devices");
    let device = read(&mut stream, DEVICE);
    assert_eq!(device[311], 1, "bNumInterfaces");
    assert_eq!(read(&mut stream, 4)[0], 11, "bInterfaceClass: a smart card reader");
    device
}

/// A device that was imported.
struct Urbs {
    stream: TcpStream,
    devid: u32,
    last: u32,
}

/// A device that was imported and configured.
struct Crate {
    urbs: Urbs,
    interface: Interface,
}

/// A transfer without its sequence number.
struct Transfer<'a> {
    is_in: bool,
    endpoint: u8,
    length: u32,
    setup: [u8; 8],
    data: &'a [u8],
}

impl Crate {
    fn import(address: SocketAddr) -> Self {
        let listed = list(address);
        let busid: [u8; 32] = listed[256..288].try_into().unwrap();
        let mut stream = connect(address);
        stream.write_all(&UsbIpCommand::OpReqImport { status: 0, busid }.to_bytes()).unwrap();
        let head = read(&mut stream, 8);
        assert_eq!((short(&head, 0), short(&head, 2), word(&head, 4)), (USBIP_VERSION, OP_REP_IMPORT, 0));
        let device = read(&mut stream, DEVICE);
        assert_eq!(device, listed, "the same as on the list");
        let devid = (word(&device, 288) << 16) | word(&device, 292);
        Self::enumerate(Urbs { stream, devid, last: 0 }, &device)
    }

    /// Compares the descriptors with what the list said, and sends SET_CONFIGURATION.
    fn enumerate(mut urbs: Urbs, listed: &[u8]) -> Self {
        let get = |kind: u8, length| Setup {
            request_type: 0x80,
            request: 6,
            value: u16::from(kind) << 8,
            index: 0,
            length,
        };
        let device = DeviceDescriptor::parse(&urbs.control(get(1, 18), &[]).unwrap()).unwrap();
        assert_eq!((short(listed, 300), short(listed, 302)), (device.vendor, device.product));
        assert_eq!(short(listed, 304), device.release);
        assert_eq!((&listed[306..309], listed[310]), (&device.class[..], device.configurations));
        let configuration = urbs.control(get(2, 1000), &[]).unwrap();
        let interface = Interface::find(device, &configuration).unwrap();
        let value = interface.configuration.into();
        let setup = Setup { request_type: 0, request: 9, value, index: 0, length: 0 };
        assert!(urbs.control(setup, &[]).unwrap().is_empty());
        Self { urbs, interface }
    }
}

impl Urbs {
    fn header(&mut self, command: u16, is_in: bool, endpoint: u8) -> UsbIpHeaderBasic {
        self.last += 1;
        UsbIpHeaderBasic {
            command: command.into(),
            seqnum: self.last,
            devid: self.devid,
            direction: is_in.into(),
            ep: endpoint.into(),
        }
    }

    fn submit(&mut self, transfer: &Transfer<'_>) -> u32 {
        let header = self.header(USBIP_CMD_SUBMIT, transfer.is_in, transfer.endpoint);
        let submit = UsbIpCommand::UsbIpCmdSubmit {
            header,
            transfer_flags: 0,
            transfer_buffer_length: transfer.length,
            start_frame: 0,
            number_of_packets: 0,
            interval: 0,
            setup: transfer.setup,
            data: transfer.data.to_vec(),
            iso_packet_descriptor: vec![],
        };
        self.stream.write_all(&submit.to_bytes()).unwrap();
        self.last
    }

    /// Runs a transfer. RET_SUBMIT has the command at 0, seqnum at 4, the status at 20 and the actual length at 24.
    fn transfer(&mut self, transfer: &Transfer<'_>) -> Result<Vec<u8>, Error> {
        let sequence = self.submit(transfer);
        let head = read(&mut self.stream, HEADER);
        assert_eq!((word(&head, 0), word(&head, 4)), (USBIP_RET_SUBMIT.into(), sequence));
        let length = word(&head, 24);
        assert!(length <= transfer.length);
        let data = read(&mut self.stream, if transfer.is_in { length as usize } else { 0 });
        match word(&head, 20).cast_signed() {
            0 => Ok(data),
            -32 => Err(Error::Stalled),
            status => panic!("status {status}"),
        }
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        let (is_in, length) = (setup.is_in(), setup.length.into());
        self.transfer(&Transfer { is_in, endpoint: 0, length, setup: setup.bytes(), data })
    }
}

impl Pipe for Crate {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.urbs.control(setup, data)
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        let length = data.len().try_into().unwrap();
        let endpoint = self.interface.bulk_out;
        self.urbs.transfer(&Transfer { is_in: false, endpoint, length, setup: [0; 8], data }).map(drop)
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, _timeout: Duration) -> Result<(), Error> {
        let endpoint = self.interface.bulk_in & 0x7F;
        let length = max.try_into().unwrap();
        let data =
            self.urbs.transfer(&Transfer { is_in: true, endpoint, length, setup: [0; 8], data: &[] })?;
        into.extend(data);
        Ok(())
    }

    fn interrupt_in(&mut self, _timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
}

fn server() -> Server {
    let server = Server::start();
    let (panel, handle) = panel(Habit::Accept);
    let pin = |text: &[u8]| Zeroizing::new(text.to_vec());
    let factory = Factory { pin: Some(pin(PIN)), puk: pin(b"87654312"), label: String::new() };
    let rng = chacha20::ChaCha20Rng::seed_from_u64(1);
    let profile = Profile { stretch: None, ..Profile::standard() };
    let token = Token::manufacture(profile, &[7; 32], MemoryStore::default(), panel, rng, &factory).unwrap();
    server.exporter.plug(token, Some(handle)).unwrap();
    server
}

#[test]
fn the_crates_requests_make_a_key_and_sign_with_it() {
    let server = server();
    let mut card = Card::open(Crate::import(server.exporter.local_addr())).unwrap();
    assert_eq!(card.atr()[0], 0x3B);
    let mut piv = Piv::select(&mut card).unwrap();
    piv.authenticate_management(Algorithm::Tdes, &[1, 2, 3, 4, 5, 6, 7, 8].repeat(3)).unwrap();
    let public = piv.generate(Slot::Authentication, Algorithm::P256).unwrap();
    assert_eq!(piv.verify(b"000001").unwrap_err().tries(), Some(5));
    piv.verify(PIN).unwrap();
    let digest = [0xA5; 32];
    let signature = piv.sign(Slot::Authentication, Algorithm::P256, &digest).unwrap();
    let Ok(PublicKey::Point { point, .. }) = PublicKey::parse(KeyAlgorithm::P256, &public) else {
        panic!("a point")
    };
    let key = VerifyingKey::from_sec1_bytes(point).unwrap();
    key.verify_prehash(&digest, &DerSignature::from_bytes(&signature).unwrap()).unwrap();
}

/// The unlink of an IN transfer that waits is answered by ECONNRESET, and the transfer gets no RET_SUBMIT. The unlink
/// of a transfer that is over is answered by 0.
#[test]
fn the_crates_unlink() {
    let server = server();
    let mut client = Crate::import(server.exporter.local_addr()).urbs;
    let waiting = client.submit(&Transfer { is_in: true, endpoint: 2, length: 64, setup: [0; 8], data: &[] });
    for status in [-104, 0] {
        let header = client.header(USBIP_CMD_UNLINK, true, 2);
        let sequence = header.seqnum;
        let unlink = UsbIpCommand::UsbIpCmdUnlink { header, unlink_seqnum: waiting };
        client.stream.write_all(&unlink.to_bytes()).unwrap();
        let head = read(&mut client.stream, HEADER);
        assert_eq!((word(&head, 0), word(&head, 4)), (USBIP_RET_UNLINK.into(), sequence));
        assert_eq!(word(&head, 20).cast_signed(), status);
    }
}
