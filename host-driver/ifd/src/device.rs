//! DEVICENAME: which token a reader of pcscd's is.

use std::fmt;

use card::{Error, Pipe, road, usb};

use crate::code::Dword;

/// Which token, as DEVICENAME in `reader.conf` says it:
///
/// | text | token |
/// |---|---|
/// | `usbip:HOST:PORT` | the only token of that USB/IP server |
/// | `usbip:HOST:PORT/BUSID` | that one of its tokens |
/// | `usbip:unix:PATH` | the only token of the server at that Unix socket; `/BUSID` behind it names one of several |
/// | `usb:` | the only token on this machine's USB |
/// | `usb:VID/PID` | the only one with these IDs, four hexadecimal digits each |
/// | `usb:VID/PID:libudev:N:/dev/bus/usb/BUS/DEVICE` | the one at that place: what pcscd writes itself |
///
/// `,serial=SERIAL` after any of them names one of several by its serial number. pcscd takes a comma or a bracket between
/// double quotes only, and hands over the quotes with the name: `"usbip:[::1]:3240,serial=00C0FFEE"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    place: Place,
    serial: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    UsbIp(String),
    Usb { id: Option<(u16, u16)>, at: Option<(u8, u8)> },
}

impl Device {
    /// Reads a DEVICENAME.
    ///
    /// # Errors
    /// The name has none of the forms. The text says which forms there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
        let (place, serial) = match name.split_once(",serial=") {
            Some((place, serial)) if !serial.is_empty() => (place, Some(serial.to_owned())),
            Some(_) => return Err(wrong(name)),
            None => (name, None),
        };
        let place = match place.split_once(':') {
            Some(("usbip", server)) if !server.is_empty() => Place::UsbIp(server.to_owned()),
            Some(("usb", which)) => usb_place(which).ok_or_else(|| wrong(name))?,
            _ => return Err(wrong(name)),
        };
        Ok(Self { place, serial })
    }

    /// What a CHANNELID without DEVICENAME means: that port of this machine, 0 being USB/IP's own.
    ///
    /// # Errors
    /// The number is no port.
    pub fn channel(channel: Dword) -> Result<Self, String> {
        match u16::try_from(channel) {
            Ok(0) => Self::parse(&format!("usbip:{}", road::DEFAULT_ADDRESS)),
            Ok(port) => Self::parse(&format!("usbip:127.0.0.1:{port}")),
            Err(_) => Err(format!("CHANNELID {channel} is no port; name the token with a DEVICENAME line")),
        }
    }

    /// Opens the token's pipes in one try.
    pub(crate) fn reach(&self) -> Result<Box<dyn Pipe>, Error> {
        match &self.place {
            Place::UsbIp(server) => {
                let serial = self.serial.clone();
                road::reach_at_once(&road::Selection { serial, ..road::Selection::usbip(server) })
            }
            Place::Usb { id, at } => self.on_usb(*id, *at),
        }
    }

    fn on_usb(&self, id: Option<(u16, u16)>, at: Option<(u8, u8)>) -> Result<Box<dyn Pipe>, Error> {
        let mut fitting = Vec::new();
        for found in usb::list() {
            if id.is_some_and(|id| id != found.id) || at.is_some_and(|at| at != found.place) {
                continue;
            }
            let mut pipe = road::pipe(&road::Road::Usb { place: found.place })?;
            if self.serial.is_none() || pipe.serial()? == self.serial {
                fitting.push(pipe);
            }
        }
        match (fitting.pop(), fitting.is_empty()) {
            (Some(pipe), true) => Ok(pipe),
            (Some(_), false) => Err(Error::Ambiguous(format!(
                "more than one token on USB fits DEVICENAME {self}: add ,serial=SERIAL to it"
            ))),
            (None, _) => Err(Error::NotFound(format!("no token on USB fits DEVICENAME {self}"))),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::UsbIp(server) => write!(f, "usbip:{server}")?,
            Place::Usb { id, at } => {
                f.write_str("usb:")?;
                if let Some((vendor, product)) = id {
                    write!(f, "{vendor:04x}/{product:04x}")?;
                }
                if let Some((bus, device)) = at {
                    write!(f, " at bus {bus}, device {device}")?;
                }
            }
        }
        self.serial.as_ref().map_or(Ok(()), |serial| write!(f, ",serial={serial}"))
    }
}

