//! Where the device at a port comes from. The kernel does not know that. The stock tool `usbip` keeps a file for each port,
//! and this program keeps the same files, so that either knows what the other has attached (Linux, tools/usb/usbip/libsrc/vhci_driver.c).

use std::{fs, io, os::unix::fs::DirBuilderExt};

use serde::Serialize;

use crate::system::System;

const FOLDER: &str = "/var/run/vhci_hcd";

/// A token of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// A name or an address, without brackets.
    pub host: String,
    /// The server's TCP port.
    pub port: u16,
    /// The server's name of the token.
    pub bus_id: String,
}

impl Origin {
    /// `address` is HOST, HOST:PORT or [HOST]:PORT, as it is typed.
    pub fn new(address: &str, bus_id: &str) -> Self {
        let (host, port) = match address.rsplit_once(':') {
            // More colons without brackets are an IPv6 address without a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (address, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self { host, port: port.unwrap_or(wire::usbip::PORT), bus_id: bus_id.to_owned() }
    }

    /// The origin of the device at a port, if this program or the stock tool attached it.
    pub fn of(system: &System, number: u16) -> Option<Self> {
        let text = system.text(file(number))?;
        let mut words = text.split_whitespace();
        let (host, port, bus_id) = (words.next()?, words.next()?, words.next()?);
        Some(Self { host: host.into(), port: port.parse().ok()?, bus_id: bus_id.into() })
    }

    /// Writes the origin of the device at a port down.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, system: &System, number: u16) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(system.path(FOLDER))?;
        let Self { host, port, bus_id } = self;
        fs::write(system.path(file(number)), format!("{host} {port} {bus_id}\n"))
    }

    /// Removes what was written down of a port, whose device has gone.
    pub fn forget(system: &System, number: u16) {
        // An error says that the file was gone already, or that the folder has the file of another port.
        let _ = fs::remove_file(system.path(file(number)));
        let _ = fs::remove_dir(system.path(FOLDER));
    }
}

fn file(number: u16) -> String {
    format!("{FOLDER}/port{number}")
}
