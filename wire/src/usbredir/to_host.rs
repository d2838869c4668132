//! The packets that the usb-guest sends.

use alloc::vec::Vec;

use super::{
    Bulk, Capabilities, Control, Header, Hello, Interrupt, MAX_DATA, MAX_FILTER, MAX_HELLO, fits, packet,
    write,
};
use crate::Malformed;

/// A packet from the guest. Each variant is named for its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ToHost<'a> {
    Hello(Hello<'a>),
    Reset,
    SetConfiguration { value: u8 },
    GetConfiguration,
    SetAltSetting { interface: u8, alternate: u8 },
    GetAltSetting { interface: u8 },
    StartIsoStream { endpoint: u8, packets: u8, urbs: u8 },
    StopIsoStream { endpoint: u8 },
    StartInterruptReceiving { endpoint: u8 },
    StopInterruptReceiving { endpoint: u8 },
    CancelDataPacket,
    FilterReject,
    FilterFilter { rules: &'a [u8] },
    DeviceDisconnectAck,
    Control { header: Control, data: &'a [u8] },
    Bulk { header: Bulk, data: &'a [u8] },
    Iso { header: Interrupt, data: &'a [u8] },
    Interrupt { header: Interrupt, data: &'a [u8] },
}

const OUT_OF_PLACE: Malformed = Malformed::new("usbredir packet", "not one that a guest may send here");
const LENGTH: Malformed = Malformed::new("usbredir packet", "of another length than its type has");

impl<'a> ToHost<'a> {
    /// How many bytes follow this header. The reader asks this before it waits for any of them.
    ///
    /// # Errors
    /// A packet of this type may not come, or not one of this length.
    pub fn body(header: Header, agreed: Capabilities) -> Result<usize, Malformed> {
        let with_data = |size: usize, most: usize| size..=size.saturating_add(most);
        // The length has 16 bits.
        let short = usize::from(u16::MAX);
        let allowed = match header.kind {
            packet::HELLO => 64..=MAX_HELLO,
            packet::RESET | packet::GET_CONFIGURATION | packet::CANCEL_DATA_PACKET => 0..=0,
            packet::SET_CONFIGURATION
            | packet::GET_ALT_SETTING
            | packet::STOP_ISO_STREAM
            | packet::START_INTERRUPT_RECEIVING
            | packet::STOP_INTERRUPT_RECEIVING => 1..=1,
            packet::SET_ALT_SETTING => 2..=2,
            packet::START_ISO_STREAM => 3..=3,
            packet::FILTER_REJECT if agreed.has(Capabilities::FILTER) => 0..=0,
            packet::FILTER_FILTER if agreed.has(Capabilities::FILTER) => 1..=MAX_FILTER,
            packet::DEVICE_DISCONNECT_ACK if agreed.has(Capabilities::DEVICE_DISCONNECT_ACK) => 0..=0,
            packet::CONTROL_PACKET => with_data(Control::SIZE, short),
            packet::BULK_PACKET => with_data(Bulk::size(agreed), MAX_DATA),
            packet::ISO_PACKET | packet::INTERRUPT_PACKET => with_data(Interrupt::SIZE, short),
            _ => return Err(OUT_OF_PLACE),
        };
        let length = usize::try_from(header.length).map_err(|_| LENGTH)?;
        if allowed.contains(&length) { Ok(length) } else { Err(LENGTH) }
    }

    /// Reads what follows a header.
    ///
    /// # Errors
    /// The packet is not what its header says.
    pub fn parse(kind: u32, body: &'a [u8], agreed: Capabilities) -> Result<Self, Malformed> {
        Ok(match (kind, body) {
            (packet::HELLO, _) => Self::Hello(Hello::parse(body)?),
            (packet::RESET, []) => Self::Reset,
            (packet::SET_CONFIGURATION, &[value]) => Self::SetConfiguration { value },
            (packet::GET_CONFIGURATION, []) => Self::GetConfiguration,
            (packet::SET_ALT_SETTING, &[interface, alternate]) => {
                Self::SetAltSetting { interface, alternate }
            }
            (packet::GET_ALT_SETTING, &[interface]) => Self::GetAltSetting { interface },
            (packet::START_ISO_STREAM, &[endpoint, packets, urbs]) => {
                Self::StartIsoStream { endpoint, packets, urbs }
            }
            (packet::STOP_ISO_STREAM, &[endpoint]) => Self::StopIsoStream { endpoint },
            (packet::START_INTERRUPT_RECEIVING, &[endpoint]) => Self::StartInterruptReceiving { endpoint },
            (packet::STOP_INTERRUPT_RECEIVING, &[endpoint]) => Self::StopInterruptReceiving { endpoint },
            (packet::CANCEL_DATA_PACKET, []) => Self::CancelDataPacket,
            (packet::FILTER_REJECT, []) => Self::FilterReject,
            (packet::FILTER_FILTER, [rules @ .., 0]) => Self::FilterFilter { rules },
            (packet::DEVICE_DISCONNECT_ACK, []) => Self::DeviceDisconnectAck,
            (packet::CONTROL_PACKET, _) => {
                let (header, data) = body.split_first_chunk().ok_or(LENGTH)?;
                let header = Control::parse(*header);
                fits(data, header.endpoint & 0x80 == 0, usize::from(header.setup.length))?;
                Self::Control { header, data }
            }
            (packet::BULK_PACKET, _) => {
                let (header, data) = Bulk::parse(body, agreed).ok_or(LENGTH)?;
                let length = usize::try_from(header.length).unwrap_or(usize::MAX);
                if length > MAX_DATA {
                    return Err(Malformed::new("usbredir bulk packet", "of more than 1 MiB"));
                }
                fits(data, header.endpoint & 0x80 == 0, length)?;
                Self::Bulk { header, data }
            }
            (packet::ISO_PACKET | packet::INTERRUPT_PACKET, _) => {
                let (header, data) = body.split_first_chunk().ok_or(LENGTH)?;
                let header = Interrupt::parse(*header);
                // A guest does not ask for input by an interrupt packet: the host sends input by itself.
                if header.endpoint & 0x80 != 0 {
                    return Err(OUT_OF_PLACE);
                }
                fits(data, true, usize::from(header.length))?;
                if kind == packet::ISO_PACKET {
                    Self::Iso { header, data }
                } else {
                    Self::Interrupt { header, data }
                }
            }
            _ => return Err(LENGTH),
        })
    }

    /// Appends the packet.
    pub fn encode(&self, id: u64, agreed: Capabilities, out: &mut Vec<u8>) {
        let mut put = |kind, body: &[u8]| write(out, kind, id, agreed, |out| out.extend_from_slice(body));
        match *self {
            Self::Hello(hello) => hello.encode(out),
            Self::Reset => put(packet::RESET, &[]),
            Self::SetConfiguration { value } => put(packet::SET_CONFIGURATION, &[value]),
            Self::GetConfiguration => put(packet::GET_CONFIGURATION, &[]),
            Self::SetAltSetting { interface, alternate } => {
                put(packet::SET_ALT_SETTING, &[interface, alternate]);
            }
            Self::GetAltSetting { interface } => put(packet::GET_ALT_SETTING, &[interface]),
            Self::StartIsoStream { endpoint, packets, urbs } => {
                put(packet::START_ISO_STREAM, &[endpoint, packets, urbs]);
            }
            Self::StopIsoStream { endpoint } => put(packet::STOP_ISO_STREAM, &[endpoint]),
            Self::StartInterruptReceiving { endpoint } => {
                put(packet::START_INTERRUPT_RECEIVING, &[endpoint]);
            }
            Self::StopInterruptReceiving { endpoint } => put(packet::STOP_INTERRUPT_RECEIVING, &[endpoint]),
            Self::CancelDataPacket => put(packet::CANCEL_DATA_PACKET, &[]),
            Self::FilterReject => put(packet::FILTER_REJECT, &[]),
            Self::FilterFilter { rules } => write(out, packet::FILTER_FILTER, id, agreed, |out| {
                out.extend_from_slice(rules);
                out.push(0);
            }),
            Self::DeviceDisconnectAck => put(packet::DEVICE_DISCONNECT_ACK, &[]),
            Self::Control { header, data } => write(out, packet::CONTROL_PACKET, id, agreed, |out| {
                header.encode(out);
                out.extend_from_slice(data);
            }),
            Self::Bulk { header, data } => write(out, packet::BULK_PACKET, id, agreed, |out| {
                header.encode(agreed, out);
                out.extend_from_slice(data);
            }),
            Self::Iso { header, data } => write(out, packet::ISO_PACKET, id, agreed, |out| {
                header.encode(out);
                out.extend_from_slice(data);
            }),
            Self::Interrupt { header, data } => write(out, packet::INTERRUPT_PACKET, id, agreed, |out| {
                header.encode(out);
                out.extend_from_slice(data);
            }),
        }
    }
}
