//! Tokens on this machine's own bus, by libusb. libusb is linked in, so that nothing has to be installed.

use std::time::Duration;

use rusb::{Context, Device, DeviceHandle, UsbContext};
use wire::usb::{DeviceDescriptor, Setup};

use crate::{
    error::Error,
    pipe::{CONTROL_TIMEOUT, Interface, Pipe, SMART_CARD, Secret},
};

/// idVendor and idProduct of the brands that we know. Other smart card readers are left alone, because whoever claims
/// a reader takes it from the program that uses it.
pub const KNOWN: [(u16, u16); 6] = [
    (0x163C, 0x0407),
    (0xA625, 0x0801),
    (0x0E0F, 0x0004),
    (0x1209, 0x0001),
    (0x1209, 0x0002),
    (0x1209, 0x0003),
];
/// How long a token may take to take a command.
const OUT_TIMEOUT: Duration = Duration::from_secs(10);

/// A token on the bus, not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Bus number and device address: they change when the token is plugged in again.
    pub place: (u8, u8),
    /// idVendor and idProduct.
    pub id: (u16, u16),
}

/// The smart card readers of known brands on the bus. Empty when there is no bus, or no right to look at the bus.
pub fn list() -> Vec<Found> {
    Context::new()
        .map_or_else(|_| Vec::new(), |context| tokens(&context).into_iter().map(|(found, _)| found).collect())
}

fn tokens(context: &Context) -> Vec<(Found, Device<Context>)> {
    let Ok(devices) = context.devices() else { return Vec::new() };
    let token = |device: Device<Context>| {
        let descriptor = device.device_descriptor().ok()?;
        let id = (descriptor.vendor_id(), descriptor.product_id());
        (KNOWN.contains(&id) && is_reader(&device))
            .then(|| (Found { place: (device.bus_number(), device.address()), id }, device))
    };
    devices.iter().filter_map(token).collect()
}

/// Whether an interface of class 0B is there (CCID 1.1, 4.3).
fn is_reader(device: &Device<Context>) -> bool {
    device.config_descriptor(0).is_ok_and(|configuration| {
        configuration
            .interfaces()
            .flat_map(|interface| interface.descriptors())
            .any(|descriptor| descriptor.class_code() == SMART_CARD)
    })
}

/// A token that this process holds. Dropping it gives the interface back, also to the kernel's driver.
pub struct Libusb {
    // The handle has a libusb context of its own: libusb's event thread ends with that context, and no thread is left
    // in the process.
    handle: DeviceHandle<Context>,
    interface: Interface,
}

impl Libusb {
    /// Opens the token at a place of [`list`] and claims its CCID interface.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the right to open the token, [`Error::Busy`] when another program holds the
    /// token, [`Error::NotFound`] when the token is gone.
    pub fn open(place: (u8, u8)) -> Result<Self, Error> {
        let context = Context::new().map_err(fault)?;
        let (_, device) = tokens(&context)
            .into_iter()
            .find(|(found, _)| found.place == place)
            .ok_or_else(|| Error::NotFound(format!("no token at USB bus {}, device {}", place.0, place.1)))?;
        let interface = describe(&device)?;
        let handle = device.open().map_err(|error| opening(error, &interface))?;
        // On a system that cannot detach drivers, no driver is in the way.
        let _ = handle.set_auto_detach_kernel_driver(true);
        if handle.active_configuration().map_err(fault)? != interface.configuration {
            handle.set_active_configuration(interface.configuration).map_err(fault)?;
        }
        handle.claim_interface(interface.number).map_err(|error| opening(error, &interface))?;
        Ok(Self { handle, interface })
    }
}

/// The descriptors as [`Interface`] reads them.
fn describe(device: &Device<Context>) -> Result<Interface, Error> {
    let found = device.device_descriptor().map_err(fault)?;
    let release = found.device_version();
    let descriptor = DeviceDescriptor {
        usb: version(found.usb_version()),
        class: [found.class_code(), found.sub_class_code(), found.protocol_code()],
        max_packet: found.max_packet_size(),
        vendor: found.vendor_id(),
        product: found.product_id(),
        release: version(release),
        strings: [
            found.manufacturer_string_index().unwrap_or(0),
            found.product_string_index().unwrap_or(0),
            found.serial_number_string_index().unwrap_or(0),
        ],
        configurations: found.num_configurations(),
    };
    let configuration = device.config_descriptor(0).map_err(fault)?;
    let mut bytes = vec![9, wire::usb::descriptor::CONFIGURATION, 0, 0, 0, configuration.number(), 0, 0, 0];
    for interface in configuration.interfaces() {
        for setting in interface.descriptors() {
            let class = [setting.class_code(), setting.sub_class_code(), setting.protocol_code()];
            let one = wire::usb::InterfaceDescriptor {
                number: setting.interface_number(),
                alternate: setting.setting_number(),
                endpoints: setting.num_endpoints(),
                class,
                string: 0,
            };
            bytes.extend(one.bytes());
            bytes.extend(setting.extra()); // the class descriptor
            for endpoint in setting.endpoint_descriptors() {
                let kind = match endpoint.transfer_type() {
                    rusb::TransferType::Control => 0,
                    rusb::TransferType::Isochronous => 1,
                    rusb::TransferType::Bulk => 2,
                    rusb::TransferType::Interrupt => 3,
                };
                let one = wire::usb::EndpointDescriptor {
                    address: endpoint.address(),
                    attributes: kind,
                    max_packet: endpoint.max_packet_size(),
                    interval: endpoint.interval(),
                };
                bytes.extend(one.bytes());
            }
        }
    }
    Interface::find(descriptor, &bytes)
}

