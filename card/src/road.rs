//! Which token is opened, and by which road. Nothing else decides that.
//!
//! The roads are tried in this order: what the caller names; the PC/SC service at `PCSCLITE_CSOCK_NAME`; the USB/IP
//! server that `USHIELD_USBIP` names. Where neither variable is set, and the config file names nothing, the order is:
//! the system's pcscd if one of its readers shows a token; the USB/IP server at 127.0.0.1:3240; the machine's own
//! USB.

mod shared;

use std::{
    fmt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    card::Card,
    ccid,
    config::{self, Config},
    environment,
    error::Error,
    pipe::Pipe,
    usb::{self, Libusb},
    usbip::{self, Link},
};

/// The environment variable that says where the USB/IP server is: `HOST:PORT`, or `HOST:PORT/BUSID`.
pub const ENVIRONMENT: &str = "USHIELD_USBIP";
/// Where `ushield up` listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:3240";
/// A token that was just let go is powered off before it is back on its server's list. A token that is missing is
/// looked for again for so long.
const SETTLE: Duration = Duration::from_secs(1);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Which token to open.
///
/// The PC/SC service is asked before the USB/IP server. When neither is named, the order of [`self`] holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The socket of a PC/SC service.
    pub pcsc: Option<PathBuf>,
    /// The USB/IP server, `HOST:PORT` or `HOST:PORT/BUSID`; `None` looks at [`DEFAULT_ADDRESS`], then at USB.
    pub usbip: Option<String>,
    /// The bus id on that server.
    pub bus_id: Option<String>,
    /// iSerialNumber of the token.
    pub serial: Option<String>,
    /// How long one command may take, which should exceed the time-out of the token's prompt.
    pub patience: Duration,
}

impl Default for Selection {
    fn default() -> Self {
        Self { pcsc: None, usbip: None, bus_id: None, serial: None, patience: ccid::PATIENCE }
    }
}

impl Selection {
    /// What `PCSCLITE_CSOCK_NAME` and `USHIELD_USBIP` say, where they are set and not empty.
    pub fn environment() -> Self {
        let set = |name| environment::variable(name).filter(|value| !value.is_empty());
        let pcsc = set(wire::pcsclite::ENVIRONMENT).map(PathBuf::from);
        let usbip = set(ENVIRONMENT).and_then(|value| value.into_string().ok());
        Self { pcsc, usbip, ..Self::default() }
    }

    /// [`Self::environment`], and the config file for the rest.
    ///
    /// # Errors
    /// [`Error::Settings`] when there is a config file that cannot be used.
    pub fn from_environment() -> Result<Self, Error> {
        Self::environment().or_configured()
    }

    /// Takes from the config file ([`config`]) what is not chosen here.
    ///
    /// # Errors
    /// [`Error::Settings`] when there is a config file that cannot be used.
    pub fn or_configured(self) -> Result<Self, Error> {
        Ok(self.or(config::read()?))
    }

    fn or(self, config: Config) -> Self {
        // When a service or a server was named, no other one of the file's is tried. Nor does the file's serial
        // number count, which may be of a token elsewhere.
        if self.pcsc.is_some() || self.usbip.is_some() {
            return self;
        }
        if self.bus_id.is_some() {
            return Self { usbip: config.usbip, ..self };
        }
        let serial = self.serial.or(config.serial);
        Self { pcsc: config.pcsc.map(PathBuf::from), usbip: config.usbip, serial, ..self }
    }

    /// The server at `address`, `HOST:PORT` or `HOST:PORT/BUSID`.
    pub fn usbip(address: impl Into<String>) -> Self {
        Self { usbip: Some(address.into()), ..Self::default() }
    }

    /// The token with this name: a bus id, as USB/IP servers and kernels name devices (`1-1`, `3-2.4`), or else a serial
    /// number.
    pub fn named(self, name: impl Into<String>) -> Self {
        let name = name.into();
        if is_bus_id(&name) {
            Self { bus_id: Some(name), ..self }
        } else {
            Self { serial: Some(name), ..self }
        }
    }

    /// The server and the bus id. The bus id may stand beside the server or behind it.
    fn place(&self) -> (&str, Option<&str>) {
        let named = self.usbip.as_deref().unwrap_or(DEFAULT_ADDRESS);
        let (address, bus_id) = match named.split_once('/') {
            Some((address, bus_id)) => (address, Some(bus_id)),
            None => (named, None),
        };
        (address, self.bus_id.as_deref().or(bus_id))
    }
}

/// Whether this is a bus id: a bus, a hyphen, and the ports on the way (Linux, Documentation/driver-api/usb).
fn is_bus_id(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-').is_some_and(|(bus, ports)| is_number(bus) && ports.split('.').all(is_number))
}

/// The way to one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Road {
    /// By a USB/IP server.
    UsbIp {
        /// `HOST:PORT`.
        address: String,
        /// The bus id there.
        bus_id: String,
    },
    /// A reader of a PC/SC service, shared with other programs.
    Pcsc {
        /// The service's socket.
        socket: PathBuf,
        /// The reader's name.
        reader: String,
    },
    /// By this machine's USB.
    Usb {
        /// Bus number and device address.
        place: (u8, u8),
    },
}

