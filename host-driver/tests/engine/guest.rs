//! A QEMU guest of raw bytes.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use wire::{
    usb::Setup,
    usbredir::{
        Bulk, Capabilities, Control, DeviceConnect, EpInfo, Header, Hello, Interface, Status, ToGuest, ToHost,
    },
};

use super::client::PATIENCE;

/// The capabilities that QEMU 7.2 sends.
pub const QEMU: Capabilities = Capabilities(0xFF);

/// A packet from the server: its id, its type, and what follows the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub id: u64,
    pub kind: u32,
    pub body: Vec<u8>,
}

pub struct Guest {
    pub stream: TcpStream,
    pub agreed: Capabilities,
    last: u64,
}

pub const fn bulk(endpoint: u8, length: u32) -> Bulk {
    Bulk { endpoint, status: Status::Success, length, stream: 0 }
}

impl Guest {
    /// Connects and says nothing.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Ids have 64 bits only where both sides agreed on that.
        Self { stream, agreed: Capabilities::NONE, last: 0xFFFF_FFF0 }
    }

    /// Connects, and greets with these capabilities.
    pub fn greet(address: SocketAddr, capabilities: Capabilities) -> Self {
        let mut guest = Self::connect(address);
        guest.hello(capabilities);
        guest
    }

    pub fn hello(&mut self, capabilities: Capabilities) {
        self.try_hello(capabilities).unwrap();
    }

    fn try_hello(&mut self, capabilities: Capabilities) -> io::Result<()> {
        let hello = self.bytes(0, &ToHost::Hello(Hello { version: b"test guest", capabilities }));
        self.stream.write_all(&hello)?;
        let packet = self.packet()?;
        let ToGuest::Hello(hello) = self.message(&packet) else { panic!("{packet:?}") };
        assert!(hello.version.starts_with(b"ushield "));
        self.agreed = capabilities.common(hello.capabilities);
        Ok(())
    }

    /// Connects, greets as QEMU does, and waits for a device.
    pub fn take(address: SocketAddr) -> Self {
        let mut guest = Self::greet(address, QEMU);
        guest.device();
        guest
    }

    /// As [`Self::take`], where the server may have hung up: on a busy machine the greeting can be too late.
    pub fn try_take(address: SocketAddr) -> io::Result<Self> {
        let mut guest = Self::connect(address);
        guest.try_hello(QEMU)?;
        guest.try_device()?;
        Ok(guest)
    }

    /// The packets that show a device, in their order.
    pub fn device(&mut self) -> (EpInfo, Vec<Interface>, DeviceConnect) {
        self.try_device().unwrap()
    }

    fn try_device(&mut self) -> io::Result<(EpInfo, Vec<Interface>, DeviceConnect)> {
        let packets = [self.packet()?, self.packet()?, self.packet()?];
        let messages = packets.each_ref().map(|packet| self.message(packet));
        Ok(match messages {
            [
                ToGuest::EpInfo(endpoints),
                ToGuest::InterfaceInfo { interfaces },
                ToGuest::DeviceConnect(connect),
            ] => (endpoints, interfaces, connect),
            other => panic!("{other:?}"),
        })
    }

    pub fn bytes(&self, id: u64, message: &ToHost<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        message.encode(id, self.agreed, &mut out);
        out
    }

    pub fn send(&mut self, id: u64, message: &ToHost<'_>) {
        let bytes = self.bytes(id, message);
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next packet.
    pub fn packet(&mut self) -> io::Result<Packet> {
        let mut head = vec![0; Header::size(self.agreed)];
        self.stream.read_exact(&mut head)?;
        let Header { kind, length, id } = Header::parse(&head, self.agreed).unwrap();
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body)?;
        Ok(Packet { id, kind, body })
    }

    pub fn message<'a>(&self, packet: &'a Packet) -> ToGuest<'a> {
        ToGuest::parse(packet.kind, &packet.body, self.agreed).unwrap()
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        if self.agreed.has(Capabilities::IDS_64_BITS) { self.last } else { self.last & 0xFFFF }
    }

    pub fn bulk_out(&mut self, data: &[u8]) -> u64 {
        let id = self.next();
        let header = bulk(0x01, data.len().try_into().unwrap());
        self.send(id, &ToHost::Bulk { header, data });
        id
    }

    pub fn bulk_in(&mut self, length: u32) -> u64 {
        let id = self.next();
        self.send(id, &ToHost::Bulk { header: bulk(0x82, length), data: &[] });
        id
    }

    /// A control transfer, and how it ended.
    pub fn control(&mut self, setup: Setup, data: &[u8]) -> (Status, Vec<u8>) {
        let id = self.next();
        let header = Control { endpoint: setup.request_type & 0x80, status: Status::Success, setup };
        self.send(id, &ToHost::Control { header, data });
        let packet = self.packet().unwrap();
        match self.message(&packet) {
            ToGuest::Control { header: end, data } if packet.id == id => {
                // The reply repeats all fields but the status and the length.
                let sent = Control {
                    status: end.status,
                    setup: Setup { length: end.setup.length, ..setup },
                    ..header
                };
                assert_eq!(end, sent);
                (end.status, data.to_vec())
            }
            other => panic!("not the end of {id}: {other:?}"),
        }
    }

    /// Sends a request, and returns the answer, which must have the request's id.
    pub fn ask(&mut self, message: &ToHost<'_>) -> Packet {
        let id = self.next();
        self.send(id, message);
        let packet = self.packet().unwrap();
        assert_eq!(packet.id, id, "{packet:?}");
        packet
    }

    /// The status, length and data of this bulk transfer, whose end must be the next packet.
    pub fn end_of(&mut self, id: u64) -> (Status, u32, Vec<u8>) {
        let packet = self.packet().unwrap();
        match self.message(&packet) {
            ToGuest::Bulk { header, data } if packet.id == id => {
                (header.status, header.length, data.to_vec())
            }
            other => panic!("not the end of {id}: {other:?}"),
        }
    }

    /// Sends data, and reads what the device answers.
    pub fn exchange(&mut self, data: &[u8]) -> Vec<u8> {
        let (out, read) = (self.bulk_out(data), self.bulk_in(4096));
        assert_eq!(self.end_of(out), (Status::Success, data.len() as u32, vec![]));
        let (status, length, data) = self.end_of(read);
        assert_eq!((status, length as usize), (Status::Success, data.len()));
        data
    }

    /// Nothing may come for this long.
    pub fn silent(&mut self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
        // A read with a time limit ends early where its thread is stopped and goes on (signal(7), SIGCONT).
        let error = loop {
            match self.stream.read(&mut [0]).map(|_| ()).unwrap_err() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => break error,
            }
        };
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// Waits until the server hangs up, and returns what the server sent before.
    pub fn hung_up(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server does not hang up: {error}"),
        }
        bytes
    }
}
