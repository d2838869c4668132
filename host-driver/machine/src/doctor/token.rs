//! The token: whether one is on this machine's USB, and what it tells of itself.

use card::road::{self, Selection};
use wire::{
    piv::Slot,
    shield::{Container, Information},
};

use super::{Examined, Finding};
use crate::{brand, driver::Usb, system::System, vhci::UsbDevice};

const TOKEN: &str = "token";

/// Asks tokens what they hold.
pub trait Card {
    /// Opens each token, asks it, and lets it go. Where there is no token, the one element says so.
    fn reach(&self) -> Vec<Reached>;
}

/// What a token said, or why it was not reached.
pub type Reached = Result<Holding, card::Error>;

/// What a token holds.
#[derive(Clone, Debug)]
pub struct Holding {
    /// GET INFORMATION.
    pub information: Information,
    /// The certificates of the personal ID: the container's name, and the certificate in DER.
    pub certificates: Vec<(&'static str, Option<Vec<u8>>)>,
}

/// The tokens that the settings and the environment name, or else all that are there.
#[derive(Clone, Copy, Debug)]
pub struct Roads;

impl Card for Roads {
    fn reach(&self) -> Vec<Reached> {
        Selection::from_environment()
            .map_or_else(|error| vec![Err(error)], |selection| Reaching(selection).reach())
    }
}

/// The tokens that fit a selection.
#[derive(Clone, Debug)]
pub struct Reaching(pub Selection);

impl Card for Reaching {
    fn reach(&self) -> Vec<Reached> {
        let Self(selection) = self;
        let all = || -> Result<Vec<Reached>, card::Error> {
            let found = road::discover(selection)?;
            if found.is_empty() {
                // The attempt to open a token says why: there is none, or none is free.
                return road::open(selection).map(|mut card| vec![Holding::of(&mut card)]);
            }
            let one =
                |road| road::open_road(road, selection.patience).and_then(|mut card| Holding::of(&mut card));
            let mut reached: Vec<Reached> = found.iter().map(|token| one(&token.road)).collect();
            // A card in another reader is no token of ours. It is told of only where there is nothing else.
            let ours = |reached: &Reached| !matches!(reached, Err(card::Error::Refused(_)));
            if reached.iter().any(ours) {
                reached.retain(ours);
            }
            Ok(reached)
        };
        all().unwrap_or_else(|error| vec![Err(error)])
    }
}

impl Holding {
    /// Asks a token.
    ///
    /// # Errors
    /// The card is no token of ours, or the line broke.
    pub fn of(card: &mut card::Card) -> Reached {
        let mut shield = card::shield::Shield::select(card)?;
        let information = shield.information()?;
        let mut certificates = Vec::new();
        for container in [Container::Payment, Container::Piv(Slot::Authentication)] {
            certificates.push((container.name(), shield.certificate(container)?));
        }
        Ok(Self { information, certificates })
    }
}

/// The tokens on the bus: smart card readers, and devices with a brand's identifiers whatever they look like.
pub(super) fn on_bus(system: &System) -> Vec<UsbDevice> {
    let mut devices = UsbDevice::all(system);
    devices.retain(|device| {
        device.reader || Usb::parse(&device.usb).is_some_and(|usb| brand::of_usb(usb.0).is_some())
    });
    devices
}

pub(super) fn check(examined: &Examined<'_>) -> Vec<Finding> {
    let devices = on_bus(examined.system);
    if devices.is_empty() {
        return vec![
            Finding::error(TOKEN, "token_absent", "no token is on this machine's USB")
                .mended_by("start one here with `ushield up`, or plug one in; one that is served already: sudo ushield attach HOST"),
        ];
    }
    devices.iter().map(found).collect()
}

fn found(device: &UsbDevice) -> Finding {
    let UsbDevice { product, serial, usb, bus_id, .. } = device;
    let name = format!("{product} {serial} (USB {usb}, {bus_id})");
    if !device.authorized {
        return Finding::error(
            TOKEN,
            "token_not_authorized",
            format!("the kernel was told not to use {name}"),
        )
        .mended_by(format!("echo 1 | sudo tee /sys/bus/usb/devices/{bus_id}/authorized   (or in USBGuard)"));
    }
    if !device.reader {
        return Finding::error(
            TOKEN,
            "token_not_whole",
            format!("{name} shows the kernel no smart card reader"),
        )
        .mended_by("unplug it and plug it in; the kernel's reasons are at the end of `sudo dmesg`");
    }
    Finding::good(TOKEN, name)
}
