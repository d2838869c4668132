//! USB/IP, the client's side: lists the devices that a server exports and imports one of them, in user space. Source:
//! Linux, Documentation/usb/usbip_protocol.rst. Its bytes are in [`wire::usbip`].

// The order is the law: a module uses only modules listed below it.
mod link;
mod inbox;
mod stream;

use std::{
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    path::Path,
    time::Duration,
};

use wire::usbip::{self as bytes, Device, UNIX, op_status};

use crate::{Error, pipe::SMART_CARD};
use inbox::{Deadline, Inbox};

pub use link::Link;
pub use stream::Stream;

/// How long a server may take to accept, and then to answer a list or an import.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a list that are read at once. Ten thousand devices take three megabytes.
const LIST_ROOM: usize = 64 << 10;
/// Most devices in a list.
const MAX_DEVICES: u32 = 65_536;

/// A device of a list, and the class of each of its interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The device.
    pub device: Device,
    /// bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol of each.
    pub interfaces: Vec<[u8; 3]>,
}

impl Exported {
    /// Whether the device is a smart card reader (CCID 1.1, 4.3), as each token is.
    pub fn is_reader(&self) -> bool {
        self.interfaces.iter().any(|class| matches!(class, [SMART_CARD, ..]))
    }
}

/// The devices that the server at `address` exports. `address` is a host name or an IP address, with a port or
/// without (then 3240): `bank.example:3240`, `127.0.0.1`, `::1`, `[::1]:3240`, `fe80::1%eth0`, `[fe80::1%2]:3240`. Or
/// `address` is the path of a Unix socket of this machine: `unix:/run/user/1000/ushield/3240.usbip`.
///
/// # Errors
/// [`Error::NotFound`] when nothing listens there, and the line's own.
pub fn list(address: &str) -> Result<Vec<Device>, Error> {
    Ok(list_with_interfaces(address)?.into_iter().map(|exported| exported.device).collect())
}

/// [`list`], with the interfaces of each device.
///
/// # Errors
/// As [`list`].
pub fn list_with_interfaces(address: &str) -> Result<Vec<Exported>, Error> {
    let mut talk = Talk::connect(address)?;
    talk.inbox = Inbox::with_room(LIST_ROOM);
    talk.send(&bytes::request_list())?;
    match bytes::parse_list_header(talk.read()?)? {
        op_status::OK => {}
        _ => return Err(Error::nonsense("USB/IP list", "the server refused to list")),
    }
    let count = u32::from_be_bytes(talk.read()?);
    if count > MAX_DEVICES {
        return Err(Error::nonsense("USB/IP list", "more than 65,536 devices"));
    }
    // The list grows with what really comes, never by the peer's count.
    let mut devices = Vec::new();
    for _ in 0..count {
        let device = Device::parse(&talk.read()?)?;
        let mut interfaces = Vec::new();
        for _ in 0..device.interfaces() {
            let [class, subclass, protocol, _] = talk.read::<4>()?;
            interfaces.push([class, subclass, protocol]);
        }
        devices.push(Exported { device, interfaces });
    }
    Ok(devices)
}

/// Imports a device. Returns the socket, with the bytes that came after the reply, and the device.
fn import(address: &str, bus_id: &str) -> Result<(Stream, Inbox, Device), Error> {
    let request = bytes::request_import(bus_id)
        .map_err(|_| Error::Invalid("a bus id has 31 bytes at most; `ushield ls` shows it"))?;
    let mut talk = Talk::connect(address)?;
    talk.send(&request)?;
    match bytes::parse_import_header(talk.read()?)? {
        op_status::OK => {}
        // Some servers say UNAVAILABLE also for a device that they do not export.
        op_status::UNAVAILABLE | op_status::BUSY => return Err(Error::Busy),
        op_status::NO_DEVICE => {
            return Err(Error::NotFound(format!(
                "no token {bus_id:?} at {address}: `ushield ls` shows those that there are"
            )));
        }
        _ => return Err(Error::nonsense("USB/IP import", "the server failed")),
    }
    let device = Device::parse(&talk.read()?)?;
    if device.bus_id != bus_id {
        return Err(Error::nonsense("USB/IP import", "another device than the one asked for"));
    }
    Ok((talk.socket, talk.inbox, device))
}

