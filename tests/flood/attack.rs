//! The floods. Each flood runs for a given time in a process of its own, and some run as another user.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use card::{Card, piv::Piv, usbip::Link};
use wire::{
    usb::{Setup, request},
    usbip::{Submit, request_import},
    usbredir::{Capabilities, Hello, ToHost},
};

use crate::{Fault, server};

/// How long a flood lasts at most, also where nobody ends it.
pub const LONGEST: Duration = Duration::from_secs(600);
/// Connections that a flood holds at most.
const HELD: usize = 1100;
/// Requests of a flood that wait for a screen at most.
const WAITS: usize = 4000;
/// Threads of a flood.
const HANDS: usize = 2;
/// The PIN that a flood changes the right PIN to, before it changes it back.
const OTHER_PIN: &[u8] = b"246801";
/// How long a connection may hang.
const PATIENCE: Duration = Duration::from_secs(2);

/// A way to flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    Reset,
    Unserved,
    Silent,
    HalfGreeting,
    Malformed,
    Guests,
    Waits,
    Expressions,
    Transfers,
    Pins,
}

impl Flood {
    pub const ALL: [Self; 10] = [
        Self::Reset,
        Self::Unserved,
        Self::Silent,
        Self::HalfGreeting,
        Self::Malformed,
        Self::Guests,
        Self::Waits,
        Self::Expressions,
        Self::Transfers,
        Self::Pins,
    ];

    /// What the flood does, in few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reset => "another user connects and resets",
            Self::Unserved => "another user connects and waits",
            Self::Silent => "1,100 connections that say nothing",
            Self::HalfGreeting => "1,100 connections with half a greeting",
            Self::Malformed => "messages that are none",
            Self::Guests => "1,100 usbredir guests, hello and idle",
            Self::Waits => "4,000 waits for a screen",
            Self::Expressions => "regular expressions that cost much",
            Self::Transfers => "transfers without pause on two other tokens",
            Self::Pins => "PIN changes on eight other tokens",
        }
    }

    /// Whether another user of the machine runs the flood.
    pub const fn is_a_strangers(self) -> bool {
        matches!(self, Self::Reset | Self::Unserved)
    }

    /// Whether the flood has PINs stretched, which takes memory.
    pub const fn stretches(self) -> bool {
        matches!(self, Self::Pins)
    }
}

/// Runs in the process of a flood.
pub fn run(flood: &str, [usbip, usbredir, control]: [&str; 3]) -> Result<(), Fault> {
    let flood = Flood::ALL.into_iter().find(|known| format!("{known:?}") == flood).ok_or("no such flood")?;
    let (usbip, usbredir): (SocketAddr, SocketAddr) = (usbip.parse()?, usbredir.parse()?);
    host_driver::raise_descriptor_limit();
    let end = Instant::now() + LONGEST;
    let hands = if flood == Flood::Pins { 8 } else { HANDS };
    thread::scope(|scope| {
        for hand in 0..hands {
            scope.spawn(move || {
                while Instant::now() < end {
                    // A flood tries again whatever the server refuses or closes.
                    let tried = match flood {
                        Flood::Reset => reset(usbip),
                        Flood::Unserved => unserved(usbip),
                        Flood::Silent => hold(usbip, &[], end),
                        Flood::HalfGreeting => hold(usbip, &[1, 0x11, 0x80], end),
                        Flood::Malformed => malformed(usbip),
                        Flood::Guests => guests(usbredir, end),
                        Flood::Waits => waits(control, end),
                        Flood::Expressions => expression(control),
                        Flood::Transfers => transfers(usbip, hand, end),
                        Flood::Pins => pins(usbip, hand, end),
                    };
                    if tried.is_err() {
                        thread::sleep(Duration::from_millis(5));
                    }
                }
            });
        }
    });
    Ok(())
}

