//! What makes a brand: identifiers, strings, PIN rules, generation. Plain data; the logic is elsewhere.

use alloc::{string::String, vec::Vec};

/// How a brand's tokens look and behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The brand's name, as GET INFORMATION tells it.
    pub brand: String,
    /// idVendor and idProduct.
    pub usb: (u16, u16),
    /// bcdDevice.
    pub release: u16,
    /// iManufacturer in en-US and zh-CN.
    pub manufacturer: [String; 2],
    /// iProduct in en-US and zh-CN.
    pub product: [String; 2],
    /// The historical bytes of the ATR, at most 15.
    pub historical_bytes: Vec<u8>,
    /// With or without a screen.
    pub generation: Generation,
    /// PIN length, shortest and longest, in bytes (ASCII).
    pub pin_length: (u8, u8),
    /// Wrong tries until the PIN locks, at most 10 (GM/T 0027 9.2 b).
    pub pin_tries: u8,
    /// Wrong tries until the PUK locks.
    pub puk_tries: u8,
    /// How long a prompt waits for a button, in milliseconds.
    pub prompt_timeout: u64,
    /// Argon2id memory in KiB and passes of a token that is made; it keeps them for life. `None` for tokens that live
    /// in memory only.
    pub stretch: Option<(u32, u32)>,
}

/// Generations of bank tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// No screen: the PIN is the consent.
    One,
    /// A screen and two buttons.
    Two {
        /// Cells a line; a Chinese character takes two.
        columns: usize,
        /// Lines a page.
        rows: usize,
    },
}

impl Profile {
    /// The default brand. Its USB identifiers are borrowed: 163C:0407 stands in the list of stock libccid, which has
    /// no quirk for it, so that an unconfigured pcscd takes the token. A brand of its own needs its own.
    pub fn standard() -> Self {
        Self {
            brand: "U-shield".into(),
            usb: (0x163C, 0x0407),
            release: 0x0100,
            manufacturer: ["U-shield test tokens".into(), "U盾测试".into()],
            product: ["U-shield test token".into(), "U盾测试令牌".into()],
            historical_bytes: b"U-shield T1".to_vec(),
            generation: Generation::Two { columns: 20, rows: 6 },
            pin_length: (6, 8),
            pin_tries: 6,
            puk_tries: 6,
            prompt_timeout: 60_000,
            stretch: Some((19 * 1024, 2)),
        }
    }

    /// The default brand's first generation: the same token without a screen.
    pub fn first_generation() -> Self {
        Self {
            generation: Generation::One,
            product: ["U-shield test token G1".into(), "U盾测试令牌一代".into()],
            ..Self::standard()
        }
    }
}