/// An imported device whose stream is driven by somebody else from here on: by a kernel, with its vhci.
#[derive(Debug)]
pub struct HandedOver {
    /// The connection after OP_REP_IMPORT, with nothing read ahead and without time-outs.
    pub stream: Stream,
    /// The device.
    pub device: Device,
}

/// Imports the device that `bus_id` names and hands its stream out, untouched by any URB.
///
/// # Errors
/// [`Error::Busy`] when another program holds the device, [`Error::NotFound`] when there is no such device,
/// [`Error::Nonsense`] when the server speaks before it is asked, and the line's own.
pub fn hand_over(address: &str, bus_id: &str) -> Result<HandedOver, Error> {
    let (stream, inbox, device) = import(address, bus_id)?;
    if !inbox.bytes().is_empty() {
        // These bytes would never reach the next reader of the stream, and the stream would be out of step.
        return Err(Error::nonsense("USB/IP import", "the server spoke before it was asked"));
    }
    // A kernel takes a time-out of the socket for a broken line.
    stream.set_read_timeout(None).map_err(Error::Broken)?;
    stream.set_write_timeout(None).map_err(Error::Broken)?;
    Ok(HandedOver { stream, device })
}

/// A connection before a device is imported.
struct Talk {
    socket: Stream,
    inbox: Inbox,
    deadline: Deadline,
}

impl Talk {
    fn connect(address: &str) -> Result<Self, Error> {
        let socket = Stream::connect(address)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(Error::Broken)?;
        Ok(Self { socket, inbox: Inbox::new(), deadline: Deadline::within(PATIENCE, "the USB/IP server") })
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Error> {
        (&self.socket).write_all(request).map_err(lost)
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.inbox.need(&self.socket, N, &mut self.deadline).map_err(|error| match error {
            Error::Broken(error) => lost(error),
            other => other,
        })?;
        let read =
            *self.inbox.bytes().first_chunk::<N>().ok_or(Error::Broken(ErrorKind::UnexpectedEof.into()))?;
        // Nothing is secret before a device is imported.
        self.inbox.pass(N);
        Ok(read)
    }
}

/// The line broke before anything was imported. Most often the server does not serve this user or this address.
fn lost(error: io::Error) -> Error {
    if !stream::is_gone(&error) {
        return Error::from(error);
    }
    Error::Forbidden(
            "the USB/IP server closed the connection: it serves root and its own user only, unless it was started \
             with `ushield up --listen ADDRESS --allow CIDR`"
                .into(),
        )
}

/// Whether this is a bus id: a bus, a hyphen, and the ports on the way (Linux, Documentation/driver-api/usb).
pub fn is_bus_id(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-').is_some_and(|(bus, ports)| is_number(bus) && ports.split('.').all(is_number))
}

/// The server's address, and the bus id that may stand behind it: `HOST:PORT/BUSID`, `unix:PATH/BUSID`.
pub fn place(named: &str) -> (&str, Option<&str>) {
    let split = if named.starts_with(UNIX) {
        // A path has slashes of its own. Behind the last of them, what has the form of a bus id is one.
        named.rsplit_once('/').filter(|(_, last)| is_bus_id(last))
    } else {
        named.split_once('/')
    };
    split.map_or((named, None), |(address, bus_id)| (address, Some(bus_id)))
}

impl Stream {
    /// Connects to a server, whatever the kind of its address is.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing listens there, and the line's own.
    pub fn connect(address: &str) -> Result<Self, Error> {
        if let Some(path) = address.strip_prefix(UNIX) {
            return Self::at(Path::new(path));
        }
        let socket = connect_to_host(address)?;
        // Each message is small, and the peer waits for it: Nagle's algorithm would delay it.
        socket.set_nodelay(true).map_err(Error::Broken)?;
        Ok(Self::Tcp(socket))
    }
}

fn connect_to_host(address: &str) -> Result<TcpStream, Error> {
    let candidates = resolve(address).map_err(|error| {
        Error::NotFound(format!("cannot find the host of {address:?} ({error}): write it as HOST:PORT"))
    })?;
    let mut last = (None, ErrorKind::AddrNotAvailable.into());
    for candidate in candidates {
        match TcpStream::connect_timeout(&candidate, PATIENCE) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = (Some(candidate), error),
        }
    }
    let (candidate, error) = last;
    Err(match error.kind() {
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable
            if candidate.is_some_and(|candidate| candidate.ip().is_loopback()) =>
        {
            Error::NotFound(format!(
                "{address} cannot be reached ({error}): the loopback interface of this network namespace is down. Start \
                 it: ip link set lo up"
            ))
        }
        _ if candidate.is_some_and(is_without_zone) => Error::NotFound(format!(
            "{address} cannot be reached ({error}): a link-local address is one of an interface, so name that behind it, \
             as in [fe80::1%eth0]:3240"
        )),
        ErrorKind::ConnectionRefused => Error::NotFound(format!(
            "no token is served at {address} (connection refused): start one with `ushield up`, or say where one \
             is with USHIELD_USBIP=HOST:PORT"
        )),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::TimedOut("the USB/IP server to accept"),
        _ => Error::NotFound(format!(
            "{address} cannot be reached ({error}): is the address right? Start a token here with `ushield up`"
        )),
    })
}

