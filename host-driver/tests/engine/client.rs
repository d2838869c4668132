//! A client of raw bytes: no more honest than a test wants it to be.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::TcpStream,
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::Duration,
};

use host_driver::BusId;
use peer::Peer;
use wire::{
    usb::Setup,
    usbip::{self, Device, Return, Submit, Unlink},
};

use super::Place;

/// How long a test waits for what must come, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    pub device: u32,
    last: u32,
    is_in: HashMap<u32, bool>,
}

/// GET_DESCRIPTOR(device), 18 bytes.
pub const GET_DEVICE: Setup = Setup { request_type: 0x80, request: 6, value: 0x0100, index: 0, length: 18 };

impl Client {
    pub fn connect(place: &Place) -> Self {
        let stream = match place {
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                stream
            }
            // The standard library's calls for either kind of stream are the same calls of the system.
            Place::Unix(path) => OwnedFd::from(UnixStream::connect(path).unwrap()).into(),
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, device: 0, last: 0, is_in: HashMap::new() }
    }

    /// Who the server takes this client for.
    pub fn peer(&self) -> Peer {
        self.stream.local_addr().map_or(Peer::Process(Some(std::process::id())), Peer::Host)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The devices on the list.
    pub fn list(&mut self) -> Vec<Device> {
        self.send(&usbip::request_list());
        assert_eq!(usbip::parse_list_header(self.read().unwrap()), Ok(0));
        let count = u32::from_be_bytes(self.read().unwrap());
        let mut read = || {
            let device = Device::parse(&self.read().unwrap()).unwrap();
            (0..device.interfaces()).for_each(|_| assert_eq!(self.read::<4>().unwrap(), [11, 0, 0, 0]));
            device
        };
        (0..count).map(|_| read()).collect()
    }

    /// Takes a device. The error is the status of a refusal.
    pub fn import(&mut self, id: BusId) -> Result<(), u32> {
        self.import_name(&id.to_string())
    }

    /// As [`Self::import`], where the server may have hung up: on a busy machine the greeting can be too late.
    pub fn try_import(&mut self, id: BusId) -> io::Result<()> {
        self.stream.write_all(&usbip::request_import(&id.to_string()).unwrap())?;
        assert_eq!(usbip::parse_import_header(self.read()?), Ok(0));
        self.device = Device::parse(&self.read()?).unwrap().id();
        Ok(())
    }

    pub fn import_name(&mut self, name: &str) -> Result<(), u32> {
        self.send(&usbip::request_import(name).unwrap());
        match usbip::parse_import_header(self.read().unwrap()).unwrap() {
            0 => {
                let device = Device::parse(&self.read().unwrap()).unwrap();
                assert_eq!(device.bus_id, name);
                self.device = device.id();
                Ok(())
            }
            status => Err(status),
        }
    }

    fn submit(
        &mut self,
        is_in: bool,
        endpoint: u8,
        length: usize,
        setup: [u8; 8],
        data: &[u8],
    ) -> (u32, Vec<u8>) {
        self.last += 1;
        let (sequence, device) = (self.last, self.device);
        self.is_in.insert(sequence, is_in);
        let submit = Submit { sequence, device, is_in, endpoint, length: length.try_into().unwrap(), setup };
        (sequence, [&submit.bytes()[..], data].concat())
    }

    /// The bytes of a bulk OUT transfer, and the transfer's number.
    pub fn out_bytes(&mut self, endpoint: u8, data: &[u8]) -> (u32, Vec<u8>) {
        self.submit(false, endpoint, data.len(), [0; 8], data)
    }

    /// The bytes of an IN transfer, and the transfer's number.
    pub fn in_bytes(&mut self, endpoint: u8, length: usize) -> (u32, Vec<u8>) {
        self.submit(true, endpoint, length, [0; 8], &[])
    }

    /// The bytes of a control transfer, and the transfer's number.
    pub fn control_bytes(&mut self, setup: Setup, data: &[u8]) -> (u32, Vec<u8>) {
        let length = if setup.is_in() { usize::from(setup.length) } else { data.len() };
        self.submit(setup.is_in(), 0, length, setup.bytes(), data)
    }

    pub fn bulk_out(&mut self, data: &[u8]) -> u32 {
        let (sequence, bytes) = self.out_bytes(1, data);
        self.send(&bytes);
        sequence
    }

    pub fn bulk_in(&mut self, length: usize) -> u32 {
        let (sequence, bytes) = self.in_bytes(2, length);
        self.send(&bytes);
        sequence
    }

    pub fn interrupt_in(&mut self) -> u32 {
        let (sequence, bytes) = self.in_bytes(3, 8);
        self.send(&bytes);
        sequence
    }

    pub fn control(&mut self, setup: Setup) -> u32 {
        let (sequence, bytes) = self.control_bytes(setup, &[]);
        self.send(&bytes);
        sequence
    }

    pub fn unlink(&mut self, victim: u32) -> u32 {
        self.last += 1;
        let unlink = Unlink { sequence: self.last, device: self.device, victim };
        self.send(&unlink.bytes());
        self.last
    }

    /// The next reply, and its data.
    pub fn reply(&mut self) -> io::Result<(Return, Vec<u8>)> {
        let reply = Return::parse(&self.read()?).unwrap();
        let mut data = Vec::new();
        if let Return::Submit { sequence, length, .. } = reply
            && self.is_in.remove(&sequence).expect("a reply to what was asked")
        {
            data.resize(length as usize, 0);
            self.stream.read_exact(&mut data)?;
        }
        Ok((reply, data))
    }

    /// The status and the data of this transfer, whose end must be the next reply.
    pub fn end_of(&mut self, sequence: u32) -> (i32, Vec<u8>) {
        match self.reply().unwrap() {
            (Return::Submit { sequence: found, status, .. }, data) if found == sequence => (status, data),
            other => panic!("not the end of {sequence}: {other:?}"),
        }
    }

    /// The status of this unlink, whose end must be the next reply.
    pub fn end_of_unlink(&mut self, sequence: u32) -> i32 {
        match self.reply().unwrap() {
            (Return::Unlink { sequence: found, status }, _) if found == sequence => status,
            other => panic!("not the reply to unlink {sequence}: {other:?}"),
        }
    }

    /// Sends data, and reads what the device answers.
    pub fn exchange(&mut self, data: &[u8]) -> Vec<u8> {
        let (out, mut bytes) = self.out_bytes(1, data);
        let (read, more) = self.in_bytes(2, 65_536);
        bytes.extend(more);
        self.send(&bytes);
        assert_eq!(self.end_of(out), (0, vec![]));
        let (status, data) = self.end_of(read);
        assert_eq!(status, 0);
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
