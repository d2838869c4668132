//! The listeners: two sites and the metrics, and how they stop.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::ConnectInfo, extract::State, routing::get};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use peer::Patient;
use terminal::Failure;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{interval, timeout},
};

use crate::{
    bank::{Bank, Open},
    books::{idempotency, node, order, session, session::SessionKind, throttle},
    clock::SECOND,
    counter,
    crowd::Crowd,
    dial::Caller,
    error::{Error, Result, Trouble},
    est, gauge, log, merchant,
    neighbour::Neighbours,
    origin::Origins,
    pay::remit,
    proxy::Proxies,
    public,
    tls::{Doorkeeper, Holder},
    webhook,
};

/// So many connections of one listener at a time.
const CONNECTIONS: usize = 512;
/// So many of them come from one place, unless a trusted proxy is there: one stranger does not take them all.
const CONNECTIONS_OF_ONE: usize = 128;
/// The bytes that one connection may have waiting.
const BUFFER: usize = 64 << 10;
/// A request's head comes within this time.
const HEAD: Duration = Duration::from_secs(10);
/// What is being answered when the bank stops has this long.
const GRACE: Duration = Duration::from_secs(10);
/// A step of the housekeeping has this long.
const STEP: Duration = Duration::from_secs(30);
/// A clock that is so many seconds away is told of.
const AWAY: i64 = 5;
/// A browser that takes nothing of its answer for so long is let go.
const UNREAD: Duration = Duration::from_secs(30);

/// Where the listeners are to be.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) public: SocketAddr,
    pub(crate) counter: SocketAddr,
    pub(crate) metrics: SocketAddr,
    /// What customers type, where a proxy stands before the bank.
    pub(crate) public_origin: Option<String>,
    /// What tellers type, where they come from elsewhere.
    pub(crate) counter_origin: Option<String>,
    pub(crate) proxies: Proxies,
    /// What answers in TLS; [`None`] is plain HTTP.
    pub(crate) tls: Option<Arc<Doorkeeper>>,
    /// What sends webhooks.
    pub(crate) caller: Caller,
    /// Where clients of EST come, and what asks for their shields' certificates; [`None`] is nowhere.
    pub(crate) est: Option<(SocketAddr, Arc<Doorkeeper>)>,
}

/// Listeners that are open, and the bank behind them.
pub(crate) struct Server {
    pub(crate) bank: Open,
    listeners: [TcpListener; 3],
    est: Option<(TcpListener, Door)>,
    sites: [Router; 3],
    proxies: Arc<Proxies>,
    tls: Option<Arc<Doorkeeper>>,
    caller: Caller,
}

fn origins(of: &Origins, place: SocketAddr, scheme: &str, public: Option<&String>) {
    let own = [format!("{scheme}://localhost:{}", place.port()), format!("{scheme}://{place}")];
    of.settle(public.map_or_else(|| own.to_vec(), |origin| vec![origin.clone()]));
}

async fn listen(place: SocketAddr) -> std::result::Result<TcpListener, Failure> {
    TcpListener::bind(place).await.map_err(|fault| {
        Failure::new(format!("{place} was not opened"))
            .because(fault)
            .next("name another port, or 0 for any that is free")
    })
}

impl Server {
    /// Opens the listeners. From now on connections wait, and [`Self::run`] answers them.
    pub(crate) async fn open(bank: Bank, places: Places) -> std::result::Result<Self, Failure> {
        let Places { public, counter, metrics, public_origin, counter_origin, proxies, tls, caller, est } =
            places;
        let listeners = [listen(public).await?, listen(counter).await?, listen(metrics).await?];
        let bank = Arc::new(bank);
        let place = |at: usize| listeners.get(at).and_then(|listener| listener.local_addr().ok());
        if let (Some(public), Some(counter)) = (place(0), place(1)) {
            let scheme = if tls.is_some() { "https" } else { "http" };
            origins(&bank.public, public, scheme, public_origin.as_ref());
            origins(&bank.counter, counter, scheme, counter_origin.as_ref());
        }
        let proxies = Arc::new(proxies);
        let sites = [
            public::routes().site(bank.clone(), SessionKind::Customer, proxies.clone()),
            counter::routes().and(public::assets()).site(bank.clone(), SessionKind::Teller, proxies.clone()),
            Router::new().route("/metrics", get(metrics_page)).with_state(bank.clone()),
        ];
        let est = match est {
            None => None,
            Some((place, tls)) => {
                // What shows the shield's certificate ends here, so that no proxy speaks for anybody.
                let site = est::routes().for_clients(bank.clone());
                let proxies = proxies.clone();
                Some((listen(place).await?, Door { site, tls: Some(tls), proxies, keeps_alive: false }))
            }
        };
        Ok(Self { bank, listeners, est, sites, proxies, tls, caller })
    }

