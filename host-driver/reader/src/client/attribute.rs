//! What SCardGetAttrib tells. Source: PC/SC specification 2.01, part 3, table 3-1 and after; texts end with a zero, as
//! libccid's do.

use wire::pcsclite::{MAX_BUFFER, attribute, protocol, state};

use crate::hub::About;

/// The value of an attribute; `None` when there is none.
pub(super) fn value(id: u32, about: &About) -> Option<Vec<u8>> {
    let present = about.state & state::PRESENT != 0;
    Some(match id {
        attribute::VENDOR_NAME => text(about.texts.manufacturer.as_deref()?),
        attribute::VENDOR_IFD_TYPE => text(about.texts.product.as_deref()?),
        attribute::VENDOR_IFD_SERIAL_NO => text(about.texts.serial.as_deref()?),
        attribute::DEVICE_FRIENDLY_NAME | attribute::DEVICE_SYSTEM_NAME => text(&about.name),
        // Major and minor of bcdDevice, in their own bytes.
        attribute::VENDOR_IFD_VERSION => (u32::from(about.release) << 16).to_ne_bytes().into(),
        // USB, with bus and device number, as far as each fits.
        attribute::CHANNEL_ID => {
            let [bus, device] = [about.device_id >> 16 & 0xFF, about.device_id & 0xFF];
            (0x0020_0000 | bus << 8 | device).to_ne_bytes().into()
        }
        attribute::ATR_STRING if present => about.atr.clone(),
        // 2: present, in a reader that swallows no cards.
        attribute::ICC_PRESENCE => vec![if present { 2 } else { 0 }],
        attribute::ICC_INTERFACE_STATUS => vec![u8::from(about.state & state::POWERED != 0)],
        attribute::ICC_TYPE_PER_ATR => vec![u8::from(present)], // 1: ISO 7816-3, asynchronous
        attribute::CURRENT_PROTOCOL_TYPE => about.protocol.to_ne_bytes().into(),
        attribute::ASYNC_PROTOCOL_TYPES => protocol::ANY.to_ne_bytes().into(),
        attribute::MAXINPUT => {
            u32::try_from(about.max_input.min(MAX_BUFFER)).unwrap_or_default().to_ne_bytes().into()
        }
        _ => return None,
    })
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Texts;

    #[test]
    fn what_there_is_and_what_not() {
        let about = About {
            name: "Bank 00 00".into(),
            atr: vec![0x3B, 0x80],
            state: state::PRESENT | state::POWERED,
            protocol: protocol::T1,
            texts: Texts { manufacturer: Some("Bank".into()), product: None, serial: Some("1".into()) },
            release: 0x0102,
            device_id: 0x0003_0104,
            max_input: 3062,
            extended: true,
        };
        let of = |id| value(id, &about);
        assert_eq!(of(attribute::VENDOR_NAME).unwrap(), b"Bank\0");
        assert_eq!(of(attribute::VENDOR_IFD_TYPE), None);
        assert_eq!(of(attribute::DEVICE_FRIENDLY_NAME).unwrap(), b"Bank 00 00\0");
        assert_eq!(of(attribute::VENDOR_IFD_VERSION).unwrap(), 0x0102_0000_u32.to_ne_bytes());
        assert_eq!(of(attribute::CHANNEL_ID).unwrap(), 0x0020_0304_u32.to_ne_bytes());
        assert_eq!(of(attribute::ATR_STRING).unwrap(), [0x3B, 0x80]);
        assert_eq!(of(attribute::ICC_PRESENCE).unwrap(), [2]);
        assert_eq!(of(0), None);
        let absent = About { state: state::ABSENT, ..about };
        assert_eq!(value(attribute::ATR_STRING, &absent), None);
        assert_eq!(value(attribute::ICC_PRESENCE, &absent).unwrap(), [0]);
    }
}
