//! `ushield driver`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use machine::{
    brand::{self, NamedBrand},
    driver::{self, Bundle, Catalogue, Condition, Deed, Usb, ifd},
    pcscd::{self, Pcscd},
    shared_object,
    system::System,
};
use serde_json::json;
use terminal::{Exit, Failure, Outcome, Paint, say, say_json};

/// Install or remove a brand's driver for pcscd, or list the drivers
///
/// A brand that the system's CCID driver does not know needs a driver of its own, which serves that brand only: a bundle
/// with its USB identifiers, on the installed CCID driver. On a machine without vhci_hcd, --ifd gives pcscd a reader that
/// reaches a token over USB/IP in user space.
#[derive(Args)]
#[command(after_help = "Examples:
  sudo ushield driver install --brand indigo
  ushield driver list
  sudo ushield driver remove --brand indigo")]
pub(crate) struct Driver {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install a brand's driver (root)
    #[command(after_help = "Examples:
  sudo ushield driver install --brand indigo
  ushield driver install --brand mine.toml --root image/
  sudo ushield driver install --ifd
  sudo ushield driver install --ifd usbip:192.168.122.1:3240/1-1")]
    Install {
        /// One of `ushield brand list`, or a TOML file
        #[arg(long, value_name = "NAME|FILE", required_unless_present = "ifd", conflicts_with = "ifd")]
        brand: Option<String>,
        /// A reader whose token is usbip:HOST:PORT, usbip:HOST:PORT/BUSID, or usb: for this machine's own USB
        #[arg(long, value_name = "DEVICE", num_args = 0..=1, default_missing_value = "usbip:127.0.0.1:3240")]
        ifd: Option<String>,
        #[command(flatten)]
        machine: Machine,
    },
    /// Remove a brand's driver: exactly what `install` made (root)
    #[command(
        after_help = "Examples:\n  sudo ushield driver remove --brand indigo\n  sudo ushield driver remove --ifd"
    )]
    Remove {
        /// The brand's name, as `ushield driver list` shows it
        #[arg(long, value_name = "NAME", required_unless_present = "ifd", conflicts_with = "ifd")]
        brand: Option<String>,
        /// The reader that `install --ifd` made
        #[arg(long)]
        ifd: bool,
        #[command(flatten)]
        machine: Machine,
    },
    /// List pcscd's drivers, and which brands they serve
    #[command(after_help = "Example:\n  ushield driver list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        machine: Machine,
    },
}

