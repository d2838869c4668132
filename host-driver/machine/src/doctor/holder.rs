//! Who holds the token: one program at a time can open its USB device, and that program should be pcscd.

use std::{fs, path::PathBuf};

use super::{Examined, Finding, Fix, token};
use crate::{
    driver::{Catalogue, Usb},
    pcscd::{self, Pcscd},
    system::System,
    vhci::UsbDevice,
};

const HOLDER: &str = "holder";

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let system = examined.system;
    let devices = token::on_bus(system);
    if devices.is_empty() {
        return Vec::new();
    }
    if !system.is_root() {
        let message = "who holds the token was not looked at: only root sees it";
        return vec![Finding::note(HOLDER, "holder_unseen", message).mended_by("sudo ushield doctor")];
    }
    devices
        .iter()
        .filter(|device| device.reader && device.authorized)
        .map(|device| of(system, device))
        .collect()
}

fn of(system: &System, device: &UsbDevice) -> Finding {
    let (bus, number) = device.node;
    let node = PathBuf::from(format!("/dev/bus/usb/{bus:03}/{number:03}"));
    let holders = openers(system, &node);
    let product = &device.product;
    if let Some((process, name)) = holders.iter().find(|(_, name)| name != "pcscd") {
        let finding = Finding::error(
            HOLDER,
            "token_held",
            format!(
                "{name} (process {process}) holds {product}, so that pcscd and other programs cannot have it"
            ),
        );
        return finding.mended_by(match name.as_str() {
            // scdaemon opens readers by itself, unless it is told to ask pcscd.
            "scdaemon" => "echo disable-ccid >> ~/.gnupg/scdaemon.conf && gpgconf --kill scdaemon".into(),
            _ => format!("end {name}, or: sudo kill {process}"),
        });
    }
    if let Some((process, _)) = holders.first() {
        return Finding::good(HOLDER, format!("pcscd (process {process}) has {product}"));
    }
    let served = Usb::parse(&device.usb)
        .is_some_and(|usb| Catalogue::find(system).is_ok_and(|catalogue| catalogue.server_of(usb).is_some()));
    match Pcscd::find(system) {
        // pcscd reads its drivers when it starts, and does not know of one that was installed later.
        Some(pcscd) if served => Finding::warning(
            HOLDER,
            "token_not_taken",
            format!(
                "pcscd (process {}) runs and has not taken {product}: it reads its drivers when it starts",
                pcscd.process
            ),
        )
        .mended_by(pcscd::restart_command(system))
        .fixed_by(Fix::RestartPcscd),
        _ => Finding::good(HOLDER, format!("nobody has {product}")),
    }
}

/// The processes that have a file open: number and name.
fn openers(system: &System, file: &PathBuf) -> Vec<(u32, String)> {
    let processes = system.names("/proc").into_iter().filter_map(|name| name.parse::<u32>().ok());
    let open = |process: &u32| {
        let folder = format!("/proc/{process}/fd");
        let descriptors = system.names(&folder).into_iter();
        descriptors
            .map(|number| fs::read_link(system.path(format!("{folder}/{number}"))))
            .any(|link| link.ok().as_ref() == Some(file))
    };
    let name = |process: u32| (process, system.text(format!("/proc/{process}/comm")).unwrap_or_default());
    processes.filter(open).map(name).collect()
}
