//! The service at 127.0.0.1: its ports, its connections, and who may connect.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use peer::{Admission, Asking, Crowd};
use terminal::{Failure, Reason};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::{desk::Desk, door::Door, origin::Origin};

/// The ports, in the order in which a page tries them. They are below the ports that Linux gives to connections (32768), and the
/// Fetch Standard does not block them ("bad port").
pub const PORTS: [u16; 3] = [17_320, 17_321, 17_322];
/// Connections at a time. A browser opens six to one host.
const CONNECTIONS: usize = 64;
/// The most bytes of a request's head.
const LONGEST_HEAD: usize = 16 << 10;
/// How long to wait when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a request may take to arrive, its head and its body each.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A service that listens, and does not answer before [`Self::serve`] runs.
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    door: Arc<Door>,
    patience: Duration,
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
        let mut refused = None;
        for &port in ports {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => {
                    let address = listener.local_addr().map_err(|error| not_started(ports, &error))?;
                    let host = address.to_string();
                    let door = Arc::new(Door { host, banks, desk, patience });
                    return Ok(Self { listener, address, door, patience });
                }
                Err(error) => refused = Some(error),
            }
        }
        Err(not_started(ports, &refused.unwrap_or_else(|| io::ErrorKind::InvalidInput.into())))
    }

    /// Where the service listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, until the future is dropped.
    pub async fn serve(self) {
        let desk = Arc::clone(&self.door.desk);
        tokio::join!(self.accept(), desk.tidy());
    }

    async fn accept(&self) {
        let mut crowd = Crowd::of(CONNECTIONS);
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if crowd.has_room() => match accepted {
                    Ok((stream, peer)) => crowd.take(|asking| self.answer(stream, peer, asking)),
                    Err(error) => {
                        tracing::warn!(%error, "no connection accepted");
                        crowd.end_one();
                        sleep(PAUSE).await;
                    }
                },
                Some(()) = crowd.left() => {}
            }
        }
    }

    /// Serves one connection, if this user may.
    fn answer(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        asking: Asking,
    ) -> impl Future<Output = ()> + use<> {
        let (door, patience, local) = (Arc::clone(&self.door), self.patience, self.address);
        async move {
            match admitted(peer, local).await {
                Ok(()) => answer(stream, door, patience, asking).await,
                Err(refused) => tell(&refused),
            }
        }
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

/// Whether whoever connects is root or this user: another user of the machine has a browser too.
async fn admitted(peer: SocketAddr, local: SocketAddr) -> Result<(), peer::Refused> {
    match peer::admit(peer, local, &[]) {
        Admission::Decided(decided) => decided,
        Admission::Open(question) => question.answer().await,
    }
}

/// Tells who was refused. A browser that asks its user for a permission opens a connection and closes it at once: that is no news.
fn tell(refused: &peer::Refused) {
    match refused {
        peer::Refused::OtherUser(user, _) => {
            tracing::warn!(
                "a connection was refused: it belongs to user {user}, and root and this user alone are served"
            );
        }
        _ => tracing::debug!("a connection was refused: it was gone before the system said whose it is"),
    }
}

/// Serves one connection. Nothing is upgraded: there is no websocket.
async fn answer(stream: TcpStream, door: Arc<Door>, patience: Duration, asking: Asking) {
    let service = service_fn(|request: Request<Incoming>| {
        let counted = asking.begin();
        let door = Arc::clone(&door);
        async move {
            let _counted = counted;
            Ok::<_, std::convert::Infallible>(door.answer(request).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // An error says that the client has gone, or that it does not speak HTTP.
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
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