/// Which machine.
#[derive(Args)]
struct Machine {
    /// The root folder of a machine that is not running, such as an image in the making
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl Machine {
    /// The command that does `deed` on the same machine, as people type it.
    fn command(&self, deed: &str) -> String {
        match &self.root {
            None => format!("sudo ushield driver {deed}"),
            Some(root) => format!("ushield driver {deed} --root {}", root.display()),
        }
    }

    fn system(&self) -> Result<System, Failure> {
        match &self.root {
            None => Ok(System::here()),
            Some(root) if root.is_dir() => Ok(System::below(root)),
            Some(root) => Err(Failure::new(format!("there is no folder {}", root.display()))),
        }
    }
}

impl Driver {
    pub(crate) fn run(self) -> Outcome {
        match self.task {
            Task::Install { ifd: Some(device), machine, .. } => install_ifd(&machine.system()?, &device),
            Task::Install { brand, machine, .. } => {
                install(&machine, &brand::named(&brand.unwrap_or_default())?)
            }
            Task::Remove { ifd: true, machine, .. } => {
                let system = machine.system()?;
                removed(&system, &ifd::remove(&system)?)
            }
            Task::Remove { brand, machine, .. } => {
                let system = machine.system()?;
                removed(&system, &driver::remove(&system, &brand.unwrap_or_default())?)
            }
            Task::List { json, machine } => list(&machine.system()?, json),
        }
    }
}

fn install(machine: &Machine, brand: &NamedBrand) -> Outcome {
    let system = &machine.system()?;
    let (name, usb) = (&brand.name, Usb(brand.brand.usb));
    match driver::install(system, brand)? {
        Deed::Needless { bundle, reader } => {
            say(&format!("Nothing to install: {bundle} serves {usb} already, and pcscd calls it {reader}."));
        }
        Deed::Installed(folder) => {
            let bold = Paint::stdout().bold(&format!("Installed: the driver of {name}"));
            say(&format!("{bold}, which serves USB {usb} only: {}", folder.display()));
            hint(system);
            say(&format!("Undo: {} --brand {name}", machine.command("remove")));
        }
    }
    Ok(Exit::Done)
}

fn install_ifd(system: &System, device: &str) -> Outcome {
    let Some(library) = shared_object::find(ifd::LIBRARY) else {
        return Err(Failure::new("the IFD handler was not installed")
            .because(format!("{} lies neither beside this program nor in a library folder", ifd::LIBRARY))
            .next("build it: cargo build --release -p ifd"));
    };
    let reader = ifd::install(system, &library, device)?;
    let bold = Paint::stdout().bold("Installed: a reader of pcscd's");
    say(&format!("{bold}, whose token is {device}: {}", reader.display()));
    hint(system);
    say("Undo: sudo ushield driver remove --ifd");
    Ok(Exit::Done)
}

fn removed(system: &System, path: &Path) -> Outcome {
    say(&format!("Removed: {}", path.display()));
    hint(system);
    Ok(Exit::Done)
}

/// Says that pcscd has to be started again. pcscd reads its drivers when it starts; `pcscd --hotplug` looks for readers only.
fn hint(system: &System) {
    if system.is_here() && Pcscd::find(system).is_some() {
        say(&format!("pcscd reads its drivers when it starts: {}", pcscd::restart_command(system)));
    }
}

fn list(system: &System, json: bool) -> Outcome {
    let catalogue = Catalogue::find(system)?;
    let ours = catalogue.installed(system);
    let own = |bundle: &Bundle| ours.iter().find(|driver| driver.bundle.folder == bundle.folder);
    if json {
        let bundles = catalogue.bundles.iter().map(|bundle| {
            let driver = own(bundle);
            json!({
                "bundle": bundle.name(),
                "readers": bundle.readers.len(),
                "library": bundle.library(system),
                "brand": driver.map(|driver| &driver.brand),
                "condition": driver.map(|driver| driver.condition),
            })
        });
        let bundles: Vec<_> = bundles.collect();
        let brands = brand::built_in()?;
        let brands = brands.iter().map(|NamedBrand { name, brand, .. }| {
            let usb = Usb(brand.usb);
            let served = catalogue.server_of(usb);
            json!({ "brand": name, "usb": usb.to_string(), "served_by": served.map(|(bundle, _)| bundle.name()) })
        });
        let brands: Vec<_> = brands.collect();
        say_json(&format!(
            "{:#}",
            json!({ "folder": catalogue.folder.to_string_lossy(), "bundles": bundles, "brands": brands })
        ));
        return Ok(Exit::Done);
    }
    let paint = Paint::stdout();
    say(&paint.dim(&catalogue.folder.display().to_string()));
    say(&paint.bold(&format!("{:<30} {:<34} {}", "BUNDLE", "SERVES", "STATE")));
    for bundle in &catalogue.bundles {
        let serves = match bundle.readers.as_slice() {
            [reader] => format!("{} {}", reader.usb, reader.name),
            readers => format!("{} readers", readers.len()),
        };
        let state = match own(bundle).map(|driver| (driver.condition, &driver.brand)) {
            None => "not ours".to_owned(),
            Some((Condition::Current, _)) => "ours, current".to_owned(),
            Some((Condition::Outdated, brand)) => {
                format!("ours, older than the CCID driver: sudo ushield driver install --brand {brand}")
            }
            Some((Condition::Damaged, brand)) => {
                format!("ours, damaged: sudo ushield driver install --brand {brand}")
            }
        };
        say(&format!("{:<30} {serves:<34} {state}", bundle.name()));
    }
    say("");
    say(&paint.bold(&format!("{:<12} {:<10} {}", "BRAND", "USB", "SERVED BY")));
    for NamedBrand { name, brand, .. } in brand::built_in()? {
        let usb = Usb(brand.usb);
        let served = match catalogue.server_of(usb) {
            Some((bundle, reader)) => format!("{}, as {}", bundle.name(), reader.name),
            None => format!("nothing: sudo ushield driver install --brand {name}"),
        };
        say(&format!("{name:<12} {:<10} {served}", usb.to_string()));
    }
    Ok(Exit::Done)
}
