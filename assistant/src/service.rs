//! The service at 127.0.0.1: its ports, and what it answers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming};
pub use loopback::PATIENCE;
use terminal::{Failure, Reason};

use crate::{desk::Desk, door::Door, origin::Origin};

/// The ports, in the order in which a page tries them. They are below the ports that Linux gives to connections (32768), and the
/// Fetch Standard does not block them ("bad port").
pub const PORTS: [u16; 3] = [17_320, 17_321, 17_322];

/// A service that listens, and does not answer before [`Self::serve`] runs.
pub struct Service {
    loopback: loopback::Service,
    door: Arc<Door>,
}

impl Service {
    /// Listens at the first of these ports that is free, for pages of these banks. Must be called inside a runtime.
    ///
    /// # Errors
    /// None of the ports is free.
    pub async fn bind(
        ports: &[u16],
        banks: Vec<Origin>,
        desk: Arc<Desk>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let loopback =
            loopback::Service::bind(ports, patience).await.map_err(|error| not_started(ports, &error))?;
        let host = loopback.address().to_string();
        Ok(Self { loopback, door: Arc::new(Door { host, banks, desk, patience }) })
    }

    /// Where the service listens.
    pub const fn address(&self) -> SocketAddr {
        self.loopback.address()
    }

    /// Answers, until the future is dropped.
    pub async fn serve(self) {
        let desk = Arc::clone(&self.door.desk);
        let door = self.door;
        let answer = move |request: Request<Incoming>| {
            let door = Arc::clone(&door);
            async move { door.answer(request).await }
        };
        tokio::join!(self.loopback.serve(answer), desk.tidy());
    }
}

fn not_started(ports: &[u16], error: &io::Error) -> Failure {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Failure::of(
        Reason::Locked,
        "the assistant did not start",
        format!("none of the ports {} of 127.0.0.1 is free: {error}", ports.join(", ")),
        "another assistant may run already; see who has the ports with: ss -ltnp",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the Fetch Standard's bad ports, these are above the ports that only root may listen at.
    const BAD: [u16; 18] = [
        1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679,
        10080,
    ];

    #[test]
    fn no_browser_blocks_the_ports() {
        for port in PORTS {
            // Linux gives ports to connections from 32768 on (ip(7), ip_local_port_range).
            assert!((1024..32_768).contains(&port) && port != 6697 && !BAD.contains(&port), "{port}");
        }
    }
}
