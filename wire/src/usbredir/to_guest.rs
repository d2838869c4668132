//! The packets that the usb-host sends.

use alloc::vec::Vec;

use super::{Bulk, Capabilities, Control, Hello, Interrupt, Status, fits, packet, write};
use crate::Malformed;

/// A packet to the guest. Each variant is named for its packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ToGuest<'a> {
    Hello(Hello<'a>),
    DeviceConnect(DeviceConnect),
    DeviceDisconnect,
    InterfaceInfo { interfaces: Vec<Interface> },
    EpInfo(EpInfo),
    ConfigurationStatus { status: Status, value: u8 },
    AltSettingStatus { status: Status, interface: u8, alternate: u8 },
    IsoStreamStatus { status: Status, endpoint: u8 },
    InterruptReceivingStatus { status: Status, endpoint: u8 },
    Control { header: Control, data: &'a [u8] },
    Bulk { header: Bulk, data: &'a [u8] },
    Interrupt { header: Interrupt, data: &'a [u8] },
}

/// usb_redir_device_connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceConnect {
    /// 0 low, 1 full, 2 high, 3 super speed.
    pub speed: u8,
    /// Class, subclass and protocol.
    pub class: [u8; 3],
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// bcdDevice; 0 where guest and host have not agreed on telling it.
    pub release: u16,
}

impl DeviceConnect {
    /// USB full speed.
    pub const FULL_SPEED: u8 = 1;
}

/// An interface of an interface_info: its number, and its class, subclass and protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// bInterfaceNumber.
    pub number: u8,
    /// bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol.
    pub class: [u8; 3],
}

/// An endpoint of an ep_info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The endpoint's type: 0 control, 1 isochronous, 2 bulk, 3 interrupt; 255 for no endpoint.
    pub kind: u8,
    /// bInterval.
    pub interval: u8,
    /// The interface of the endpoint.
    pub interface: u8,
    /// wMaxPacketSize, in bytes; 0 where guest and host have not agreed on telling it.
    pub max_packet: u16,
}

impl Endpoint {
    /// There is no endpoint in this place.
    pub const NONE: Self = Self { kind: 255, interval: 0, interface: 0, max_packet: 0 };
}

/// usb_redir_ep_info: OUT endpoints 0 to 15, then IN endpoints 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpInfo(pub [Endpoint; 32]);

impl EpInfo {
    /// The place of the endpoint with this address. Other bits of the address do not count.
    pub const fn place(address: u8) -> usize {
        ((address & 0x0F) | (address & 0x80) >> 3) as usize
    }

    /// The endpoint with this address.
    pub fn endpoint(&self, address: u8) -> Endpoint {
        self.0.get(Self::place(address)).copied().unwrap_or(Endpoint::NONE)
    }

    fn encode(&self, agreed: Capabilities, out: &mut Vec<u8>) {
        out.extend(self.0.iter().map(|endpoint| endpoint.kind));
        out.extend(self.0.iter().map(|endpoint| endpoint.interval));
        out.extend(self.0.iter().map(|endpoint| endpoint.interface));
        if agreed.has(Capabilities::EP_INFO_MAX_PACKET_SIZE) {
            out.extend(self.0.iter().flat_map(|endpoint| endpoint.max_packet.to_le_bytes()));
        }
    }

    fn parse(body: &[u8], agreed: Capabilities) -> Option<Self> {
        let (kinds, rest) = body.split_first_chunk::<32>()?;
        let (intervals, rest) = rest.split_first_chunk::<32>()?;
        let (interfaces, rest) = rest.split_first_chunk::<32>()?;
        let mut endpoints = [Endpoint::NONE; 32];
        let told = kinds.iter().zip(intervals).zip(interfaces);
        for (endpoint, ((kind, interval), interface)) in endpoints.iter_mut().zip(told) {
            *endpoint = Endpoint { kind: *kind, interval: *interval, interface: *interface, max_packet: 0 };
        }
        if agreed.has(Capabilities::EP_INFO_MAX_PACKET_SIZE) {
            let (sizes, &[]) = rest.split_first_chunk::<64>()? else { return None };
            for (endpoint, size) in endpoints.iter_mut().zip(sizes.chunks_exact(2)) {
                endpoint.max_packet = u16::from_le_bytes(size.try_into().ok()?);
            }
        } else if !rest.is_empty() {
            return None;
        }
        Some(Self(endpoints))
    }
}

const SHORT: Malformed = Malformed::new("usbredir packet", "of another length than its type has");

