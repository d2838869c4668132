//! A client of raw requests: each request has one answer, and each outcome is shown as it is.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use wire::{
    Malformed,
    pcsclite::{
        Attribute, Begin, Cancel, Connect, Control, Disconnect, End, Establish, MAX_ATTRIBUTE, MAX_READERS,
        ReaderEvents, ReaderState, Reconnect, Release, Request, Status, Transmit, Version, Wait, protocol,
        reader_name, reader_states, rv, scope,
    },
};

use crate::world::PATIENCE;

pub const SELECT_PIV: &[u8] = &[0, 0xA4, 4, 0, 5, 0xA0, 0, 0, 3, 8];
/// VERIFY without data. The answer says how many tries are left, or that the PIN is verified.
pub const PIN_STATE: &[u8] = &[0, 0x20, 0, 0x80];

pub struct Raw {
    pub stream: UnixStream,
    pub context: u32,
    minor: i32,
}

/// The error is a SCARD_* number other than success.
pub type Outcome<T> = Result<T, u32>;

impl Raw {
    /// A connection on which nothing was said yet.
    pub fn silent(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, context: 0, minor: 4 }
    }

    /// A client of protocol 4.`minor`, with a context.
    pub fn new(socket: &Path, minor: i32) -> Self {
        let mut raw = Self::silent(socket);
        assert_eq!(raw.version(4, minor), Version { major: 4, minor, rv: rv::SUCCESS });
        raw.minor = minor;
        let answer = raw.establish(scope::SYSTEM);
        assert_eq!(answer.rv, rv::SUCCESS);
        raw.context = answer.context;
        raw
    }

    pub fn send(&mut self, request: &Request, buffer: &[u8]) {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        bytes.extend_from_slice(buffer);
        self.stream.write_all(&bytes).unwrap();
    }

    pub fn receive(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn ask<T>(&mut self, request: Request, length: usize, parse: fn(&[u8]) -> Result<T, Malformed>) -> T {
        self.send(&request, &[]);
        parse(&self.receive(length)).unwrap()
    }

    pub fn version(&mut self, major: i32, minor: i32) -> Version {
        self.ask(Request::Version(Version { major, minor, rv: 0 }), Version::LEN, Version::parse)
    }

    pub fn establish(&mut self, scope: u32) -> Establish {
        let wish = Establish { scope, context: 0, rv: 0 };
        self.ask(Request::Establish(wish), Establish::LEN, Establish::parse)
    }

    pub fn release(&mut self) -> u32 {
        let wish = Release { context: self.context, rv: 0 };
        self.ask(Request::Release(wish), Release::LEN, Release::parse).rv
    }

    pub fn connect(&mut self, reader: &str, share: u32, preferred: u32) -> Outcome<i32> {
        let (context, reader) = (self.context, reader_name(reader));
        let wish = Connect { context, reader, share, preferred, card: 0, active: 0, rv: 0 };
        let answer = self.ask(Request::Connect(wish), Connect::LEN, Connect::parse);
        outcome(answer.rv).map(|()| answer.card)
    }

    pub fn shared(&mut self, reader: &str) -> i32 {
        self.connect(reader, wire::pcsclite::share::SHARED, protocol::ANY).unwrap()
    }

    pub fn reconnect(&mut self, card: i32, share: u32, initialization: u32) -> Outcome<u32> {
        let wish = Reconnect { card, share, preferred: protocol::ANY, initialization, active: 0, rv: 0 };
        let answer = self.ask(Request::Reconnect(wish), Reconnect::LEN, Reconnect::parse);
        outcome(answer.rv).map(|()| answer.active)
    }

    pub fn disconnect(&mut self, card: i32, disposition: u32) -> u32 {
        let wish = Disconnect { card, disposition, rv: 0 };
        self.ask(Request::Disconnect(wish), Disconnect::LEN, Disconnect::parse).rv
    }

    pub fn begin(&mut self, card: i32) -> u32 {
        self.ask(Request::Begin(Begin { card, rv: 0 }), Begin::LEN, Begin::parse).rv
    }

    /// Asks again until it is our turn, as libpcsclite does.
    pub fn begin_patiently(&mut self, card: i32) -> u32 {
        loop {
            match self.begin(card) {
                rv::SHARING_VIOLATION => {}
                outcome => return outcome,
            }
        }
    }

    pub fn end(&mut self, card: i32, disposition: u32) -> u32 {
        self.ask(Request::End(End { card, disposition, rv: 0 }), End::LEN, End::parse).rv
    }

    pub fn status(&mut self, card: i32) -> u32 {
        self.ask(Request::Status(Status { card, rv: 0 }), Status::LEN, Status::parse).rv
    }

    pub fn transmit(&mut self, card: i32, apdu: &[u8]) -> Outcome<Vec<u8>> {
        self.transmit_into(card, apdu, protocol::T1, 65_548)
    }

    pub fn transmit_into(&mut self, card: i32, apdu: &[u8], by: u32, room: u32) -> Outcome<Vec<u8>> {
        let wish = Transmit {
            card,
            send_protocol: by,
            send_pci: 16,
            send_length: apdu.len() as u32,
            receive_protocol: by,
            receive_pci: 16,
            receive_length: room,
            rv: 0,
        };
        self.send(&Request::Transmit(wish), apdu);
        let answer = Transmit::parse(&self.receive(Transmit::LEN)).unwrap();
        outcome(answer.rv).map(|()| self.receive(answer.receive_length as usize))
    }

    pub fn control(&mut self, card: i32, code: u32, room: u32) -> Outcome<Vec<u8>> {
        let wish = Control { card, code, send_length: 0, receive_length: room, returned: 0, rv: 0 };
        let answer = self.ask(Request::Control(wish), Control::LEN, Control::parse);
        outcome(answer.rv).map(|()| self.receive(answer.returned as usize))
    }

    pub fn attribute(&mut self, card: i32, id: u32, room: u32) -> Outcome<Vec<u8>> {
        let wish = Attribute { card, id, value: [0; MAX_ATTRIBUTE], length: room, rv: 0 };
        let answer = self.ask(Request::GetAttribute(wish), Attribute::LEN, Attribute::parse);
        outcome(answer.rv).map(|()| answer.value().unwrap().to_vec())
    }

    pub fn cancel(&mut self, context: u32) -> u32 {
        self.ask(Request::Cancel(Cancel { context, rv: 0 }), Cancel::LEN, Cancel::parse).rv
    }

    pub fn states(&mut self) -> Vec<ReaderState> {
        if self.minor < 6 {
            self.send(&Request::ReadersState, &[]);
        } else {
            self.send(&Request::ReadersStateSize, &[]);
            assert_eq!(self.receive(4), 16_i32.to_ne_bytes());
            self.send(&Request::ReadersStateArray, &[]);
        }
        self.take_states()
    }

    fn take_states(&mut self) -> Vec<ReaderState> {
        let mut states = reader_states(&self.receive(MAX_READERS * ReaderState::LEN)).unwrap();
        states.retain(|state| state.reader().is_some());
        states
    }

    /// Begins to wait for news in the way of the client's version. Returns the states of this moment.
    pub fn watch(&mut self) -> Vec<ReaderState> {
        self.send(&Request::Wait, &[]);
        if self.minor < 6 { self.take_states() } else { self.states() }
    }

    /// Waits for the news, and returns its outcome.
    pub fn news(&mut self) -> u32 {
        Wait::parse(&self.receive(Wait::LEN)).unwrap().rv
    }

    /// Whether nothing comes in this time.
    pub fn hears_nothing(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let read = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        read.is_err()
    }

    pub fn events(&mut self) -> u32 {
        self.ask(Request::ReaderEvents, ReaderEvents::LEN, ReaderEvents::parse).events
    }
}

fn outcome(of: u32) -> Outcome<()> {
    if of == rv::SUCCESS { Ok(()) } else { Err(of) }
}
