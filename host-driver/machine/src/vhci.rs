//! The kernel's virtual USB host controller, by its files below /sys (Linux, drivers/usb/usbip/vhci_sysfs.c): a stream
//! that a USB/IP server has handed over is given to it, and it makes a USB device of it.

mod device;
mod missing;
mod origin;
mod port;

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Write},
    os::fd::{AsFd, AsRawFd},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;

pub use device::UsbDevice;
pub use missing::Missing;
pub use origin::Origin;
pub use port::{Hub, Port, State};

use terminal::Failure;

use crate::system::System;

const PLATFORM: &str = "/sys/devices/platform";
/// Between two looks at the port's state.
const PAUSE: Duration = Duration::from_millis(25);

/// The virtual host controllers. The first controller's folder has the files of all of them.
pub struct Vhci<'a> {
    system: &'a System,
    folder: PathBuf,
}

impl<'a> Vhci<'a> {
    /// The controller of this kernel.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(system: &'a System) -> Result<Self, Missing> {
        let folder = system
            .names(PLATFORM)
            .into_iter()
            .filter(|name| name.starts_with("vhci_hcd"))
            .map(|name| PathBuf::from(PLATFORM).join(name))
            .find(|folder| system.has(folder.join("attach")));
        folder.map(|folder| Self { system, folder }).ok_or_else(|| Missing::of(system))
    }

    /// The controller. Its module is loaded first if that is needed.
    ///
    /// # Errors
    /// There is no controller, and the failure says why.
    pub fn load(system: &'a System) -> Result<Self, Failure> {
        match Self::find(system) {
            Err(missing @ Missing::NotLoaded) => {
                let ran = system.run("modprobe", &["vhci-hcd"]);
                let complaint = match &ran {
                    Ok(ran) if ran.is_good() => {
                        "modprobe said nothing, and the controller is not there".into()
                    }
                    Ok(ran) => ran.complaint(),
                    Err(error) => format!("modprobe: {error}"),
                };
                Self::find(system).map_err(|_| missing.failure().because(complaint))
            }
            other => other.map_err(|missing| missing.failure()),
        }
    }

    /// All ports, in the order of their numbers.
    ///
    /// # Errors
    /// The kernel's list was not understood.
    pub fn ports(&self) -> Result<Vec<Port>, Failure> {
        let mut ports = Vec::new();
        for name in self.system.names(&self.folder) {
            if name == "status" || name.strip_prefix("status.").is_some_and(|rest| rest.parse::<u8>().is_ok())
            {
                let text = self.system.text(self.folder.join(&name)).unwrap_or_default();
                ports.extend(port::parse(&text).map_err(|why| {
                    Failure::new("the kernel's list of USB/IP ports was not understood")
                        .because(format!("{}: {why}", self.folder.join(&name).display()))
                })?);
            }
        }
        ports.sort_by_key(|port| port.number);
        Ok(ports)
    }

    /// Gives the kernel a stream, at the first free port of the right hub. Returns the port's number.
    ///
    /// # Errors
    /// No port is free, or the kernel refuses.
    pub fn attach(&self, stream: &impl AsFd, device: u32, speed: u32) -> Result<u16, Failure> {
        let descriptor = stream.as_fd().as_raw_fd();
        let hub = Hub::of(speed);
        let free = self.ports()?.into_iter().filter(|port| port.state == State::Free && port.takes(hub));
        for Port { number, .. } in free {
            match self.write("attach", &format!("{number} {descriptor} {device} {speed}")) {
                Ok(()) => return Ok(number),
                // Another program was quicker.
                Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => {}
                Err(error) => return Err(self.refused("attach", &error)),
            }
        }
        Err(Failure::new("the token was not attached")
            .because(format!("all {hub} ports of the kernel's vhci_hcd are taken"))
            .next("see them with `ushield ports`, and free one with `sudo ushield detach PORT`"))
    }

    /// Waits until the kernel has enumerated the device at a port, and returns the device. A device that is not enumerated in
    /// time is taken from the kernel.
    ///
    /// # Errors
    /// The kernel did not enumerate it.
    pub fn enumerated(&self, number: u16, patience: Duration) -> Result<UsbDevice, Failure> {
        let end = Instant::now() + patience;
        let mut last = None;
        // One look at least: a machine may be so busy that the time is over before the first.
        loop {
            let port = self.port(number)?;
            match port.state {
                State::Used => {
                    let found = port.bus_id.and_then(|bus_id| UsbDevice::read(self.system, &bus_id));
                    match found {
                        Some(device) if device.configured => return Ok(device),
                        other => last = other,
                    }
                }
                State::Taken => {}
                State::Free | State::Error => {
                    return Err(Failure::new("the token was not attached")
                        .because("the kernel let it go while it enumerated it")
                        .next("the kernel's reasons are at the end of `sudo dmesg`; try again"));
                }
            }
            if Instant::now() >= end {
                break;
            }
            thread::sleep(PAUSE);
        }
        // Nobody waits until the port is free: the command fails in any case.
        let _ = self.write("detach", &number.to_string());
        let failure = Failure::new("the token was not attached");
        Err(match last {
            Some(UsbDevice { authorized: false, bus_id, .. }) => failure
                .because("the kernel does not authorize new USB devices: USBGuard, or authorized_default")
                .next(format!("allow it: echo 1 | sudo tee /sys/bus/usb/devices/{bus_id}/authorized")),
            _ => failure
                .because(format!("the kernel did not enumerate it within {} s", patience.as_secs()))
                .next("the kernel's reasons are at the end of `sudo dmesg`; try again"),
        })
    }

    /// Takes a device from the kernel, and waits until its port is free.
    ///
    /// # Errors
    /// The kernel refuses, or the port does not become free.
    pub fn detach(&self, number: u16) -> Result<(), Failure> {
        self.write("detach", &number.to_string()).map_err(|error| self.refused("detach", &error))?;
        let end = Instant::now() + Duration::from_secs(5);
        while self.port(number)?.state != State::Free {
            if Instant::now() >= end {
                return Err(Failure::new(format!("port {number} is not free yet"))
                    .because("the kernel still ends the device")
                    .next("look again with `ushield ports`; the kernel's reasons are in `sudo dmesg`"));
            }
            thread::sleep(PAUSE);
        }
        Origin::forget(self.system, number);
        Ok(())
    }

    fn port(&self, number: u16) -> Result<Port, Failure> {
        let found = self.ports()?.into_iter().find(|port| port.number == number);
        found.ok_or_else(|| Failure::new(format!("there is no port {number}")).next("see `ushield ports`"))
    }

    /// Writes a command, in one system call: the kernel takes each write as a command.
    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .open(self.system.path(self.folder.join(name)))?
            .write_all(text.as_bytes())
    }

    fn refused(&self, deed: &str, error: &io::Error) -> Failure {
        let failure = Failure::new(format!("the kernel refused to {deed}"))
            .because(format!("{}: {error}", self.folder.join(deed).display()));
        match error.kind() {
            ErrorKind::PermissionDenied => failure.next("run it with sudo"),
            ErrorKind::ReadOnlyFilesystem => {
                failure.next("/sys is read-only here, as in a container: attach on the machine itself")
            }
            _ => failure.next("the kernel's reasons are at the end of `sudo dmesg`"),
        }
    }
}

/// Refuses everybody but root. `command` is what to type after `sudo`.
///
/// # Errors
/// Another user runs us.
pub fn check_root(system: &System, command: &str) -> Result<(), Failure> {
    if system.is_root() {
        return Ok(());
    }
    Err(Failure::new("only root may do this")
        .because("the kernel's USB/IP ports belong to root")
        .next(format!("sudo {command}")))
}

#[cfg(test)]
mod tests;
