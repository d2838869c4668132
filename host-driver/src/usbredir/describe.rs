//! What the guest is told about a device before it asks the device itself.

use wire::{
    usb::descriptor,
    usbredir::{DeviceConnect, Endpoint, EpInfo, Interface, ToGuest},
};

use crate::urb::Descriptors;

/// USB 2.0, table 9-13, bmAttributes: control.
const CONTROL: u8 = 0;

/// device_connect.
pub(super) fn connect(descriptors: &Descriptors) -> ToGuest<'static> {
    let device = &descriptors.device;
    ToGuest::DeviceConnect(DeviceConnect {
        speed: DeviceConnect::FULL_SPEED,
        class: device.class,
        vendor: device.vendor,
        product: device.product,
        release: device.release,
    })
}

/// interface_info: the interfaces by their first alternate setting, or none before there is a configuration.
pub(super) fn interfaces(descriptors: &Descriptors, configured: bool) -> ToGuest<'static> {
    let all = wire::usb::descriptors(&descriptors.configuration);
    let interfaces = all.filter_map(|found| match *found.bytes {
        [9, descriptor::INTERFACE, number, 0, _, class, subclass, protocol, _] => {
            Some(Interface { number, class: [class, subclass, protocol] })
        }
        _ => None,
    });
    ToGuest::InterfaceInfo { interfaces: if configured { interfaces.collect() } else { Vec::new() } }
}

/// ep_info: endpoint zero in both directions, and those of the configuration.
pub(super) fn endpoints(descriptors: &Descriptors, configured: bool) -> EpInfo {
    let mut info = EpInfo([Endpoint::NONE; 32]);
    let max_packet = u16::from(descriptors.device.max_packet);
    for address in [0x00, 0x80] {
        info.0[EpInfo::place(address)] = Endpoint { kind: CONTROL, interval: 0, interface: 0, max_packet };
    }
    let mut interface = 0;
    for found in wire::usb::descriptors(&descriptors.configuration).take_while(|_| configured) {
        match *found.bytes {
            [9, descriptor::INTERFACE, number, ..] => interface = number,
            [7, descriptor::ENDPOINT, address, attributes, m0, m1, interval] => {
                let max_packet = u16::from_le_bytes([m0, m1]);
                info.0[EpInfo::place(address)] =
                    Endpoint { kind: attributes & 3, interval, interface, max_packet };
            }
            _ => {}
        }
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::urb::fake::descriptors;

    #[test]
    fn a_device_is_told_as_its_descriptors_say() {
        let descriptors = descriptors();
        let info = endpoints(&descriptors, true);
        let kinds = [0x00, 0x80, 0x01, 0x82, 0x83, 0x02].map(|address| info.endpoint(address).kind);
        assert_eq!(kinds, [0, 0, 2, 2, 3, 255]);
        assert_eq!((info.endpoint(0x83).interval, info.endpoint(0x83).max_packet), (1, 64));
        let class = [11, 0, 0];
        let one = vec![Interface { number: 0, class }];
        assert_eq!(interfaces(&descriptors, true), ToGuest::InterfaceInfo { interfaces: one });
        let info = endpoints(&descriptors, false);
        assert_eq!([0x80, 0x82].map(|address| info.endpoint(address).kind), [0, 255]);
        assert_eq!(interfaces(&descriptors, false), ToGuest::InterfaceInfo { interfaces: vec![] });
    }
}