impl<'a> ToGuest<'a> {
    /// Reads what follows a header.
    ///
    /// # Errors
    /// No packet of this type goes to a guest, or the packet is not what its header says.
    pub fn parse(kind: u32, body: &'a [u8], agreed: Capabilities) -> Result<Self, Malformed> {
        Ok(match (kind, body) {
            (packet::HELLO, _) => Self::Hello(Hello::parse(body)?),
            (packet::DEVICE_CONNECT, &[speed, c0, c1, c2, v0, v1, p0, p1, ref release @ ..]) => {
                let told = agreed.has(Capabilities::CONNECT_DEVICE_VERSION);
                let release = match (told, release) {
                    (false, []) => 0,
                    (true, &[r0, r1]) => u16::from_le_bytes([r0, r1]),
                    _ => return Err(SHORT),
                };
                let (vendor, product) = (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([p0, p1]));
                Self::DeviceConnect(DeviceConnect { speed, class: [c0, c1, c2], vendor, product, release })
            }
            (packet::DEVICE_DISCONNECT, []) => Self::DeviceDisconnect,
            (packet::INTERFACE_INFO, _) => Self::InterfaceInfo { interfaces: interfaces(body)? },
            (packet::EP_INFO, _) => Self::EpInfo(EpInfo::parse(body, agreed).ok_or(SHORT)?),
            (packet::CONFIGURATION_STATUS, &[status, value]) => {
                Self::ConfigurationStatus { status: Status::parse(status), value }
            }
            (packet::ALT_SETTING_STATUS, &[status, interface, alternate]) => {
                Self::AltSettingStatus { status: Status::parse(status), interface, alternate }
            }
            (packet::ISO_STREAM_STATUS, &[status, endpoint]) => {
                Self::IsoStreamStatus { status: Status::parse(status), endpoint }
            }
            (packet::INTERRUPT_RECEIVING_STATUS, &[status, endpoint]) => {
                Self::InterruptReceivingStatus { status: Status::parse(status), endpoint }
            }
            (packet::CONTROL_PACKET, _) => {
                let (header, data) = body.split_first_chunk().ok_or(SHORT)?;
                let header = Control::parse(*header);
                fits(data, header.endpoint & 0x80 != 0, usize::from(header.setup.length))?;
                Self::Control { header, data }
            }
            (packet::BULK_PACKET, _) => {
                let (header, data) = Bulk::parse(body, agreed).ok_or(SHORT)?;
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                fits(data, header.endpoint & 0x80 != 0, length)?;
                Self::Bulk { header, data }
            }
            (packet::INTERRUPT_PACKET, _) => {
                let (header, data) = body.split_first_chunk().ok_or(SHORT)?;
                let header = Interrupt::parse(*header);
                fits(data, header.endpoint & 0x80 != 0, usize::from(header.length))?;
                Self::Interrupt { header, data }
            }
            _ => return Err(Malformed::new("usbredir packet", "not one that a host may send")),
        })
    }

    /// Appends the packet.
    pub fn encode(&self, id: u64, agreed: Capabilities, out: &mut Vec<u8>) {
        let mut put = |kind, body: &[u8]| write(out, kind, id, agreed, |out| out.extend_from_slice(body));
        match self {
            Self::Hello(hello) => hello.encode(out),
            Self::DeviceConnect(device) => write(out, packet::DEVICE_CONNECT, id, agreed, |out| {
                out.push(device.speed);
                out.extend_from_slice(&device.class);
                out.extend_from_slice(&device.vendor.to_le_bytes());
                out.extend_from_slice(&device.product.to_le_bytes());
                if agreed.has(Capabilities::CONNECT_DEVICE_VERSION) {
                    out.extend_from_slice(&device.release.to_le_bytes());
                }
            }),
            Self::DeviceDisconnect => put(packet::DEVICE_DISCONNECT, &[]),
            Self::InterfaceInfo { interfaces } => write(out, packet::INTERFACE_INFO, id, agreed, |out| {
                interface_info(interfaces, out);
            }),
            Self::EpInfo(info) => {
                write(out, packet::EP_INFO, id, agreed, |out| info.encode(agreed, out));
            }
            Self::ConfigurationStatus { status, value } => {
                put(packet::CONFIGURATION_STATUS, &[*status as u8, *value]);
            }
            Self::AltSettingStatus { status, interface, alternate } => {
                put(packet::ALT_SETTING_STATUS, &[*status as u8, *interface, *alternate]);
            }
            Self::IsoStreamStatus { status, endpoint } => {
                put(packet::ISO_STREAM_STATUS, &[*status as u8, *endpoint]);
            }
            Self::InterruptReceivingStatus { status, endpoint } => {
                put(packet::INTERRUPT_RECEIVING_STATUS, &[*status as u8, *endpoint]);
            }
            Self::Control { header, data } => write(out, packet::CONTROL_PACKET, id, agreed, |out| {
                header.encode(out);
                out.extend_from_slice(data);
            }),
            Self::Bulk { header, data } => write(out, packet::BULK_PACKET, id, agreed, |out| {
                header.encode(agreed, out);
                out.extend_from_slice(data);
            }),
            Self::Interrupt { header, data } => write(out, packet::INTERRUPT_PACKET, id, agreed, |out| {
                header.encode(out);
                out.extend_from_slice(data);
            }),
        }
    }
}

/// The interfaces' numbers, classes, subclasses and protocols: four columns of 32 bytes. A guest is told of 32
/// interfaces at most.
fn interface_info(interfaces: &[Interface], out: &mut Vec<u8>) {
    let told = interfaces.get(..32).unwrap_or(interfaces);
    out.extend_from_slice(&u32::try_from(told.len()).unwrap_or(32).to_le_bytes());
    let mut columns = [[0; 32]; 4];
    for (row, interface) in told.iter().enumerate() {
        let [class, subclass, protocol] = interface.class;
        for (column, byte) in columns.iter_mut().zip([interface.number, class, subclass, protocol]) {
            if let Some(place) = column.get_mut(row) {
                *place = byte;
            }
        }
    }
    out.extend(columns.iter().flatten());
}

fn interfaces(body: &[u8]) -> Result<Vec<Interface>, Malformed> {
    let (count, columns) = body.split_first_chunk::<4>().ok_or(SHORT)?;
    let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
    let (columns, &[]) = columns.split_first_chunk::<128>().ok_or(SHORT)? else { return Err(SHORT) };
    if count > 32 {
        return Err(Malformed::new("usbredir interface_info", "of more than 32 interfaces"));
    }
    let byte = |column: usize, row: usize| columns.chunks_exact(32).nth(column)?.get(row).copied();
    let interface = |row| {
        let class = [byte(1, row)?, byte(2, row)?, byte(3, row)?];
        Some(Interface { number: byte(0, row)?, class })
    };
    Ok((0..count).filter_map(interface).collect())
}
