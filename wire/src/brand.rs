//! A brand: how a bank's tokens look and behave. Plain data: the crate `machine` reads it from a file that people write,
//! and `firmware` is a token of that brand.

use alloc::{string::String, vec::Vec};
use core::ops::RangeInclusive;

use crate::algorithm::KeyAlgorithm;

/// Cells a line of the screens that a token may have.
pub const COLUMNS: RangeInclusive<usize> = 16..=80;
/// Lines a page of the screens that a token may have.
pub const ROWS: RangeInclusive<usize> = 3..=40;
/// Characters of a PIN: GM/T 0027 asks for 6 at least, and VERIFY of the shield's applet takes 30 at most.
pub const PIN_LENGTH: RangeInclusive<u8> = 6..=30;
/// Wrong tries until a PIN or a PUK locks (GM/T 0027 9.2 b).
pub const TRIES: RangeInclusive<u8> = 1..=10;
/// Milliseconds that a prompt may wait: time enough to see it, and not longer than a client waits for a screen.
pub const PROMPT_TIMEOUT: RangeInclusive<u64> = 1_000..=3_600_000;
/// Characters of a brand's name: at most a line of the widest screen.
pub const NAME: RangeInclusive<usize> = 1..=80;
/// UTF-16 units of a string descriptor: one byte is the descriptor's length, 2 bytes are its header, and a unit takes 2
/// (USB 2.0, 9.6.7).
pub const STRING: RangeInclusive<usize> = 1..=126;
/// The most historical bytes of an ATR (ISO 7816-3, 8.2.4).
pub const HISTORICAL_BYTES: usize = 15;
/// The algorithms that a payment key may have.
pub const ALGORITHMS: [KeyAlgorithm; 2] = [KeyAlgorithm::P256, KeyAlgorithm::Sm2];

/// How a brand's tokens look and behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The brand's name, as GET INFORMATION tells it.
    pub name: String,
    /// idVendor and idProduct.
    pub usb: (u16, u16),
    /// bcdDevice.
    pub release: u16,
    /// iManufacturer in en-US and zh-CN.
    pub manufacturer: [String; 2],
    /// iProduct in en-US and zh-CN.
    pub product: [String; 2],
    /// The historical bytes of the ATR: ASCII.
    pub historical_bytes: Vec<u8>,
    /// With or without a screen.
    pub generation: Generation,
    /// PIN length, shortest and longest, in bytes (ASCII).
    pub pin_length: (u8, u8),
    /// Wrong tries until the PIN locks.
    pub pin_tries: u8,
    /// Wrong tries until the PUK locks.
    pub puk_tries: u8,
    /// How long a prompt waits for a button, in milliseconds.
    pub prompt_timeout: u64,
    /// The algorithm of the payment key. The other keys have the algorithms that hosts ask for.
    pub algorithm: KeyAlgorithm,
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

impl Generation {
    /// The second generation, with the default brand's screen.
    pub const TWO: Self = Self::Two { columns: 20, rows: 6 };

    /// 1 or 2.
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two { .. } => 2,
        }
    }
}

