//! `cert-tool renew`.

use clap::Args;

use super::{Report, enrol::RoadToId};
use crate::{Error, enrol::Wish};

/// Renew the personal ID on the token: the same holder, new keys; the former ID works until then
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool renew --ca CA --days 730")]
pub(super) struct Renew {
    #[command(flatten)]
    road: RoadToId,
}

impl Renew {
    pub(super) fn run(self) -> Result<Report, Error> {
        self.road.go(Wish::Renew)
    }
}
