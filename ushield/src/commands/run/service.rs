//! The PC/SC service of a run: it holds the run's tokens for as long as the command runs.

use std::{path::Path, sync::Arc, time::Duration};

use card::ccid::PATIENCE;
use host_driver::{Exporter, bus::Bus, control::rack::Served};
use reader::{Access, Config};
use terminal::{Context, Failure};
use tokio::{runtime::Handle, time::timeout};

/// How long a token may take to be free after its enrolment.
const PATIENCE_FOR_A_TOKEN: Duration = Duration::from_secs(30);

/// The running service.
pub(super) struct Service(reader::Service);

impl Service {
    /// Takes all tokens, which are on the exporter's bus.
    pub(super) fn start(socket: &Path, exporter: &Exporter, served: &[Served]) -> Result<Self, Failure> {
        settle(exporter, served);
        let config = Config {
            socket: socket.to_owned(),
            access: Access::Owner,
            usbip: Some(exporter.address()),
            bus_ids: served.iter().map(|served| served.bus_id.to_string()).collect(),
            patience: PATIENCE,
        };
        let service = reader::Service::start(config).what("the PC/SC service did not start")?;
        tokio::spawn(tell(service.bell(), Arc::clone(exporter.bus())));
        Ok(Self(service))
    }

    /// The place in the list of all readers, and the name, of the reader that has this token.
    pub(super) fn reader(&self, served: &Served) -> Result<(usize, String), Failure> {
        self.0.reader(&served.bus_id.to_string()).ok_or_else(|| {
            Failure::new("the PC/SC service does not show a token")
                .because(format!("no reader has the token {}", served.bus_id))
        })
    }
}

/// Tells the service at once when a token comes or goes, so that the service need not wait for its next look at the bus.
async fn tell(bell: impl Fn() + Send, bus: Arc<Bus>) {
    loop {
        let changed = bus.changed();
        bell();
        changed.await;
    }
}

/// Waits until every token is free. The enrolment has just closed its connections, and the exporter may not have noticed yet.
fn settle(exporter: &Exporter, served: &[Served]) {
    let all = async {
        for served in served {
            exporter.bus().let_go(served.bus_id).await;
        }
    };
    // When a token is still held after that time, the service says which and why.
    let _ = Handle::current().block_on(async { timeout(PATIENCE_FOR_A_TOKEN, all).await });
}
