//! The names of devices on the bus.

use std::fmt;

/// All devices are on bus 1; the second number is the device's.
const BUS: u32 = 1;

/// The name of a device on the bus, such as `1-1`, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusId(pub(super) u16);

impl BusId {
    /// Reads `1-N`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix("1-")?;
        let id = Self(number.parse().ok()?);
        // A name has one spelling: `1-+1` and `1-01` are no names.
        (id.to_string() == text && id.0 != 0).then_some(id)
    }

    /// busnum and devnum.
    pub fn number(self) -> [u32; 2] {
        [BUS, u32::from(self.0)]
    }

    /// The number that URB messages carry.
    pub fn device(self) -> u32 {
        BUS << 16 | u32::from(self.0)
    }
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BUS}-{}", self.0)
    }
}
