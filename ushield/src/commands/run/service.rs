//! The PC/SC service of a run: it holds the run's tokens for as long as the command runs.

use std::{path::Path, sync::Arc, time::Duration};

use card::ccid::PATIENCE;
use host_driver::{Exporter, bus::Bus};
use reader::{Access, Config};
use tokio::{runtime::Handle, time::timeout};

use crate::{
    control::bench::Seat,
    failure::{Context, Failure},
};

/// How long a token that was just enrolled may take to be free.
const PATIENCE_FOR_A_TOKEN: Duration = Duration::from_secs(30);

/// The running service.
pub(super) struct Service(reader::Service);

impl Service {
    /// Takes all tokens, which are on this bus.
    pub(super) fn start(socket: &Path, exporter: &Exporter, seats: &[Seat]) -> Result<Self, Failure> {
        settle(exporter, seats);
        let config = Config {
            socket: socket.to_owned(),
            access: Access::Owner,
            usbip: exporter.local_addr().to_string(),
            bus_ids: seats.iter().map(|seat| seat.bus_id.to_string()).collect(),
            patience: PATIENCE,
        };
        let service = reader::Service::start(config).what("the PC/SC service did not start")?;
        tokio::spawn(tell(service.bell(), Arc::clone(exporter.bus())));
        Ok(Self(service))
    }

    /// The reader of a token, and its place in the list of all.
    pub(super) fn reader(&self, seat: &Seat) -> Result<(usize, String), Failure> {
        let serial = format!("({})", seat.token.serial);
        let mut readers = self.0.readers().into_iter().enumerate();
        readers.find(|(_, reader)| reader.contains(&serial)).ok_or_else(|| {
            Failure::new("the PC/SC service does not show a token")
                .because(format!("no reader is named after serial {}", seat.token.serial))
        })
    }
}

/// Tells the service of what comes and goes at once: it need not wait for its next look.
async fn tell(bell: impl Fn() + Send, bus: Arc<Bus>) {
    loop {
        let changed = bus.changed();
        bell();
        changed.await;
    }
}

/// Waits until nobody holds a token any more: who enrolled them hung up, and the exporter is about to notice.
fn settle(exporter: &Exporter, seats: &[Seat]) {
    let all = async {
        for seat in seats {
            exporter.bus().let_go(seat.bus_id).await;
        }
    };
    // Whoever holds one for so long is told of by the service.
    let _ = Handle::current().block_on(async { timeout(PATIENCE_FOR_A_TOKEN, all).await });
}