impl Road {
    /// Whether other programs may come between two commands.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Pcsc { .. })
    }

    fn card(&self, patience: Duration) -> Result<Card, Error> {
        match self {
            Self::Pcsc { socket, reader } => shared::open_reader(socket, reader, patience),
            _ => Card::open_with_patience(pipe(self)?, patience),
        }
    }
}

impl fmt::Display for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsbIp { address, bus_id } => write!(f, "{address}/{bus_id}"),
            Self::Pcsc { reader, .. } => write!(f, "reader {reader}"),
            Self::Usb { place: (bus, device) } => write!(f, "USB bus {bus}, device {device}"),
        }
    }
}

/// A token that was found and not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How to reach it.
    pub road: Road,
    /// idVendor and idProduct; 0 where a PC/SC service hides them.
    pub id: (u16, u16),
}

/// The tokens that fit the selection. The serial number is not compared, because only an opened token tells it.
///
/// # Errors
/// The server that was named is not there. Where none was named, a server that is missing is no error.
pub fn discover(selection: &Selection) -> Result<Vec<Found>, Error> {
    let shared = shared::discover(selection)?;
    if shared.is_empty() { look(selection).map(|(found, _)| found) } else { Ok(shared) }
}

/// [`discover`] on USB/IP and USB, and whether a USB/IP server is there. A server whose list is empty may have tokens
/// that other programs hold.
fn look(selection: &Selection) -> Result<(Vec<Found>, bool), Error> {
    let (address, bus_id) = selection.place();
    let (exported, served) = match usbip::list_with_interfaces(address) {
        Err(Error::NotFound(_)) if selection.usbip.is_none() => (Vec::new(), false),
        other => (other?, true),
    };
    let mut found: Vec<Found> = exported
        .into_iter()
        .filter(|exported| {
            exported.is_reader() && bus_id.is_none_or(|bus_id| exported.device.bus_id == bus_id)
        })
        .map(|exported| Found {
            id: (exported.device.vendor, exported.device.product),
            road: Road::UsbIp { address: address.into(), bus_id: exported.device.bus_id },
        })
        .collect();
    if selection.usbip.is_none() && bus_id.is_none() && found.is_empty() {
        let on_bus = usb::list();
        found.extend(
            on_bus.into_iter().map(|token| Found { road: Road::Usb { place: token.place }, id: token.id }),
        );
    }
    Ok((found, served))
}

/// Opens the one token that fits the selection and powers it.
///
/// # Errors
/// [`Error::NotFound`] when no token fits and [`Error::Ambiguous`] when more than one fits, both with what to type;
/// [`Error::Busy`] when another program holds the token.
pub fn open(selection: &Selection) -> Result<Card, Error> {
    if let Some(card) = shared::open(selection)? {
        return Ok(card);
    }
    Card::open_with_patience(reach(selection)?, selection.patience)
}

/// The pipes of the one token that fits the selection. Its card is not powered yet: a driver powers the card when its
/// host says so. A road by PC/SC has no pipes.
///
/// # Errors
/// As [`open`].
pub fn reach(selection: &Selection) -> Result<Box<dyn Pipe>, Error> {
    let end = Instant::now() + SETTLE;
    loop {
        match reach_now(selection) {
            (Err(_), true) if Instant::now() < end => thread::sleep(PAUSE),
            (outcome, _) => return outcome,
        }
    }
}

/// [`reach`] in one try, for a caller that looks again by itself.
///
/// # Errors
/// As [`reach`].
pub fn reach_at_once(selection: &Selection) -> Result<Box<dyn Pipe>, Error> {
    reach_now(selection).0
}

/// One try, and whether another try makes sense. It does when the token is held: the program that holds the token may
/// be just letting it go.
fn reach_now(selection: &Selection) -> (Result<Box<dyn Pipe>, Error>, bool) {
    let outcome = match selection.place() {
        // The bus id names the token. A server's list leaves out a token that is held, but an import says that the
        // token is busy.
        (address, Some(bus_id)) => {
            let road = Road::UsbIp { address: address.into(), bus_id: bus_id.into() };
            with_serial(&road, selection).and_then(|pipe| pipe.ok_or_else(|| none(selection, true)))
        }
        _ => match look(selection) {
            Ok((found, true)) if found.is_empty() => return (Err(none(selection, true)), true),
            Ok((found, served)) => choose(&found, selection, served),
            Err(error) => Err(error),
        },
    };
    let held = matches!(outcome, Err(Error::Busy));
    (outcome, held)
}

fn choose(found: &[Found], selection: &Selection, served: bool) -> Result<Box<dyn Pipe>, Error> {
    match (found, &selection.serial) {
        ([], _) => Err(none(selection, served)),
        ([one], None) => pipe(&one.road),
        (several, None) => Err(ambiguous(several)),
        (several, Some(_)) => search(several, selection, served),
    }
}

