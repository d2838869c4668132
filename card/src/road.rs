//! Which token is opened, and by which road. Nothing else decides that.
//!
//! The roads are tried in this order: what the caller names; the PC/SC service at `PCSCLITE_CSOCK_NAME`; the USB/IP
//! server that `USHIELD_USBIP` names. Where neither variable is set, and the config file names nothing, the order is:
//! the system's pcscd if one of its readers shows a token; the USB/IP server of this user's at its Unix socket
//! (`file::socket`); the USB/IP server at 127.0.0.1:3240; the machine's own USB.

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
    socket,
    usb::{self, Libusb},
    usbip::{self, Link, is_bus_id},
};

/// The environment variable that says where the USB/IP server is: `HOST:PORT` or `unix:PATH`, either with `/BUSID` behind it.
pub const ENVIRONMENT: &str = "USHIELD_USBIP";
/// Where `ushield up` listens for machines unless told otherwise.
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
    /// The USB/IP server, `HOST:PORT` or `unix:PATH`, either with `/BUSID` behind it; `None` looks at the user's own Unix
    /// socket, at [`DEFAULT_ADDRESS`], then at USB.
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

    /// The server at `address`, `HOST:PORT` or `unix:PATH`, either with `/BUSID` behind it.
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

    /// The addresses of the servers to ask, in this order: the one that is named, or else the user's own sockets and then
    /// [`DEFAULT_ADDRESS`]. A socket whose path is not UTF-8 is left out, because an address is a text.
    pub fn servers(&self) -> Vec<String> {
        if let Some(named) = &self.usbip {
            return vec![usbip::place(named).0.into()];
        }
        let own = socket::standard().into_iter().filter_map(|path| path.into_os_string().into_string().ok());
        own.map(|path| format!("{}{path}", wire::usbip::UNIX)).chain([DEFAULT_ADDRESS.into()]).collect()
    }

    /// What the first of [`Self::servers`] says that is there, and its address. Nobody listens at a socket that a killed server
    /// has left.
    ///
    /// # Errors
    /// The error of the last server that was asked.
    pub fn ask_first<T>(&self, ask: impl Fn(&str) -> Result<T, Error>) -> Result<(T, String), Error> {
        let mut outcome = Err(Error::NotFound("there is no server to ask".into()));
        for server in self.servers() {
            outcome = ask(&server).map(|told| (told, server));
            if !matches!(outcome, Err(Error::NotFound(_))) {
                break;
            }
        }
        outcome
    }

    /// The bus id. It may stand beside the server or behind it.
    fn bus_id(&self) -> Option<&str> {
        let behind = || self.usbip.as_deref().and_then(|named| usbip::place(named).1);
        self.bus_id.as_deref().or_else(behind)
    }
}

/// The way to one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Road {
    /// By a USB/IP server.
    UsbIp {
        /// `HOST:PORT`, or `unix:PATH`.
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

/// [`discover`] on USB/IP and USB, and the USB/IP server that is there. A server whose list is empty may have tokens that
/// other programs hold.
fn look(selection: &Selection) -> Result<(Vec<Found>, Option<String>), Error> {
    let bus_id = selection.bus_id();
    let (exported, server) = match selection.ask_first(usbip::list_with_interfaces) {
        Err(Error::NotFound(_)) if selection.usbip.is_none() => (Vec::new(), None),
        other => other.map(|(exported, server)| (exported, Some(server)))?,
    };
    let mut found: Vec<Found> = exported
        .into_iter()
        .filter(|exported| {
            exported.is_reader() && bus_id.is_none_or(|bus_id| exported.device.bus_id == bus_id)
        })
        .map(|exported| Found {
            id: (exported.device.vendor, exported.device.product),
            road: Road::UsbIp { address: server.clone().unwrap_or_default(), bus_id: exported.device.bus_id },
        })
        .collect();
    if selection.usbip.is_none() && bus_id.is_none() && found.is_empty() {
        let on_bus = usb::list();
        found.extend(
            on_bus.into_iter().map(|token| Found { road: Road::Usb { place: token.place }, id: token.id }),
        );
    }
    Ok((found, server))
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
    let outcome = match selection.bus_id() {
        // The bus id names the token. A server's list leaves out a token that is held, but an import says that the
        // token is busy.
        Some(bus_id) => {
            let import = |address: &str| {
                let road = Road::UsbIp { address: address.into(), bus_id: bus_id.into() };
                with_serial(&road, selection)
            };
            selection
                .ask_first(import)
                .and_then(|(pipe, server)| pipe.ok_or_else(|| none(selection, Some(&server))))
        }
        None => match look(selection) {
            Ok((found, Some(server))) if found.is_empty() => {
                return (Err(none(selection, Some(&server))), true);
            }
            Ok((found, server)) => choose(&found, selection, server.as_deref()),
            Err(error) => Err(error),
        },
    };
    let held = matches!(outcome, Err(Error::Busy));
    (outcome, held)
}

fn choose(found: &[Found], selection: &Selection, server: Option<&str>) -> Result<Box<dyn Pipe>, Error> {
    match (found, &selection.serial) {
        ([], _) => Err(none(selection, server)),
        ([one], None) => pipe(&one.road),
        (several, None) => Err(ambiguous(several)),
        (several, Some(_)) => search(several, selection, server),
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
fn search(found: &[Found], selection: &Selection, server: Option<&str>) -> Result<Box<dyn Pipe>, Error> {
    let mut busy = false;
    for token in found {
        match with_serial(&token.road, selection) {
            Ok(Some(pipe)) => return Ok(pipe),
            Ok(None) => {}
            Err(Error::Busy) => busy = true,
            Err(error) => return Err(error),
        }
    }
    Err(if busy { Error::Busy } else { none(selection, server) })
}

/// Opens a token if it has the serial number that is asked for, or if none is asked for.
fn with_serial(road: &Road, selection: &Selection) -> Result<Option<Box<dyn Pipe>>, Error> {
    let mut pipe = pipe(road)?;
    let fits = selection.serial.is_none() || pipe.serial()? == selection.serial;
    Ok(fits.then_some(pipe))
}

fn none(selection: &Selection, server: Option<&str>) -> Error {
    let serial = selection.serial.as_ref().map_or(String::new(), |serial| format!(" with serial {serial}"));
    Error::NotFound(match server {
        Some(address) => format!(
            "no token{serial} is free at {address}: another program may hold it, or it is unplugged; `ushield ls` \
             shows them, `ushield plug` plugs one in"
        ),
        None => format!(
            "no token{serial} was found, neither at {DEFAULT_ADDRESS} nor on USB: start one with `ushield up`, plug one \
             in, or say where it is with {ENVIRONMENT}=HOST:PORT"
        ),
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
    fn a_server_that_is_named_is_the_only_one_that_is_asked() {
        let mut selection = Selection::usbip("[::1]:9/1-2");
        assert_eq!((selection.servers(), selection.bus_id()), (vec!["[::1]:9".to_owned()], Some("1-2")));
        selection.bus_id = Some("1-3".into());
        assert_eq!(selection.bus_id(), Some("1-3"));
        let unix = Selection::usbip("unix:/s/3240.usbip");
        assert_eq!((unix.servers(), unix.bus_id()), (vec!["unix:/s/3240.usbip".to_owned()], None));
        // The last resort of whoever names none.
        let all = Selection::default().servers();
        assert_eq!(all.last().map(String::as_str), Some("127.0.0.1:3240"));
        assert!(all.iter().rev().skip(1).all(|own| own.starts_with("unix:/")), "{all:?}");
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
        assert!(none(&Selection::default(), None).to_string().contains("ushield up"));
    }
}
