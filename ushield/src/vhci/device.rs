//! A USB device as the kernel has enumerated it (Linux, Documentation/ABI/stable/sysfs-bus-usb).

use std::path::PathBuf;

use serde::Serialize;

use crate::system::System;

const DEVICES: &str = "/sys/bus/usb/devices";
/// The smart card class (CCID 1.1, 4.3).
const SMART_CARD: &str = "0b";

/// A device on a USB bus of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UsbDevice {
    /// The kernel's name of it, such as `3-1`.
    pub(crate) bus_id: String,
    /// idVendor and idProduct: `163c:0407`.
    pub(crate) usb: String,
    pub(crate) manufacturer: String,
    pub(crate) product: String,
    pub(crate) serial: String,
    /// busnum and devnum: /dev/bus/usb/BBB/DDD.
    #[serde(skip)]
    pub(crate) node: (u16, u16),
    /// Whether a configuration is set: the interfaces are there.
    #[serde(skip)]
    pub(crate) configured: bool,
    /// Whether the kernel lets it be configured.
    #[serde(skip)]
    pub(crate) authorized: bool,
    /// Whether an interface is a smart card reader.
    #[serde(skip)]
    pub(crate) reader: bool,
}

impl UsbDevice {
    /// Reads one; `None` when it is not there, or not whole yet.
    pub(crate) fn read(system: &System, bus_id: &str) -> Option<Self> {
        let folder = PathBuf::from(DEVICES).join(bus_id);
        let text = |name: &str| system.text(folder.join(name));
        // The device chose it: a terminal must not act on it.
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
    pub(crate) fn all(system: &System) -> Vec<Self> {
        // Names with a colon are interfaces, and "usb1" is a root hub.
        let devices = system.names(DEVICES).into_iter();
        let devices = devices.filter(|name| !name.contains(':') && !name.starts_with("usb"));
        devices.filter_map(|name| Self::read(system, &name)).collect()
    }
}