/// Binary-coded decimal, as descriptors have it.
fn version(version: rusb::Version) -> u16 {
    let major = u16::from(version.major());
    (major / 10) << 12 | (major % 10) << 8 | u16::from(version.minor()) << 4 | u16::from(version.sub_minor())
}

impl Pipe for Libusb {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        let Setup { request_type, request, value, index, length } = setup;
        if setup.is_in() {
            let mut answer = vec![0; length.into()];
            let read =
                self.handle.read_control(request_type, request, value, index, &mut answer, CONTROL_TIMEOUT);
            answer.truncate(read.map_err(fault)?);
            return Ok(answer);
        }
        self.handle
            .write_control(request_type, request, value, index, data, CONTROL_TIMEOUT)
            .map_err(fault)?;
        Ok(Vec::new())
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        let sent = self.handle.write_bulk(self.interface.bulk_out, data, OUT_TIMEOUT).map_err(fault)?;
        if sent == data.len() { Ok(()) } else { Err(Error::TimedOut("the token to take a command")) }
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), Error> {
        let mut data = Secret::new(vec![0; max]);
        let read =
            self.handle.read_bulk(self.interface.bulk_in, &mut data, at_least(timeout)).map_err(fault)?;
        into.extend_from_slice(data.get(..read).unwrap_or_default());
        Ok(())
    }

    fn interrupt_in(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        let Some((endpoint, max)) = self.interface.interrupt_in else { return Ok(None) };
        let mut data = vec![0; max.into()];
        match self.handle.read_interrupt(endpoint, &mut data, at_least(timeout)) {
            Ok(read) => {
                data.truncate(read);
                Ok(Some(data))
            }
            Err(rusb::Error::Timeout) => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    /// libusb resets the data toggle with it.
    fn clear_halt(&mut self, endpoint: u8) -> Result<(), Error> {
        self.handle.clear_halt(endpoint).map_err(fault)
    }
}

/// libusb takes a time-out of less than a millisecond for "for ever".
fn at_least(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}

/// Opening failed: what this user can do.
fn opening(error: rusb::Error, interface: &Interface) -> Error {
    match error {
        rusb::Error::Access => Error::Forbidden(format!(
            "no right to open the token on USB. On Linux put this line into /etc/udev/rules.d/70-ushield.rules, run \
             `sudo udevadm control --reload`, and plug the token in again:\nSUBSYSTEM==\"usb\", \
             ATTR{{idVendor}}==\"{:04x}\", ATTR{{idProduct}}==\"{:04x}\", TAG+=\"uaccess\"",
            interface.device.vendor, interface.device.product
        )),
        other => fault(other),
    }
}

fn fault(error: rusb::Error) -> Error {
    match error {
        rusb::Error::Timeout => Error::TimedOut("the token's answer"),
        rusb::Error::Pipe => Error::Stalled,
        rusb::Error::Busy => Error::Busy,
        // As over USB/IP: the line is whole, but the token sent more than its descriptors say.
        rusb::Error::Overflow => Error::nonsense("USB transfer", "more bytes than were asked for"),
        rusb::Error::NoDevice | rusb::Error::NotFound => {
            Error::Broken(std::io::ErrorKind::NotConnected.into())
        }
        other => Error::Broken(std::io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Machines without a bus (containers, CI) have no tokens there: that is no error, and it is quick.
    #[test]
    fn a_missing_bus_lists_nothing() {
        if Context::new().is_err() || !std::path::Path::new("/dev/bus/usb").exists() {
            assert_eq!(list(), []);
        }
        assert!(matches!(Libusb::open((250, 250)), Err(Error::NotFound(_) | Error::Broken(_))));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn no_thread_is_left_behind() {
        let named = || {
            std::fs::read_dir("/proc/self/task")
                .unwrap()
                .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
                .filter(|name| name.contains("libusb"))
                .count()
        };
        drop(list());
        assert_eq!(named(), 0);
    }

    #[test]
    fn no_right_says_which_rule_to_write() {
        let device = DeviceDescriptor {
            usb: 0x0200,
            class: [0; 3],
            max_packet: 64,
            vendor: 0x163C,
            product: 0x0407,
            release: 0,
            strings: [0; 3],
            configurations: 1,
        };
        let interface = Interface {
            device,
            configuration: 1,
            number: 0,
            bulk_out: 1,
            bulk_in: 0x82,
            interrupt_in: None,
            features: 0,
            max_message: 271,
        };
        let error = opening(rusb::Error::Access, &interface);
        assert!(matches!(&error, Error::Forbidden(text) if text.contains("udev") && text.contains("163c")));
        assert!(matches!(opening(rusb::Error::Busy, &interface), Error::Busy));
        assert_eq!(version(rusb::Version(2, 0, 1)), 0x0201);
        assert_eq!(version(rusb::Version(12, 3, 4)), 0x1234);
    }
}
