//! The CCID driver, and the driver of the token's brand.

use super::{Examined, Finding, Fix, token};
use crate::{
    brand,
    driver::{Catalogue, Condition, Usb},
};

const DRIVER: &str = "driver";

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let system = examined.system;
    let catalogue = match Catalogue::find(system) {
        Ok(catalogue) => catalogue,
        Err(_) => {
            return vec![
                Finding::error(DRIVER, "ccid_missing", "the CCID driver for pcscd is not installed").mended_by(
                    "sudo apt install libccid   (Fedora: sudo dnf install pcsc-lite-ccid; Arch: sudo pacman -S ccid)",
                ),
            ];
        }
    };
    if catalogue.ccid().is_err() {
        return vec![
            Finding::error(DRIVER, "ccid_damaged", "the CCID driver has no Info.plist that can be read")
                .mended_by("sudo apt install --reinstall libccid"),
        ];
    }
    let ours = catalogue.installed(system);
    let mut findings: Vec<Finding> = ours
        .iter()
        .filter_map(|driver| {
            let (brand, name) = (&driver.brand, driver.bundle.name());
            let (code, message) = match driver.condition {
                Condition::Current => return None,
                Condition::Outdated => {
                    ("driver_outdated", format!("{name} was made from a CCID driver that was updated since"))
                }
                Condition::Damaged => ("driver_damaged", format!("{name} is not whole any more")),
            };
            let finding = match driver.condition {
                Condition::Outdated => Finding::warning(DRIVER, code, message),
                _ => Finding::error(DRIVER, code, message),
            };
            let finding = finding.mended_by(format!("sudo ushield driver install --brand {brand}"));
            Some(finding.fixed_by(Fix::RenewDriver(brand.clone())))
        })
        .collect();
    let usable = findings.is_empty();
    for device in token::on_bus(system) {
        let Some(usb) = Usb::parse(&device.usb) else { continue };
        match catalogue.server_of(usb) {
            Some((bundle, reader)) if usable => {
                findings.push(Finding::good(
                    DRIVER,
                    format!("{} serves USB {usb}, as {}", bundle.name(), reader.name),
                ));
            }
            Some(_) => {}
            None => {
                let brand = brand::of_usb(usb.0);
                let finding = Finding::error(
                    DRIVER,
                    "brand_unknown",
                    format!("no driver of pcscd's serves {} (USB {usb})", device.product),
                );
                let finding = finding.mended_by(format!(
                    "sudo ushield driver install --brand {}",
                    brand.unwrap_or("FILE.toml")
                ));
                findings.push(match brand {
                    Some(brand) => finding.fixed_by(Fix::InstallDriver(brand.into())),
                    None => finding,
                });
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good(DRIVER, format!("the CCID driver is in {}", catalogue.folder.display())));
    }
    findings
}
