//! The connections of the control socket: how many at a time, and for how long.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use super::rack::Rack;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// So many connections that were ended may still hold memory, until their tasks are gone.
const LEAVING: usize = 16;
/// How long a connection may take to send its next request.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// Answers requests until the rack is stopped, and then those requests that have been sent already.
pub(super) async fn serve(listener: &UnixListener, routes: Router, rack: &Arc<Rack>) {
    let mut crowd = Crowd::default();
    loop {
        tokio::select! {
            () = rack.stopped() => break,
            accepted = listener.accept(), if crowd.tasks.len() < CONNECTIONS + LEAVING => match accepted {
                Ok((stream, _)) => crowd.take(stream, routes.clone(), rack.clone()),
                Err(error) => {
                    tracing::warn!(%error, "no control connection accepted");
                    crowd.end_one();
                    sleep(PAUSE).await;
                }
            },
            Some(_) = crowd.tasks.join_next() => {}
        }
    }
    while crowd.tasks.join_next().await.is_some() {}
}

/// The connections, oldest first.
#[derive(Default)]
struct Crowd {
    tasks: JoinSet<()>,
    order: VecDeque<Connection>,
}

struct Connection {
    task: AbortHandle,
    /// How many requests of this connection are being answered.
    asking: Arc<AtomicUsize>,
}

impl Crowd {
    /// Serves one more connection. When there are too many, a connection without a request ends: a program that opens
    /// connections and sends nothing does not keep others from `ushield down`.
    fn take(&mut self, stream: UnixStream, routes: Router, rack: Arc<Rack>) {
        if self.order.len() >= CONNECTIONS {
            self.order.retain(|connection| !connection.task.is_finished());
        }
        if self.order.len() >= CONNECTIONS {
            self.end_one();
            tracing::warn!(
                "{CONNECTIONS} control connections are open: the oldest that asks nothing was closed"
            );
        }
        let asking = Arc::<AtomicUsize>::default();
        let task = self.tasks.spawn(answer(stream, routes, rack, Arc::clone(&asking)));
        self.order.push_back(Connection { task, asking });
    }

    /// Ends the oldest connection without a request; where each has a request, the oldest connection.
    fn end_one(&mut self) {
        let idle = self.order.iter().position(|connection| connection.asking.load(Ordering::Relaxed) == 0);
        if let Some(connection) = self.order.remove(idle.unwrap_or(0)) {
            connection.task.abort();
        }
    }
}

/// Serves one connection. Requests that wait for a screen end by themselves when the rack is stopped.
async fn answer(stream: UnixStream, routes: Router, rack: Arc<Rack>, asking: Arc<AtomicUsize>) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, asking) = (routes.call(request), Asking::begin(&asking));
        async move {
            let _asking = asking;
            answer.await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // An error says that the client has gone, or that it does not speak HTTP.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = rack.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a control connection ended early");
    }
}

/// Counts a request as being answered, until this value is dropped.
struct Asking(Arc<AtomicUsize>);

impl Asking {
    fn begin(asking: &Arc<AtomicUsize>) -> Self {
        asking.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(asking))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