fn reset(address: SocketAddr) -> Result<(), Fault> {
    let stream = TcpStream::connect(address)?;
    // With a SO_LINGER of no time closing the connection is a reset.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    Ok(())
}

fn unserved(address: SocketAddr) -> Result<(), Fault> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let _ = stream.read(&mut [0])?;
    Ok(())
}

/// Holds connections on which this greeting was sent, and opens a new connection for each that the server closes.
fn hold(address: SocketAddr, greeting: &[u8], end: Instant) -> Result<(), Fault> {
    let mut held = Vec::new();
    while Instant::now() < end {
        held.retain(|stream| !is_closed(stream));
        while held.len() < HELD / HANDS {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(greeting)?;
            stream.set_nonblocking(true)?;
            held.push(stream);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn is_closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 512]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

fn malformed(address: SocketAddr) -> Result<(), Fault> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[0xA5; 64])?;
    let _ = stream.read(&mut [0])?;
    Ok(())
}

fn guests(address: SocketAddr, end: Instant) -> Result<(), Fault> {
    let mut hello = Vec::new();
    let capabilities = Capabilities(0xFF);
    ToHost::Hello(Hello { version: b"flood", capabilities }).encode(0, Capabilities::NONE, &mut hello);
    hold(address, &hello, end)
}

fn waits(control: &str, end: Instant) -> Result<(), Fault> {
    let mut held = Vec::new();
    while Instant::now() < end {
        while held.len() < WAITS / HANDS {
            held.push(ask(control, "/tokens/1-1/screen?wait=never&timeout=3600")?);
        }
        held.retain_mut(|stream: &mut UnixStream| {
            let answered = stream.set_nonblocking(true).is_err() || stream.read(&mut [0; 512]).is_ok();
            !answered
        });
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn expression(control: &str) -> Result<(), Fault> {
    // These expressions are as large as they may be. A larger one is refused sooner.
    for expression in ["(\\w{20}|\\d{20}){9}", "(\\w{100}){100}", "((a{100}){100}){100}"] {
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut stream = ask(control, &format!("/tokens/1-1/screen?timeout=0&wait={escaped}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let _ = stream.read(&mut [0; 512])?;
    }
    Ok(())
}

fn ask(control: &str, question: &str) -> Result<UnixStream, Fault> {
    let mut stream = UnixStream::connect(control)?;
    write!(stream, "GET {question} HTTP/1.1\r\nHost: flood\r\n\r\n")?;
    Ok(stream)
}

/// GET_DESCRIPTOR on a token that only this thread uses, 32 at a time.
fn transfers(address: SocketAddr, hand: usize, end: Instant) -> Result<(), Fault> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let number = hand + server::OTHERS;
    stream.write_all(&request_import(&format!("1-{number}"))?)?;
    stream.read_exact(&mut [0; 320])?;
    let setup =
        Setup { request_type: 0x80, request: request::GET_DESCRIPTOR, value: 0x0100, index: 0, length: 18 };
    let device = 0x0001_0000 | u32::try_from(number)?;
    let mut sequence = 0;
    while Instant::now() < end {
        let mut submits = Vec::new();
        for _ in 0..32 {
            sequence += 1;
            let submit =
                Submit { sequence, device, is_in: true, endpoint: 0, length: 18, setup: setup.bytes() };
            submits.extend(submit.bytes());
        }
        stream.write_all(&submits)?;
        stream.read_exact(&mut [0; 32 * (48 + 18)])?;
    }
    Ok(())
}

fn pins(address: SocketAddr, hand: usize, end: Instant) -> Result<(), Fault> {
    let number = hand + server::OTHERS;
    let mut card = Card::open(Link::import(&address.to_string(), &format!("1-{number}"))?)?;
    let mut piv = Piv::select(&mut card)?;
    while Instant::now() < end {
        piv.change_pin(server::PIN, OTHER_PIN)?;
        piv.change_pin(OTHER_PIN, server::PIN)?;
    }
    Ok(())
}