/// Whether the address is a link-local one (RFC 4291, 2.5.6) without the name of an interface.
fn is_without_zone(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

/// The addresses behind a text. The system reads the host, so that a zone (RFC 4007, 11) may be a name or a number.
fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = split(address).ok_or(ErrorKind::InvalidInput)?;
    if host.is_empty() {
        return Err(ErrorKind::InvalidInput.into());
    }
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Host and port. An IPv6 address with a port stands in brackets (RFC 3986, 3.2.2). An IPv6 address without a port
/// may.
fn split(address: &str) -> Option<(&str, u16)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port {
            "" => Some((host, bytes::PORT)),
            _ => Some((host, port.strip_prefix(':')?.parse().ok()?)),
        };
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => Some((host, port.parse().ok()?)),
        _ => Some((address, bytes::PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_form() {
        for (text, port) in [
            ("127.0.0.1", 3240),
            ("127.0.0.1:9", 9),
            ("::1", 3240),
            ("[::1]", 3240),
            ("[::1]:9", 9),
            ("localhost", 3240),
            ("localhost:9", 9),
        ] {
            let found = resolve(text).unwrap();
            assert!(
                found.iter().all(|address| address.port() == port && address.ip().is_loopback()),
                "{text}"
            );
        }
        for wrong in [
            "",
            "127.0.0.1:",
            "127.0.0.1:70000",
            "[::1",
            "[::1]9",
            "[::1]:",
            ":9",
            "[]:9",
            "no.such.host.invalid",
        ] {
            assert!(Stream::connect(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_bus_id_behind_an_address() {
        for (named, address, bus_id) in [
            ("127.0.0.1:3240", "127.0.0.1:3240", None),
            ("[::1]:9/1-2", "[::1]:9", Some("1-2")),
            ("unix:/run/user/0/ushield/3240.usbip", "unix:/run/user/0/ushield/3240.usbip", None),
            ("unix:/run/3240.usbip/1-2", "unix:/run/3240.usbip", Some("1-2")),
            ("unix:/run/1-1/s", "unix:/run/1-1/s", None),
        ] {
            assert_eq!(place(named), (address, bus_id));
        }
    }

    #[test]
    fn a_zone_in_every_form() {
        // Every Linux has this interface, and it is always the first.
        for zone in ["lo", "1"] {
            for (text, port) in [
                (format!("fe80::1%{zone}"), 3240),
                (format!("[fe80::1%{zone}]"), 3240),
                (format!("[fe80::1%{zone}]:9"), 9),
            ] {
                let found = resolve(&text).unwrap();
                let expected = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), port, 0, 1);
                assert_eq!(found, [SocketAddr::V6(expected)], "{text}");
            }
        }
        assert!(resolve("fe80::1%no-such-interface").is_err());
        assert!(is_without_zone("[fe80::1]:9".parse().unwrap()));
        assert!(
            !is_without_zone("[fe80::1%1]:9".parse().unwrap())
                && !is_without_zone("[fd00::1]:9".parse().unwrap())
        );
    }

    #[test]
    fn a_refused_connection_says_which_command_starts_a_token() {
        // Nobody listens there, and nobody gets that port by chance while the test runs.
        let error = list("127.0.0.1:1").unwrap_err();
        assert!(matches!(&error, Error::NotFound(text) if text.contains("ushield up")), "{error}");
    }
}
