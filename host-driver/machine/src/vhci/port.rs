//! The lines of vhci's `status` files.

use std::fmt;

use serde::Serialize;

/// A port of the virtual hubs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number over all controllers.
    pub number: u16,
    /// The port's hub. Kernels before 4.13 have one hub only, and do not name it.
    pub hub: Option<Hub>,
    /// What the port does.
    pub state: State,
    /// The kernel's name of the device there, such as `3-1`.
    pub bus_id: Option<String>,
}

impl Port {
    /// Whether a device for that hub goes here.
    pub fn takes(&self, hub: Hub) -> bool {
        self.hub.is_none_or(|own| own == hub)
    }
}

/// Each controller has two hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hub {
    /// USB 2: low, full and high speed.
    HighSpeed,
    /// USB 3.
    SuperSpeed,
}

impl Hub {
    /// The hub for a speed (enum usb_device_speed; 5 is super speed).
    pub const fn of(speed: u32) -> Self {
        if speed >= 5 { Self::SuperSpeed } else { Self::HighSpeed }
    }
}

impl fmt::Display for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::HighSpeed => "high-speed",
            Self::SuperSpeed => "super-speed",
        })
    }
}

/// enum usbip_device_status of the kernel, the client's half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// VDEV_ST_NULL.
    Free,
    /// VDEV_ST_NOTASSIGNED: it has a stream, and no address yet.
    Taken,
    /// VDEV_ST_USED.
    Used,
    /// VDEV_ST_ERROR.
    Error,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Free => "free",
            Self::Taken => "enumerating",
            Self::Used => "in use",
            Self::Error => "error",
        })
    }
}

/// Reads one `status` file. Its first line names the columns, which differ between kernels.
pub(super) fn parse(text: &str) -> Result<Vec<Port>, String> {
    let mut lines = text.lines();
    let Some(head) = lines.next() else { return Ok(Vec::new()) };
    let names: Vec<&str> = head.split_whitespace().collect();
    let column = |wanted: &[&str]| {
        names.iter().position(|name| wanted.contains(name)).ok_or_else(|| format!("no column {}", wanted[0]))
    };
    let (number, state, hub) = (column(&["port", "prt"])?, column(&["sta"])?, column(&["hub"]).ok());
    let bus_id = column(&["local_busid"])?;
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let word = |at: usize| words.get(at).copied().ok_or_else(|| format!("{line:?} is cut short"));
            Ok(Port {
                number: word(number)?.parse().map_err(|_| format!("{line:?} has no port number"))?,
                hub: hub.map(|at| hub_of(word(at)?)).transpose()?,
                state: state_of(word(state)?)?,
                // "0-0" is none; a port that enumerates may show a device that has no name yet.
                bus_id: words.get(bus_id).filter(|name| **name != "0-0").map(|name| (*name).to_owned()),
            })
        })
        .collect()
}

fn hub_of(word: &str) -> Result<Hub, String> {
    match word {
        "hs" => Ok(Hub::HighSpeed),
        "ss" => Ok(Hub::SuperSpeed),
        other => Err(format!("no such hub: {other}")),
    }
}

fn state_of(word: &str) -> Result<State, String> {
    match word.parse() {
        Ok(4) => Ok(State::Free),
        Ok(5) => Ok(State::Taken),
        Ok(6) => Ok(State::Used),
        Ok(7) => Ok(State::Error),
        _ => Err(format!("no such state: {word}")),
    }
}
