//! `ushield ports`.

use clap::Args;
use machine::{
    system::System,
    vhci::{Origin, Port, State, UsbDevice, Vhci},
};
use serde_json::json;
use terminal::{Exit, Outcome, Paint, say, say_json};

/// List what is attached to this Linux over USB/IP
#[derive(Args)]
#[command(after_help = "Examples:\n  ushield ports\n  ushield ports --json")]
pub(crate) struct Ports {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Ports {
    pub(crate) fn run(self) -> Outcome {
        let system = System::here();
        let vhci = Vhci::find(&system).map_err(|missing| missing.failure())?;
        let taken = vhci.ports()?.into_iter().filter(|port| port.state != State::Free);
        let rows: Vec<Row> = taken.map(|port| Row::of(&system, port)).collect();
        if self.json {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            say_json(&format!("{:#}", json!({ "ports": rows })));
            return Ok(Exit::Done);
        }
        if rows.is_empty() {
            say("Nothing is attached.");
            return Ok(Exit::Done);
        }
        say(&Paint::stdout().bold(&format!(
            "{:<5} {:<11} {:<12} {:<7} {:<10} {:<24} {}",
            "PORT", "HUB", "STATE", "LOCAL", "USB", "FROM", "PRODUCT"
        )));
        rows.iter().for_each(|row| say(&row.line()));
        Ok(Exit::Done)
    }
}

/// A port in use.
struct Row {
    port: Port,
    device: Option<UsbDevice>,
    from: Option<Origin>,
}

impl Row {
    fn of(system: &System, port: Port) -> Self {
        let device = port.bus_id.as_deref().and_then(|bus_id| UsbDevice::read(system, bus_id));
        Self { from: Origin::of(system, port.number), device, port }
    }

    fn json(&self) -> serde_json::Value {
        let Port { number, hub, state, .. } = &self.port;
        json!({ "port": number, "hub": hub, "state": state, "from": self.from, "device": self.device })
    }

    fn line(&self) -> String {
        let Port { number, hub, state, .. } = &self.port;
        let none = || "-".to_owned();
        let hub = hub.map_or_else(none, |hub| hub.to_string());
        let from = self.from.as_ref().map_or_else(none, |Origin { host, port, bus_id }| {
            if host.contains(':') {
                format!("[{host}]:{port}/{bus_id}")
            } else {
                format!("{host}:{port}/{bus_id}")
            }
        });
        let (local, usb, product) = match &self.device {
            Some(device) => (device.bus_id.clone(), device.usb.clone(), device.product.clone()),
            None => (none(), none(), none()),
        };
        format!("{number:<5} {hub:<11} {state:<12} {local:<7} {usb:<10} {from:<24} {product}")
    }
}