    /// The address of the metrics.
    pub(crate) fn metrics(&self) -> Option<SocketAddr> {
        self.listeners.last().and_then(|listener| listener.local_addr().ok())
    }

    /// Where clients of EST come.
    pub(crate) fn est(&self) -> Option<SocketAddr> {
        self.est.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Answers until `stop` says so, or until the database is not this program's any more; what is being answered then is answered to its end.
    pub(crate) async fn run(self, mut outer: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        let (halt, stop) = watch::channel(false);
        tasks.spawn(keep_watch(self.bank.clone(), halt.clone(), stop.clone()));
        let mut halted = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stopped(&mut outer) => halt.send_replace(true),
                () = stopped(&mut halted) => true,
            };
        });
        // The metrics are at loopback only, so they are in clear.
        let tls = [self.tls.clone(), self.tls.clone(), None];
        for ((listener, site), tls) in self.listeners.into_iter().zip(self.sites).zip(tls) {
            let door = Door { site, tls, proxies: self.proxies.clone(), keeps_alive: true };
            tasks.spawn(accept(listener, door, stop.clone()));
        }
        tasks.spawn(webhook::run(self.bank.clone(), self.caller, stop.clone()));
        let of_est = self.est.as_ref().and_then(|(_, door)| door.tls.clone());
        for tls in self.tls.into_iter().chain(of_est) {
            tasks.spawn(keep_door(self.bank.clone(), tls, stop.clone()));
        }
        if let Some((listener, door)) = self.est {
            tasks.spawn(accept(listener, door, stop.clone()));
        }
        tasks.spawn(keep_house(self.bank.clone(), stop));
        while tasks.join_next().await.is_some() {}
        let _ = timeout(GRACE, self.bank.rest()).await;
        step(&self.bank, "tries that were no guesses", self.bank.pay_owed()).await;
        step(&self.bank, "the seal of the audit", async { self.bank.seal().await.map(|_| ()) }).await;
        step(&self.bank, "this node's row", self.bank.leave()).await;
        let _ = timeout(STEP, self.bank.database.close()).await;
        log::event("closed");
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could say so is gone: that is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What is behind a listener.
#[derive(Clone)]
struct Door {
    site: Router,
    tls: Option<Arc<Doorkeeper>>,
    /// Where many may come from one place.
    proxies: Arc<Proxies>,
    /// Whether a connection may ask more than once.
    keeps_alive: bool,
}

async fn accept(listener: TcpListener, door: Door, mut stop: watch::Receiver<bool>) {
    let crowd = Crowd::default();
    let (places, mut connections) = (Arc::new(Semaphore::new(CONNECTIONS)), JoinSet::new());
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = stopped(&mut stop) => break,
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let most = if door.proxies.trusts(peer.ip()) { CONNECTIONS } else { CONNECTIONS_OF_ONE };
                    if let Some(counted) = crowd.enter(peer.ip(), most) {
                        let (door, stop) = (door.clone(), stop.clone());
                        connections.spawn(async move {
                            serve(stream, peer, door, stop).await;
                            drop((place, counted));
                        });
                    }
                }
                // No descriptor is free: the next one may be.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            () = stopped(&mut stop) => break,
        }
        while connections.try_join_next().is_some() {}
    }
    let _ = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, door: Door, stop: watch::Receiver<bool>) {
    let site = door.site.layer(axum::Extension(ConnectInfo(peer)));
    match door.tls {
        None => converse(stream, site, door.keeps_alive, stop).await,
        // Whoever does not speak TLS, or never ends to begin, is let go.
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HEAD, tls.acceptor().accept(stream)).await {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let holder = Holder(shown.map(|certificate| certificate.to_vec()));
                converse(stream, site.layer(axum::Extension(holder)), door.keeps_alive, stop).await;
            }
        }
    }
}

