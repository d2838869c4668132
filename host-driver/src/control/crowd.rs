//! The connections of the control socket: how many at a time, and for how long.

use std::{sync::Arc, time::Duration};

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
use peer::{Asking, Crowd, Patient};
use tokio::{
    net::{UnixListener, UnixStream},
    time::sleep,
};

use super::rack::Rack;

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// How long a connection may take to send its next request, and how long it may take nothing of an answer.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// Answers requests until the rack is stopped, and then those requests that have been sent already.
pub(super) async fn serve(listener: &UnixListener, routes: Router, rack: &Arc<Rack>) {
    let mut crowd = Crowd::of(CONNECTIONS);
    loop {
        tokio::select! {
            () = rack.stopped() => break,
            accepted = listener.accept(), if crowd.has_room() => match accepted {
                Ok((stream, _)) => {
                    crowd.take(|asking| answer(stream, routes.clone(), rack.clone(), asking));
                }
                Err(error) => {
                    tracing::warn!(%error, "no control connection accepted");
                    crowd.end_one();
                    sleep(PAUSE).await;
                }
            },
            Some(()) = crowd.left() => {}
        }
    }
    while crowd.left().await.is_some() {}
}

/// Serves one connection. Requests that wait for a screen end by themselves when the rack is stopped.
async fn answer(stream: UnixStream, routes: Router, rack: Arc<Rack>, asking: Asking) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, asking) = (routes.call(request), asking.begin());
        async move {
            let _asking = asking;
            answer.await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(Patient::new(stream, SILENCE)), service);
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
