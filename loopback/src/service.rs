//! A service at 127.0.0.1: its port, its connections, and who may connect.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use peer::{Admission, Asking, Crowd, Patient};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// How long a request may take to arrive, its head and its body each, and how long a client may take nothing of an answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at a time. A browser opens six to one host.
const CONNECTIONS: usize = 64;
/// The most bytes of a request's head.
const LONGEST_HEAD: usize = 16 << 10;
/// How long to wait when the system has no more descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// A service that listens, and does not answer before [`Self::serve`] runs.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    patience: Duration,
}

impl Service {
    /// Listens at the first of these ports that is free. Must be called inside a runtime.
    ///
    /// # Errors
    /// None of the ports is free.
    pub async fn bind(ports: &[u16], patience: Duration) -> io::Result<Self> {
        let mut refused = io::ErrorKind::InvalidInput.into();
        for &port in ports {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Ok(listener) => {
                    let address = listener.local_addr()?;
                    return Ok(Self { listener, address, patience });
                }
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Where the service listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, until the future is dropped.
    pub async fn serve<A, F, B>(&self, answer: A)
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let (_never, stopping) = watch::channel(false);
        self.serve_until(stopping, answer).await;
    }

    /// Answers until the end is wished, and then those requests that have been sent already.
    pub async fn serve_until<A, F, B>(&self, mut stopping: watch::Receiver<bool>, answer: A)
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let mut crowd = Crowd::of(CONNECTIONS);
        let end = stopping.clone();
        loop {
            tokio::select! {
                () = wished(&mut stopping) => break,
                accepted = self.listener.accept(), if crowd.has_room() => match accepted {
                    Ok((stream, peer)) => crowd.take(|asking| self.meet(stream, peer, asking, (answer.clone(), end.clone()))),
                    Err(error) => {
                        tracing::warn!(%error, "no connection accepted");
                        crowd.end_one();
                        sleep(PAUSE).await;
                    }
                },
                Some(()) = crowd.left() => {}
            }
        }
        while crowd.left().await.is_some() {}
    }

    /// Serves one connection, if this user may.
    fn meet<A, F, B>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        asking: Asking,
        (answer, stopping): (A, watch::Receiver<bool>),
    ) -> impl Future<Output = ()> + use<A, F, B>
    where
        A: Fn(Request<Incoming>) -> F + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let (patience, local) = (self.patience, self.address);
        async move {
            match admitted(peer, local).await {
                Ok(()) => serve(stream, patience, asking, (answer, stopping)).await,
                Err(refused) => tell(&refused),
            }
        }
    }
}

/// Returns when the end is wished.
async fn wished(stopping: &mut watch::Receiver<bool>) {
    let gone = stopping.wait_for(|stopping| *stopping).await.is_err();
    if gone {
        // Nobody is left who could wish it.
        std::future::pending().await
    }
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
async fn serve<A, F, B>(
    stream: TcpStream,
    patience: Duration,
    asking: Asking,
    (answer, mut stopping): (A, watch::Receiver<bool>),
) where
    A: Fn(Request<Incoming>) -> F + Send,
    F: Future<Output = Response<B>> + Send,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (counted, answered) = (asking.begin(), answer(request));
        async move {
            let _counted = counted;
            Ok::<_, Infallible>(answered.await)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream, patience)), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = wished(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // An error says that the client has gone, or that it does not speak HTTP.
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
