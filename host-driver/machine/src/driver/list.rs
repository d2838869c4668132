//! Our drivers among those that are installed, and the state of each.

use std::fs;

use serde::Serialize;

use super::{Bundle, Catalogue, mark::Mark};
use crate::system::System;

/// The state of a driver that we installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The driver is what `driver install` would make now.
    Current,
    /// The CCID driver from which it was made has been updated since.
    Outdated,
    /// A file was changed or is missing.
    Damaged,
}

/// A driver that we installed.
#[derive(Clone, Debug)]
pub struct Installed<'a> {
    /// Its bundle.
    pub bundle: &'a Bundle,
    /// The name of the brand that it serves.
    pub brand: String,
    /// Its state.
    pub condition: Condition,
}

impl Catalogue {
    /// The drivers of brands that we have installed.
    pub fn installed(&self, system: &System) -> Vec<Installed<'_>> {
        let ours =
            self.bundles.iter().filter_map(|bundle| Some((bundle, Mark::read(system, &bundle.folder)?)));
        ours.map(|(bundle, mark)| Installed {
            bundle,
            condition: self.condition(system, bundle, &mark),
            brand: mark.brand,
        })
        .collect()
    }

    fn condition(&self, system: &System, bundle: &Bundle, mark: &Mark) -> Condition {
        let link = fs::read_link(system.path(self.folder.join(mark.usb.link())));
        if !mark.is_whole(system, &bundle.folder) || link.ok() != bundle.folder.file_name().map(Into::into) {
            return Condition::Damaged;
        }
        let library = self.ccid().map(|ccid| ccid.library(system)).unwrap_or_else(|_| mark.source.clone());
        if mark.is_current(system, &library) { Condition::Current } else { Condition::Outdated }
    }
}
