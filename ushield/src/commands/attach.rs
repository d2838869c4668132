//! `ushield attach`.

use std::time::Duration;

use card::usbip;
use clap::Args;
use machine::{
    brand,
    driver::{Catalogue, Usb},
    system::System,
    vhci::{self, Origin, UsbDevice, Vhci},
};
use serde_json::json;
use terminal::{Context, Exit, Failure, Outcome, Paint, refusal::explain, say, say_json, warn};

/// How long the kernel may take to enumerate: a machine that is emulated in software needs seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Attach a token to this Linux, which sees it as plugged in (root)
///
/// The kernel's vhci_hcd takes the token over USB/IP; nothing else has to be installed. Returns when the kernel has
/// enumerated it.
#[derive(Args)]
#[command(after_help = "Examples:
  sudo ushield attach 10.0.2.2             the one token of the machine that this VM runs on
  sudo ushield attach bank.example:3240 1-2
  ushield ports                            what is attached
  sudo ushield detach")]
pub(crate) struct Attach {
    /// The machine that serves it: a name or an address [port: 3240]
    #[arg(value_name = "HOST[:PORT]")]
    address: String,
    /// The token there; may be left out where there is one (`ushield ls` shows them)
    #[arg(value_name = "BUSID")]
    bus_id: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Attach {
    pub(crate) fn run(self) -> Outcome {
        let system = System::here();
        let again = [Some(self.address.as_str()), self.bus_id.as_deref()];
        let again = again.into_iter().flatten().collect::<Vec<_>>().join(" ");
        vhci::check_root(&system, &format!("ushield attach {again}"))?;
        let vhci = Vhci::load(&system)?;
        let bus_id = self.bus_id.clone().map_or_else(|| self.only(), Ok)?;
        let handed = usbip::hand_over(&self.address, &bus_id)
            .map_err(|error| explain("the token was not attached", &error))?;
        // Without keepalive, a peer that vanishes would leave a dead device on the bus for ever.
        rustix::net::sockopt::set_socket_keepalive(&handed.stream, true)
            .what("the connection could not be prepared")?;
        let port = vhci.attach(&handed.stream, handed.device.id(), handed.device.speed)?;
        // The kernel has a descriptor of its own for the stream now.
        drop(handed.stream);
        let origin = Origin::new(&self.address, &bus_id);
        if let Err(error) = origin.keep(&system, port) {
            warn(&format!(
                "ushield: the server of this port could not be written down ({error}), so `ushield ports` will not name it"
            ));
        }
        let device = vhci.enumerated(port, PATIENCE).inspect_err(|_| Origin::forget(&system, port))?;
        self.report(&system, port, &origin, &device)
    }

    /// The one token that the server offers.
    fn only(&self) -> Result<String, Failure> {
        let refused = |error| explain("the token was not attached", &error);
        let exported = usbip::list_with_interfaces(&self.address).map_err(refused)?;
        let readers = exported.into_iter().filter(usbip::Exported::is_reader).map(|one| one.device);
        let mut readers: Vec<_> = readers.filter(|device| is_plain(&device.bus_id)).collect();
        let Some(only) = readers.pop() else {
            return Err(Failure::new(format!("{} offers no token now", self.address))
                .because("another machine or program holds it, or it is unplugged")
                .next("on the machine that has the token, `ushield ls` lists its tokens, and `ushield plug` plugs one in"));
        };
        if readers.is_empty() {
            return Ok(only.bus_id);
        }
        readers.push(only);
        let lines = readers.iter().map(|device| {
            let (vendor, product, bus_id) = (device.vendor, device.product, &device.bus_id);
            format!("sudo ushield attach {} {bus_id}   (USB {vendor:04x}:{product:04x})", self.address)
        });
        Err(Failure::new("it is not clear which token you mean")
            .because(format!("{} offers {}", self.address, readers.len()))
            .next(lines.collect::<Vec<_>>().join("\n")))
    }

    fn report(&self, system: &System, port: u16, origin: &Origin, device: &UsbDevice) -> Outcome {
        let reader = Driven::of(system, device);
        if self.json {
            let name = match &reader {
                Driven::As(name) => Some(name),
                _ => None,
            };
            say_json(&format!(
                "{:#}",
                json!({ "port": port, "from": origin, "device": device, "reader": name })
            ));
            return Ok(Exit::Done);
        }
        let UsbDevice { product, serial, usb, bus_id, .. } = device;
        let bold = Paint::stdout().bold(&format!("Attached: {product}"));
        say(&format!("{bold}, serial {serial}, USB {usb}, at port {port} (the kernel calls it {bus_id})."));
        match reader {
            Driven::As(name) => say(&format!("pcscd calls the reader {name}.")),
            Driven::ByNone(Some(brand)) => {
                say(&format!("pcscd has no driver for it yet: sudo ushield driver install --brand {brand}"));
            }
            Driven::ByNone(None) => {
                say("pcscd has no driver for it yet: sudo ushield driver install --brand FILE.toml");
            }
            Driven::Unknown => {}
        }
        if !device.reader {
            warn("ushield: the device that was attached is no smart card reader, so it is no token");
        }
        say(&format!("Take it off again: sudo ushield detach {port}"));
        Ok(Exit::Done)
    }
}

/// Whether a bus id may be printed as part of a command line, and written to a file of words. The server chose the bus id.
fn is_plain(bus_id: &str) -> bool {
    !bus_id.is_empty()
        && bus_id.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))
        && !bus_id.starts_with('-')
}

/// Which driver of pcscd drives a device.
enum Driven {
    /// A driver that calls the reader by this name, to which pcscd appends numbers.
    As(String),
    /// No driver. The device needs that of this built-in brand, if it is of one.
    ByNone(Option<&'static str>),
    /// It is not known: this machine has no pcscd with a CCID driver.
    Unknown,
}

impl Driven {
    fn of(system: &System, device: &UsbDevice) -> Self {
        let (Ok(catalogue), Some(usb)) = (Catalogue::find(system), Usb::parse(&device.usb)) else {
            return Self::Unknown;
        };
        match catalogue.server_of(usb) {
            Some((_, reader)) if device.serial.is_empty() => Self::As(reader.name.clone()),
            Some((_, reader)) => Self::As(format!("{} ({})", reader.name, device.serial)),
            None => Self::ByNone(brand::of_usb(usb.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_does_not_choose_what_people_type() {
        assert!(is_plain("1-1") && is_plain("3-1.4") && is_plain("usb_0001:02"));
        for wrong in ["", "1-1; reboot", "--help", "1-1\n", "$(id)", "\u{1b}[2J"] {
            assert!(!is_plain(wrong), "{wrong:?}");
        }
    }
}
