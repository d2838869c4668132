//! The four blocks of a pcapng file (draft-ietf-opsawg-pcapng, 3 and 4), little-endian.

/// LINKTYPE_USB_LINUX_MMAPPED: usbmon's header of 64 bytes, and the data.
const LINK_TYPE: u16 = 220;
/// The most bytes of a packet: usbmon's header, and the longest CCID message of an extended APDU (65,554 bytes).
pub(super) const SNAP_LENGTH: usize = 128 << 10;

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Options, by block: their numbers mean something else in each.
const COMMENT: u16 = 1;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION_TEXT: u16 = 3;
const STATISTICS_RECEIVED: u16 = 4;
const STATISTICS_DROPPED: u16 = 5;

/// What opens the file: the section, and its one interface, whose time stamps count microseconds.
pub(super) fn head() -> Vec<u8> {
    let mut out = block(SECTION_HEADER, |body| {
        body.extend(0x1A2B_3C4D_u32.to_le_bytes());
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // The section's length is not known.
        body.extend(u64::MAX.to_le_bytes());
        option(body, SECTION_APPLICATION, concat!("ushield ", env!("CARGO_PKG_VERSION")).as_bytes());
        end_of_options(body);
    });
    out.extend(block(INTERFACE_DESCRIPTION, |body| {
        body.extend(LINK_TYPE.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        body.extend(u32::try_from(SNAP_LENGTH).unwrap_or(u32::MAX).to_le_bytes());
        option(body, INTERFACE_NAME, b"ushield");
        option(
            body,
            INTERFACE_DESCRIPTION_TEXT,
            b"tokens; PINs, keys and what was decrypted are blanked with *",
        );
        end_of_options(body);
    }));
    out
}

/// A packet at a time in microseconds since 1970, of which `length` bytes were to be seen.
pub(super) fn packet(time: u64, packet: &[u8], length: usize, comment: Option<&str>) -> Vec<u8> {
    block(ENHANCED_PACKET, |body| {
        body.extend(0_u32.to_le_bytes());
        body.extend(((time >> 32) as u32).to_le_bytes());
        body.extend((time as u32).to_le_bytes());
        body.extend(u32::try_from(packet.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        padded(body, packet);
        if let Some(comment) = comment {
            option(body, COMMENT, comment.as_bytes());
            end_of_options(body);
        }
    })
}

/// What closes the file: how many packets were seen, and how many of them are missing.
pub(super) fn tail(time: u64, received: u64, dropped: u64) -> Vec<u8> {
    block(INTERFACE_STATISTICS, |body| {
        body.extend(0_u32.to_le_bytes());
        body.extend(((time >> 32) as u32).to_le_bytes());
        body.extend((time as u32).to_le_bytes());
        option(body, STATISTICS_RECEIVED, &received.to_le_bytes());
        option(body, STATISTICS_DROPPED, &dropped.to_le_bytes());
        end_of_options(body);
    })
}

/// A block: its length stands at both ends.
fn block(kind: u32, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = kind.to_le_bytes().to_vec();
    out.extend([0; 4]);
    fill(&mut out);
    let length = u32::try_from(out.len() + 4).unwrap_or(u32::MAX).to_le_bytes();
    out[4..8].copy_from_slice(&length);
    out.extend(length);
    out
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    padded(body, value);
}

fn end_of_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

/// Blocks, packets and options end on 32 bits.
fn padded(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(bytes);
    body.resize(body.len().next_multiple_of(4), 0);
}