/// What follows `usb:`.
fn usb_place(which: &str) -> Option<Place> {
    if which.is_empty() {
        return Some(Place::Usb { id: None, at: None });
    }
    let (id, rest) = which.split_once(':').map_or((which, None), |(id, rest)| (id, Some(rest)));
    let (vendor, product) = id.split_once('/')?;
    // Only digits are taken: the parser of numbers would take a sign, too.
    let digits = |text: &str| text.len() == 4 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let id = |text: &str| u16::from_str_radix(text, 16).ok().filter(|_| digits(text));
    let id = Some((id(vendor)?, id(product)?));
    let at = match rest {
        Some(rest) => Some(udev_place(rest)?),
        None => None,
    };
    Some(Place::Usb { id, at })
}

/// `libudev:INTERFACE:/dev/bus/usb/BUS/DEVICE` (`ifdhandler.h`, IFDHCreateChannelByName).
fn udev_place(text: &str) -> Option<(u8, u8)> {
    let path = text.strip_prefix("libudev:")?.split_once(':')?.1;
    let (bus, device) = path.strip_prefix("/dev/bus/usb/")?.split_once('/')?;
    Some((bus.parse().ok()?, device.parse().ok()?))
}

fn wrong(name: &str) -> String {
    format!(
        "DEVICENAME {name:?} names no token: write usbip:HOST:PORT, usbip:HOST:PORT/BUSID, usb: or usb:VID/PID, and \
         ,serial=SERIAL after it where there are several"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_form() {
        let usb = |id, at| Device { place: Place::Usb { id, at }, serial: None };
        let usbip = |server: &str, serial: Option<&str>| Device {
            place: Place::UsbIp(server.into()),
            serial: serial.map(Into::into),
        };
        for (text, device) in [
            ("usbip:127.0.0.1:3240", usbip("127.0.0.1:3240", None)),
            ("usbip:unix:/run/u/3240.usbip/1-1", usbip("unix:/run/u/3240.usbip/1-1", None)),
            ("usbip:[::1]:9/1-2", usbip("[::1]:9/1-2", None)),
            ("usbip:host:9,serial=00C0FFEE", usbip("host:9", Some("00C0FFEE"))),
            ("\"usbip:[::1]:9,serial=00C0FFEE\"", usbip("[::1]:9", Some("00C0FFEE"))),
            ("usb:", usb(None, None)),
            ("usb:163c/0407", usb(Some((0x163C, 0x0407)), None)),
            ("usb:163c/0407:libudev:0:/dev/bus/usb/008/116", usb(Some((0x163C, 0x0407)), Some((8, 116)))),
        ] {
            assert_eq!(Device::parse(text).as_ref(), Ok(&device), "{text}");
        }
        assert_eq!(Device::channel(0), Device::parse("usbip:127.0.0.1:3240"));
        assert_eq!(Device::channel(9), Device::parse("usbip:127.0.0.1:9"));
    }

    #[test]
    fn other_names_are_refused_with_those_that_there_are() {
        for text in [
            "",
            "/dev/ttyS0",
            "usbip:",
            "usb",
            "usb:163c",
            "usb:+63c/0407",
            "usb:16/4",
            "usb:163c/0407:libudev:0",
            "usb:163c/0407:libudev:0:/dev/bus/usb/999/1",
            "usb:163c/0407:libusb-1.0:7:99:0",
            "usb:,serial=",
        ] {
            assert!(Device::parse(text).unwrap_err().contains("usbip:HOST:PORT"), "{text}");
        }
        assert!(Device::channel(0x8C7B_0000).is_err());
    }
}
