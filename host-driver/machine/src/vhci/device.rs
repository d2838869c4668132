//! A USB device as the kernel has enumerated it (Linux, Documentation/ABI/stable/sysfs-bus-usb).

use std::path::PathBuf;

use serde::Serialize;

use crate::system::System;

const DEVICES: &str = "/sys/bus/usb/devices";
/// The smart card class (CCID 1.1, 4.3).
const SMART_CARD: &str = "0b";

/// A device on a USB bus of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsbDevice {
    /// The kernel's name of the device, such as `3-1`.
    pub bus_id: String,
    /// idVendor and idProduct: `163c:0407`.
    pub usb: String,
    /// iManufacturer.
    pub manufacturer: String,
    /// iProduct.
    pub product: String,
    /// iSerialNumber.
    pub serial: String,
    /// busnum and devnum: /dev/bus/usb/BBB/DDD.
    #[serde(skip)]
    pub node: (u16, u16),
    /// Whether a configuration is set: the interfaces are there.
    #[serde(skip)]
    pub configured: bool,
    /// Whether the kernel lets it be configured.
    #[serde(skip)]
    pub authorized: bool,
    /// Whether an interface is a smart card reader.
    #[serde(skip)]
    pub reader: bool,
}

impl UsbDevice {
    /// Reads a device; `None` when it is not there, or the kernel has not finished its files.
    pub fn read(system: &System, bus_id: &str) -> Option<Self> {
        let folder = PathBuf::from(DEVICES).join(bus_id);
        let text = |name: &str| system.text(folder.join(name));
        // The device chose this text: a terminal must not obey what is in it.
        let string = |name: &str| text(name).unwrap_or_default().replace(char::is_control, "?");
        Some(Self {
            bus_id: bus_id.into(),
            usb: format!("{}:{}", text("idVendor")?, text("idProduct")?),
            manufacturer: string("manufacturer"),
            product: string("product"),
            serial: string("serial"),
            node: (text("busnum")?.parse().ok()?, text("devnum")?.parse().ok()?),
            configured: text("bConfigurationValue").is_some_and(|value| !value.is_empty()),
            authorized: text("authorized").is_none_or(|value| value != "0"),
            reader: system.names(&folder).iter().any(|name| {
                name.starts_with(bus_id)
                    && text(&format!("{name}/bInterfaceClass")).is_some_and(|class| class == SMART_CARD)
            }),
        })
    }

    /// All devices of the machine but root hubs.
    pub fn all(system: &System) -> Vec<Self> {
        // Names with a colon are interfaces, and "usb1" is a root hub.
        let devices = system.names(DEVICES).into_iter();
        let devices = devices.filter(|name| !name.contains(':') && !name.starts_with("usb"));
        devices.filter_map(|name| Self::read(system, &name)).collect()
    }
}
