//! What `--fix` does. Each fix is safe to do unasked, and one command undoes it.

use std::{fs, path::PathBuf};

use file::Access;

use terminal::{Context, Failure};

use crate::{driver, pcscd, system::System, vhci::Vhci};

/// One thing that `--fix` can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Loads vhci_hcd.
    LoadModule,
    /// Frees a port of vhci_hcd that is in error.
    FreePort(u16),
    /// Starts pcscd.
    StartPcscd,
    /// Ends pcscd and starts it.
    RestartPcscd,
    /// Installs the driver of a built-in brand.
    InstallDriver(String),
    /// Makes an installed driver again from the CCID driver that is there now.
    RenewDriver(String),
    /// Registers a PKCS#11 library with p11-kit: the module file, and the library.
    Register(PathBuf, PathBuf),
}

impl Fix {
    /// Does it.
    ///
    /// # Errors
    /// It did not succeed.
    pub fn apply(&self, system: &System) -> Result<(), Failure> {
        match self {
            Self::LoadModule => Vhci::load(system).map(drop),
            Self::FreePort(port) => Vhci::find(system).map_err(|missing| missing.failure())?.detach(*port),
            Self::StartPcscd => pcscd::start(system),
            Self::RestartPcscd => pcscd::restart(system),
            Self::InstallDriver(brand) => driver::install(system, &crate::brand::named(brand)?).map(drop),
            Self::RenewDriver(brand) => driver::renew(system, brand),
            Self::Register(module, library) => {
                let name = module.display();
                if let Some(folder) = module.parent() {
                    fs::create_dir_all(system.path(folder))
                        .what(format!("the folder of {name} was not made"))?;
                }
                let text = format!(
                    "# By ushield doctor. Without this file programs do not find the library.\nmodule: {}\n",
                    library.display()
                );
                file::write(&system.path(module), text.as_bytes(), Access::Everyone, true)
                    .map_err(|fault| Failure::new(format!("{name} was not written")).because(fault.why()))
            }
        }
    }
}