impl Brand {
    /// The default brand. Its USB identifiers are borrowed: 163C:0407 stands in the list of stock libccid, which has
    /// no quirk for it, so that an unconfigured pcscd takes the token. A brand of its own needs its own.
    pub fn standard() -> Self {
        Self {
            name: "U-shield".into(),
            usb: (0x163C, 0x0407),
            release: 0x0100,
            manufacturer: ["U-shield test tokens".into(), "U盾测试".into()],
            product: ["U-shield test token".into(), "U盾测试令牌".into()],
            historical_bytes: b"U-shield T1".to_vec(),
            generation: Generation::TWO,
            pin_length: (6, 8),
            pin_tries: 6,
            puk_tries: 6,
            prompt_timeout: 60_000,
            algorithm: KeyAlgorithm::P256,
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

    /// Whether a token can be of this brand.
    ///
    /// # Errors
    /// What is out of bounds.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        let name = self.name.chars().count();
        let strings =
            |texts: &[String; 2]| texts.iter().all(|text| STRING.contains(&text.encode_utf16().count()));
        let (least, most) = self.pin_length;
        if self.name.trim().is_empty() || !NAME.contains(&name) {
            Err(OutOfBounds::Name)
        } else if !strings(&self.manufacturer) {
            Err(OutOfBounds::Manufacturer)
        } else if !strings(&self.product) {
            Err(OutOfBounds::Product)
        } else if !self.historical_bytes.is_ascii() || self.historical_bytes.len() > HISTORICAL_BYTES {
            Err(OutOfBounds::HistoricalBytes)
        } else if !self.generation.is_within_bounds() {
            Err(OutOfBounds::Screen)
        } else if least > most || !PIN_LENGTH.contains(&least) || !PIN_LENGTH.contains(&most) {
            Err(OutOfBounds::PinLength)
        } else if !TRIES.contains(&self.pin_tries) || !TRIES.contains(&self.puk_tries) {
            Err(OutOfBounds::Tries)
        } else if !PROMPT_TIMEOUT.contains(&self.prompt_timeout) {
            Err(OutOfBounds::PromptTimeout)
        } else if !ALGORITHMS.contains(&self.algorithm) {
            Err(OutOfBounds::Algorithm)
        } else {
            Ok(())
        }
    }
}

impl Generation {
    fn is_within_bounds(self) -> bool {
        match self {
            Self::One => true,
            Self::Two { columns, rows } => COLUMNS.contains(&columns) && ROWS.contains(&rows),
        }
    }
}

/// What of a [`Brand`] no token may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// See [`NAME`].
    #[error("brand: {} to {} characters", NAME.start(), NAME.end())]
    Name,
    /// See [`STRING`].
    #[error("manufacturer: {} to {} UTF-16 units in each language", STRING.start(), STRING.end())]
    Manufacturer,
    /// See [`STRING`].
    #[error("product: {} to {} UTF-16 units in each language", STRING.start(), STRING.end())]
    Product,
    /// See [`HISTORICAL_BYTES`].
    #[error("historical_bytes: {HISTORICAL_BYTES} ASCII characters at most")]
    HistoricalBytes,
    /// See [`COLUMNS`] and [`ROWS`].
    #[error(
        "a screen has {} to {} columns and {} to {} rows",
        COLUMNS.start(), COLUMNS.end(), ROWS.start(), ROWS.end()
    )]
    Screen,
    /// See [`PIN_LENGTH`].
    #[error("pin_length is not within {} to {}", PIN_LENGTH.start(), PIN_LENGTH.end())]
    PinLength,
    /// See [`TRIES`].
    #[error("pin_tries and puk_tries: {} to {} are allowed", TRIES.start(), TRIES.end())]
    Tries,
    /// See [`PROMPT_TIMEOUT`].
    #[error("prompt_timeout: 1 to 3600 seconds")]
    PromptTimeout,
    /// See [`ALGORITHMS`].
    #[error("algorithm: a payment key is one of {} or of {}", ALGORITHMS[0].name(), ALGORITHMS[1].name())]
    Algorithm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_brand_is_within_bounds_and_each_field_is_judged() {
        let good = Brand::standard();
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Brand::first_generation().check(), Ok(()));
        let screen = |columns, rows| Generation::Two { columns, rows };
        for (brand, why) in [
            (Brand { name: " ".into(), ..good.clone() }, OutOfBounds::Name),
            (Brand { name: "行".repeat(81), ..good.clone() }, OutOfBounds::Name),
            (
                Brand { manufacturer: ["x".into(), "盾".repeat(127)], ..good.clone() },
                OutOfBounds::Manufacturer,
            ),
            (Brand { product: ["x".into(), String::new()], ..good.clone() }, OutOfBounds::Product),
            // A character outside the basic plane is two units.
            (Brand { product: ["\u{1F6E1}".repeat(64), "x".into()], ..good.clone() }, OutOfBounds::Product),
            (Brand { historical_bytes: [b'x'; 16].to_vec(), ..good.clone() }, OutOfBounds::HistoricalBytes),
            (Brand { historical_bytes: [0xFF].to_vec(), ..good.clone() }, OutOfBounds::HistoricalBytes),
            (Brand { generation: screen(15, 3), ..good.clone() }, OutOfBounds::Screen),
            (Brand { generation: screen(80, 41), ..good.clone() }, OutOfBounds::Screen),
            (Brand { pin_length: (5, 8), ..good.clone() }, OutOfBounds::PinLength),
            (Brand { pin_length: (8, 7), ..good.clone() }, OutOfBounds::PinLength),
            (Brand { pin_length: (6, 31), ..good.clone() }, OutOfBounds::PinLength),
            (Brand { pin_tries: 11, ..good.clone() }, OutOfBounds::Tries),
            (Brand { puk_tries: 0, ..good.clone() }, OutOfBounds::Tries),
            (Brand { prompt_timeout: 999, ..good.clone() }, OutOfBounds::PromptTimeout),
            (Brand { prompt_timeout: 3_600_001, ..good.clone() }, OutOfBounds::PromptTimeout),
            (Brand { algorithm: KeyAlgorithm::P384, ..good.clone() }, OutOfBounds::Algorithm),
            (Brand { algorithm: KeyAlgorithm::Rsa2048, ..good.clone() }, OutOfBounds::Algorithm),
        ] {
            assert_eq!(brand.check(), Err(why), "{brand:?}");
        }
        assert_eq!(Brand { algorithm: KeyAlgorithm::Sm2, ..good.clone() }.check(), Ok(()));
        let widest = Brand { generation: screen(80, 40), pin_length: (6, 30), ..good };
        assert_eq!(widest.check(), Ok(()));
    }
}
