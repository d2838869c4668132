//! A token that is nothing but its USB face: descriptors by hand, and a card that answers each APDU with itself.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use usbip::{
    SetupPacket, UsbDevice, UsbEndpoint, UsbInterface, UsbInterfaceHandler, usbip_protocol::UsbIpResponse,
};
use wire::{
    ccid::{ClassDescriptor, CommandStatus, IccStatus, ToHost, ToReader, to_host, to_reader},
    usb::{
        DeviceDescriptor, EndpointDescriptor, InterfaceDescriptor, Setup, descriptor, request,
        string_descriptor,
    },
};

pub(crate) const SERIAL: &str = "00C0FFEE";
pub(crate) const ATR: [u8; 3] = [0x3B, 0x80, 0x01];

/// What the crate lists and imports.
pub(crate) fn device(bus_id: &str) -> UsbDevice {
    #[derive(Debug)]
    struct Silent;
    impl UsbInterfaceHandler for Silent {
        fn get_class_specific_descriptor(&self) -> Vec<u8> {
            Vec::new()
        }
        fn handle_urb(
            &mut self,
            _: &UsbInterface,
            _: UsbEndpoint,
            _: u32,
            _: SetupPacket,
            _: &[u8],
        ) -> std::io::Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn as_any(&mut self) -> &mut dyn std::any::Any {
            self
        }
    }
    let mut device = UsbDevice::new(2).with_interface(
        0x0B,
        0,
        0,
        None,
        Vec::new(),
        Arc::new(Mutex::new(Box::new(Silent))),
    );
    device.path = "/sys/devices/ushield/1-1".into();
    device.bus_id = bus_id.into();
    (device.bus_num, device.speed) = (1, 2);
    (device.vendor_id, device.product_id) = (0x163C, 0x0407);
    device.device_bcd = 0x0100.into();
    device
}

/// The reply to an import of that device.
pub(crate) fn imported(bus_id: &str) -> Vec<u8> {
    UsbIpResponse::op_rep_import_success(&device(bus_id)).to_bytes()
}

/// The reply to a list with these devices.
pub(crate) fn listed(bus_ids: &[&str]) -> Vec<u8> {
    let devices: Vec<UsbDevice> = bus_ids.iter().map(|bus_id| device(bus_id)).collect();
    UsbIpResponse::op_rep_devlist(&devices).to_bytes()
}

/// The token behind the endpoints, with the answers that it still has to give.
#[derive(Default)]
pub(crate) struct Token {
    pub(crate) answers: VecDeque<Vec<u8>>,
    /// dwMaxCCIDMessageLength; 0 for the usual 3,072.
    pub(crate) max_message: u32,
}

impl Token {
    /// `None` is a stall.
    pub(crate) fn control(&mut self, setup: Setup) -> Option<Vec<u8>> {
        let mut answer = match (setup.request_type, setup.request, setup.value.to_be_bytes()) {
            (0x80, request::GET_DESCRIPTOR, [descriptor::DEVICE, 0]) => DEVICE.bytes().to_vec(),
            (0x80, request::GET_DESCRIPTOR, [descriptor::CONFIGURATION, 0]) => self.configuration(),
            (0x80, request::GET_DESCRIPTOR, [descriptor::STRING, 3]) => string_descriptor(SERIAL),
            (0x00, request::SET_CONFIGURATION, [0, 1]) | (0x21 | 0x02, 1, _) => Vec::new(),
            _ => return None,
        };
        answer.truncate(setup.length.into());
        Some(answer)
    }

    fn configuration(&self) -> Vec<u8> {
        let class = ClassDescriptor {
            max_slot: 0,
            voltage: 7,
            protocols: 3,
            clock: [4000, 4000],
            data_rate: [10_752, 344_064],
            max_ifsd: 254,
            features: 0x0004_047E,
            max_message: if self.max_message == 0 { 3072 } else { self.max_message },
            pin_support: 0,
            busy_slots: 1,
        };
        let interface =
            InterfaceDescriptor { number: 0, alternate: 0, endpoints: 3, class: [0x0B, 0, 0], string: 0 };
        let mut out = vec![9, descriptor::CONFIGURATION, 93, 0, 1, 1, 0, 0x80, 50];
        out.extend(interface.bytes());
        out.extend(class.bytes());
        for (address, attributes) in [(0x01, 2), (0x82, 2), (0x83, 3)] {
            out.extend(EndpointDescriptor { address, attributes, max_packet: 64, interval: 16 }.bytes());
        }
        assert_eq!(out.len(), 93);
        out
    }

    /// Takes a CCID message. The answer then waits in `answers`.
    pub(crate) fn bulk_out(&mut self, data: &[u8]) {
        let message = ToReader::parse(data).expect("a whole CCID message in one transfer");
        let echo = [message.data, &[0x90, 0x00]].concat();
        let (kind, data): (_, &[u8]) = match message.kind {
            to_reader::ICC_POWER_ON => (to_host::DATA_BLOCK, &ATR),
            to_reader::XFR_BLOCK => (to_host::DATA_BLOCK, &echo),
            _ => (to_host::SLOT_STATUS, &[]),
        };
        let mut out = Vec::new();
        let (icc, command) = (IccStatus::Active, CommandStatus::Done);
        ToHost { kind, slot: 0, sequence: message.sequence, icc, command, specific: 0, data }
            .encode(&mut out);
        self.answers.push_back(out);
    }
}

const DEVICE: DeviceDescriptor = DeviceDescriptor {
    usb: 0x0200,
    class: [0; 3],
    max_packet: 64,
    vendor: 0x163C,
    product: 0x0407,
    release: 0x0100,
    strings: [1, 2, 3],
    configurations: 1,
};