/// Opens the token at the end of a road and powers its card.
///
/// # Errors
/// As [`open`].
pub fn open_road(road: &Road, patience: Duration) -> Result<Card, Error> {
    road.card(patience)
}

/// The pipes at the end of a road. The card behind them is not powered yet.
///
/// # Errors
/// [`Error::Busy`] when another program holds the token, and the road's own.
pub fn pipe(road: &Road) -> Result<Box<dyn Pipe>, Error> {
    Ok(match road {
        Road::UsbIp { address, bus_id } => Box::new(Link::import(address, bus_id)?),
        Road::Usb { place } => Box::new(Libusb::open(*place)?),
        Road::Pcsc { .. } => return Err(Error::Invalid("a PC/SC service shows no USB pipes of its readers")),
    })
}

/// The token with the right serial number. A token that is busy cannot be asked for its number.
fn search(found: &[Found], selection: &Selection, served: bool) -> Result<Box<dyn Pipe>, Error> {
    let mut busy = false;
    for token in found {
        match with_serial(&token.road, selection) {
            Ok(Some(pipe)) => return Ok(pipe),
            Ok(None) => {}
            Err(Error::Busy) => busy = true,
            Err(error) => return Err(error),
        }
    }
    Err(if busy { Error::Busy } else { none(selection, served) })
}

/// Opens a token if it has the serial number that is asked for, or if none is asked for.
fn with_serial(road: &Road, selection: &Selection) -> Result<Option<Box<dyn Pipe>>, Error> {
    let mut pipe = pipe(road)?;
    let fits = selection.serial.is_none() || pipe.serial()? == selection.serial;
    Ok(fits.then_some(pipe))
}

fn none(selection: &Selection, served: bool) -> Error {
    let serial = selection.serial.as_ref().map_or(String::new(), |serial| format!(" with serial {serial}"));
    let (address, _) = selection.place();
    Error::NotFound(if served {
        format!(
            "no token{serial} is free at {address}: another program may hold it, or it is unplugged; `ushield ls` \
             shows them, `ushield plug` plugs one in"
        )
    } else {
        format!(
            "no token{serial} was found, neither at {address} nor on USB: start one with `ushield up`, plug one in, \
             or say where it is with {ENVIRONMENT}=HOST:PORT"
        )
    })
}

fn ambiguous(found: &[Found]) -> Error {
    let roads: Vec<String> = found.iter().map(|token| token.road.to_string()).collect();
    let how = match &found[0].road {
        Road::UsbIp { .. } => format!("name one, for example {ENVIRONMENT}={}", roads[0]),
        Road::Usb { .. } | Road::Pcsc { .. } => "name one by its serial number, or unplug the others".into(),
    };
    Error::Ambiguous(format!("{} tokens were found ({}): {how}", roads.len(), roads.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_every_form() {
        let mut selection = Selection::default();
        assert_eq!(selection.place(), ("127.0.0.1:3240", None));
        selection = Selection::usbip("[::1]:9/1-2");
        assert_eq!(selection.place(), ("[::1]:9", Some("1-2")));
        selection.bus_id = Some("1-3".into());
        assert_eq!(selection.place(), ("[::1]:9", Some("1-3")));
    }

    #[test]
    fn a_name_is_a_bus_id_or_a_serial_number() {
        for name in ["1-1", "3-2.4", "12-1.10.3"] {
            let selection = Selection::default().named(name);
            assert_eq!((selection.bus_id.as_deref(), selection.serial), (Some(name), None));
        }
        for name in ["00C0FFEE", "1-", "-1", "1-1.", "1-A", "1", ""] {
            let selection = Selection::default().named(name);
            assert_eq!((selection.serial.as_deref(), selection.bus_id), (Some(name), None));
        }
    }

    #[test]
    fn the_config_file_fills_in_what_nobody_chose() {
        let config = || Config { usbip: Some("c:1".into()), serial: Some("C0".into()), ..Config::default() };
        let filled = Selection::default().or(config());
        assert_eq!((filled.usbip.as_deref(), filled.serial.as_deref()), (Some("c:1"), Some("C0")));
        let named = Selection::usbip("h:2").or(config());
        assert_eq!((named.usbip.as_deref(), named.serial.as_deref()), (Some("h:2"), None));
        let serial = Selection { serial: Some("D1".into()), ..Selection::default() }.or(config());
        assert_eq!((serial.usbip.as_deref(), serial.serial.as_deref()), (Some("c:1"), Some("D1")));
    }

    #[test]
    fn what_to_type() {
        let found = |bus_id: &str| Found {
            road: Road::UsbIp { address: "127.0.0.1:3240".into(), bus_id: bus_id.into() },
            id: (0x163C, 0x0407),
        };
        let text = ambiguous(&[found("1-1"), found("1-2")]).to_string();
        assert!(text.contains("USHIELD_USBIP=127.0.0.1:3240/1-1") && text.contains("1-2"), "{text}");
        assert!(none(&Selection::default(), false).to_string().contains("ushield up"));
    }
}
