//! Where the device at a port comes from. The kernel does not know; the stock tool keeps a file for each port, and we keep
//! the same, so that either tool knows what the other attached (Linux, tools/usb/usbip/libsrc/vhci_driver.c).

use std::{fs, io, os::unix::fs::DirBuilderExt};

use serde::Serialize;

use crate::system::System;

const FOLDER: &str = "/var/run/vhci_hcd";

/// A token of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Origin {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The server's name of it.
    pub(crate) bus_id: String,
}

impl Origin {
    /// `address` is HOST, HOST:PORT or [HOST]:PORT, as it is typed.
    pub(crate) fn new(address: &str, bus_id: &str) -> Self {
        let (host, port) = match address.rsplit_once(':') {
            // More colons without brackets are an IPv6 address without a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (address, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self { host, port: port.unwrap_or(wire::usbip::PORT), bus_id: bus_id.to_owned() }
    }

    /// Of the device at a port, if one of the tools attached it.
    pub(crate) fn of(system: &System, number: u16) -> Option<Self> {
        let text = system.text(file(number))?;
        let mut words = text.split_whitespace();
        let (host, port, bus_id) = (words.next()?, words.next()?, words.next()?);
        Some(Self { host: host.into(), port: port.parse().ok()?, bus_id: bus_id.into() })
    }

    /// Writes it down.
    pub(crate) fn keep(&self, system: &System, number: u16) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(system.path(FOLDER))?;
        let Self { host, port, bus_id } = self;
        fs::write(system.path(file(number)), format!("{host} {port} {bus_id}\n"))
    }

    /// The device at a port has gone.
    pub(crate) fn forget(system: &System, number: u16) {
        // Either may be gone already; the folder stays while another port has a file.
        let _ = fs::remove_file(system.path(file(number)));
        let _ = fs::remove_dir(system.path(FOLDER));
    }
}

fn file(number: u16) -> String {
    format!("{FOLDER}/port{number}")
}
