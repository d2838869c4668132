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

use crate::control::rack::Rack;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Connections that were ended and hold their memory for a moment.
const LEAVING: usize = 16;
/// How long a connection may take to ask its next question.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait where the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// Answers with these routes until the rack is stopped, and then to those who have asked already.
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
    /// Questions under way.
    asking: Arc<AtomicUsize>,
}

impl Crowd {
    /// Serves one more. When there are too many, one that asks nothing ends: whoever opens connections and says nothing does
    /// not keep others from `ushield down`.
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

    /// Ends the oldest that asks nothing; the oldest, where all ask.
    fn end_one(&mut self) {
        let idle = self.order.iter().position(|connection| connection.asking.load(Ordering::Relaxed) == 0);
        if let Some(connection) = self.order.remove(idle.unwrap_or(0)) {
            connection.task.abort();
        }
    }
}

/// One connection. The rack's end is the end of its questions, too: each that waits looks at it.
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
    // An error is the client's affair: it has gone, or does not speak HTTP.
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

/// A question under way, until it is dropped.
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
