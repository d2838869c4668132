//! Where a story plays: the road from a host to a token, and the brand of the token.

use firmware::profile::Profile;
use machine::brand;
use wire::brand::Brand;

use crate::{bench, road::Road};

/// The brand of a story's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// Payments are signed with P-256.
    Standard,
    /// Payments are signed with SM2.
    Jade,
}

impl Make {
    /// The built-in brand.
    pub fn brand(self) -> Brand {
        let name = match self {
            Self::Standard => brand::STANDARD,
            Self::Jade => "jade",
        };
        brand::named(name).expect("a built-in brand").brand
    }

    /// A token of the brand, without the cost of stretching PINs.
    pub fn profile(self) -> Profile {
        bench::profile_of(self.brand())
    }
}

/// Where a story plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The road to the token.
    pub road: Road,
    /// The token's brand.
    pub make: Make,
}

/// A token of the default brand at the end of the road.
impl From<Road> for Scene {
    fn from(road: Road) -> Self {
        Self { road, make: Make::Standard }
    }
}
