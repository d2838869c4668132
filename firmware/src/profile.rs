//! What a token is made as: its brand, and how it stretches PINs. Plain data; the logic is elsewhere.

use wire::brand::Brand;
pub use wire::brand::Generation;

/// How a token looks and behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The brand, in which each value has its one copy.
    pub brand: Brand,
    /// Argon2id memory in KiB and passes of a token that is made; it keeps them for life. `None` for tokens that live
    /// in memory only.
    pub stretch: Option<(u32, u32)>,
}

impl Profile {
    /// A token of this brand, which stretches PINs as a token on a disk should.
    pub const fn of(brand: Brand) -> Self {
        Self { brand, stretch: Some((19 * 1024, 2)) }
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