async fn converse<S>(stream: S, site: Router, keeps_alive: bool, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(64).max_buf_size(BUFFER);
    builder.keep_alive(keeps_alive);
    // Whoever asks and reads nothing gives the place back.
    let stream = Patient::new(stream, UNREAD);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(site));
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stopped(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Reads the certificate and the key again when their files have changed; SIGHUP makes the bank look at once.
async fn keep_door(bank: Open, tls: Arc<Doorkeeper>, mut stop: watch::Receiver<bool>) {
    let Ok(mut asked) = signal(SignalKind::hangup()) else { return };
    let mut tick = interval(Duration::from_secs(10));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = asked.recv() => {}
            () = stopped(&mut stop) => return,
        }
        match tls.renew() {
            Ok(true) => log::event("the certificate of TLS was read again"),
            Ok(false) => {}
            Err(failure) => {
                bank.metrics.fault("tls");
                log::fault(&format!("the former certificate of TLS stays: {failure}"));
            }
        }
    }
}

/// The time, and this node's row, which a migration waits for. Nothing else may hold this up. Ends the node where a newer program has taken
/// something away meanwhile.
async fn keep_watch(bank: Open, halt: watch::Sender<bool>, mut stop: watch::Receiver<bool>) {
    let (mut tick, mut neighbours) = (interval(Duration::from_secs(10)), Neighbours::default());
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopped(&mut stop) => return,
        }
        step(&bank, "the time", bank.keep_time(&mut neighbours)).await;
        step(&bank, "this node's row", bank.join()).await;
        if let Ok(Ok(Some(why))) = timeout(STEP, bank.database.refuses()).await {
            log::fault(&format!("this node ends, because {why}: serve with the newer program"));
            halt.send_replace(true);
        }
    }
}

/// The outgoing queue, orders that are too old, and the hourly seal on the audit.
async fn keep_house(bank: Open, mut stop: watch::Receiver<bool>) {
    let (mut tick, mut round) = (interval(Duration::from_millis(500)), 0_u64);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopped(&mut stop) => return,
        }
        tidy(&bank, round).await;
        round += 1;
    }
}

/// Every node gives tries back and writes the seals down; the rest is done by one node at a time.
async fn tidy(bank: &Bank, round: u64) {
    step(bank, "tries that were no guesses", bank.pay_owed()).await;
    if round.is_multiple_of(120) {
        tell_time(bank);
        step(bank, "the file of the seals", bank.write_seals_down()).await;
    }
    let duty = timeout(STEP, bank.database.duty()).await.unwrap_or_else(|_| Err(Error::silent()));
    let _duty = match duty {
        Ok(Some(duty)) => duty,
        Ok(None) => return,
        Err(fault) => return tell(bank, "the whole round", Err(fault)),
    };
    // One step that fails keeps no other from being done.
    step(bank, "the outgoing queue", remit_all(bank)).await;
    if round.is_multiple_of(10) {
        step(bank, "merchants' orders", merchant::expire_late(bank)).await;
    }
    if round.is_multiple_of(120) {
        step(bank, "what is too old", sweep(bank)).await;
        step(bank, "the seal of the audit", bank.seal_hourly()).await;
    }
}

/// One step, and how it went. A database whose machine is gone without a word holds up neither the next step nor the end of the node.
async fn step(bank: &Bank, what: &str, act: impl Future<Output = Result<()>>) {
    tell(bank, what, timeout(STEP, act).await.unwrap_or_else(|_| Err(Error::silent())));
}

fn tell(bank: &Bank, what: &str, done: Result<()>) {
    if let Err(error) = done {
        bank.metrics.fault(error.trouble().map_or("housekeeping", Trouble::name));
        log::fault(&format!("housekeeping, {what}: {error}"));
    }
}

/// The bank goes by the database's clock. What else goes by this machine's, such as its log, is not to be trusted where the two differ.
fn tell_time(bank: &Bank) {
    let away = bank.clock.away() / SECOND;
    if away.abs() > AWAY {
        log::fault(&format!("this machine's clock shows {away} s more than the database's, which counts"));
    }
}

async fn remit_all(bank: &Bank) -> Result<()> {
    let until = Instant::now() + STEP / 2;
    while remit::step(bank).await? && Instant::now() < until {}
    Ok(())
}

async fn sweep(bank: &Bank) -> Result<()> {
    // What is thrown away at a wrong time does not come back.
    if bank.clock.is_in_doubt() {
        return Ok(());
    }
    let (mut db, now) = (bank.database.writer().await?, bank.clock.now());
    order::expire(&mut db, now).await?;
    session::sweep(&mut db, now, bank.settings.session_life()).await?;
    throttle::sweep(&mut db, now).await?;
    node::sweep(&mut db, now).await?;
    idempotency::sweep(&mut db, now).await
}

async fn metrics_page(State(bank): State<Open>) -> String {
    bank.metrics.page(bank.hasher.work(), &gauge::read(&bank).await)
}
