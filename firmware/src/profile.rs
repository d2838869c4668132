//! What a token is made as: its brand, and how it stretches PINs. Plain data; the logic is elsewhere.

use alloc::{string::String, vec::Vec};

use wire::brand::Brand;
pub use wire::brand::Generation;

/// How a token looks and behaves: the fields of its [`Brand`], and how it stretches PINs.
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

impl Profile {
    /// A token of this brand, which stretches PINs as a token on a disk should.
    pub fn of(brand: Brand) -> Self {
        Self {
            brand: brand.name,
            usb: brand.usb,
            release: brand.release,
            manufacturer: brand.manufacturer,
            product: brand.product,
            historical_bytes: brand.historical_bytes,
            generation: brand.generation,
            pin_length: brand.pin_length,
            pin_tries: brand.pin_tries,
            puk_tries: brand.puk_tries,
            prompt_timeout: brand.prompt_timeout,
            stretch: Some((19 * 1024, 2)),
        }
    }

    /// The default brand.
    pub fn standard() -> Self {
        Self::of(Brand::standard())
    }

    /// The default brand's first generation: the same token without a screen.
    pub fn first_generation() -> Self {
        Self::of(Brand::first_generation())
    }
}
