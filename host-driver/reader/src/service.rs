//! The service: how it starts, accepts clients, and stops.

use std::{
    collections::{BTreeSet, HashMap},
    fmt, io,
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use card::road::{DEFAULT_ADDRESS, Selection};
use file::socket::SocketError;
use lock::lock;
use wire::pcsclite::MAX_READERS;

use crate::{
    client::{self, Client},
    hub::Hub,
    socket::{Access, Socket},
    watch::{ScanError, Source, Watch},
};

/// Most clients at once. Each SCardEstablishContext is a client. pcscd takes 200.
const MAX_CLIENTS: usize = 256;
/// Most clients that are being told that there are too many clients. Further clients are just hung up on.
const MAX_REFUSED: usize = 16;
/// How long to wait after an accept that failed, most often for want of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// What to serve, where, and to whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// The socket, for `PCSCLITE_CSOCK_NAME`, of 107 bytes at most.
    pub socket: PathBuf,
    /// Who may connect.
    pub access: Access,
    /// The USB/IP server of the tokens, `HOST:PORT` or `unix:PATH`; `None` for the one of this user's on this machine.
    pub usbip: Option<String>,
    /// The tokens' names on that server; empty for all tokens that there are and that come.
    pub bus_ids: Vec<String>,
    /// How long one command may take, which should exceed the time-out of the tokens' prompts.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            socket: PathBuf::new(),
            access: Access::Owner,
            usbip: None,
            bus_ids: Vec::new(),
            patience: card::ccid::PATIENCE,
        }
    }
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The USB/IP server, or a token.
    #[error(transparent)]
    Card(card::Error),
    /// More tokens than slots.
    #[error(
        "there are more tokens at {0} than the 16 readers that PC/SC clients hold: name those you want (--token BUSID), \
         or start a second reader for the rest"
    )]
    TooMany(String),
    /// No thread could be started.
    #[error(
        "the system gives no thread: {0}. Raise the limit of threads: ulimit -u for a user, pids.max for a container"
    )]
    Thread(io::Error),
}

/// A running service. Dropping it stops it.
pub struct Service {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
    watching: Option<JoinHandle<()>>,
}

struct Shared {
    hub: Arc<Hub>,
    watch: Watch,
    socket: Socket,
    stopping: AtomicBool,
    clients: Mutex<Clients>,
    refused: AtomicUsize,
}

#[derive(Default)]
struct Clients {
    last: u64,
    open: HashMap<u64, (Arc<UnixStream>, JoinHandle<()>)>,
    /// Threads that are at their end, or nearly.
    done: Vec<JoinHandle<()>>,
}

impl Service {
    /// Takes the tokens that are there and starts to serve; blocks until both are done.
    ///
    /// # Errors
    /// The socket cannot be made, the USB/IP server is not there, or the server has more tokens than there are slots.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let socket = Socket::bind(&config.socket, config.access)?;
        let hub = Arc::<Hub>::default();
        let source = Source {
            server: Selection { usbip: config.usbip.clone(), ..Selection::default() },
            bus_ids: config.bus_ids.into_iter().collect::<BTreeSet<_>>(),
            patience: config.patience,
        };
        let watch = Watch::new(Arc::clone(&hub), source);
        let shared = Arc::new(Shared {
            hub,
            watch,
            socket,
            stopping: AtomicBool::new(false),
            clients: Mutex::default(),
            refused: AtomicUsize::new(0),
        });
        // From here on dropping the service puts everything right.
        let mut service = Self { shared, accepting: None, watching: None };
        match service.shared.watch.scan() {
            Ok(()) => {}
            // One token fails, and the others are there.
            Err(error @ ScanError::Token(..)) if !service.readers().is_empty() => {
                service.shared.watch.complain(error);
            }
            Err(ScanError::Server(error) | ScanError::Token(_, error)) => {
                return Err(StartError::Card(error));
            }
            Err(ScanError::Full(_)) => {
                return Err(StartError::TooMany(config.usbip.unwrap_or_else(|| DEFAULT_ADDRESS.into())));
            }
            Err(ScanError::Thread(error)) => return Err(StartError::Thread(error)),
        }
        service.watching = Some(spawn(&service.shared, "ushield-watch", |shared| shared.watch.run())?);
        service.accepting = Some(spawn(&service.shared, "ushield-reader", accept)?);
        Ok(service)
    }

    /// The socket, for `PCSCLITE_CSOCK_NAME`.
    pub fn socket(&self) -> &Path {
        self.shared.socket.path()
    }

    /// The names of the readers that there are now, 16 at most.
    pub fn readers(&self) -> Vec<String> {
        self.shared.hub.readers()
    }

    /// The reader that has the token with this bus id: the reader's place in the list of all readers, and its name.
    pub fn reader(&self, bus_id: &str) -> Option<(usize, String)> {
        self.shared.hub.reader(bus_id)
    }

    /// A function that makes the service look at the server, for a caller that knows of a change there. The function
    /// does nothing once the service has stopped.
    pub fn bell(&self) -> impl Fn() + Send + 'static {
        let shared = Arc::downgrade(&self.shared);
        move || {
            if let Some(shared) = shared.upgrade() {
                shared.watch.ask();
            }
        }
    }

    /// Hangs up on all clients, lets the tokens go, removes the socket, and waits for all threads.
    pub fn shutdown(self) {}

    fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The tokens are let go first: a client's thread may wait for a thumb on a token's button.
        self.shared.watch.stop();
        self.shared.socket.close();
        for thread in self.accepting.take().into_iter().chain(self.watching.take()) {
            let _ = thread.join();
        }
        let clients = std::mem::take(&mut *lock(&self.shared.clients));
        for (stream, _) in clients.open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in clients.open.into_values().map(|(_, thread)| thread).chain(clients.done) {
            let _ = thread.join();
        }
        self.shared.watch.join();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("socket", &self.socket()).field("readers", &self.readers()).finish()
    }
}

fn spawn(shared: &Arc<Shared>, name: &str, work: fn(&Arc<Shared>)) -> Result<JoinHandle<()>, StartError> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name(name.into()).spawn(move || work(&shared)).map_err(StartError::Thread)
}

/// Takes clients until the service stops.
fn accept(shared: &Arc<Shared>) {
    loop {
        let accepted = shared.socket.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok(stream) => admit(shared, stream),
            Err(error) => {
                tracing::warn!(%error, "no client can be taken");
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Gives a client its thread, or turns it away.
fn admit(shared: &Arc<Shared>, stream: UnixStream) {
    let mut clients = lock(&shared.clients);
    let done = std::mem::take(&mut clients.done);
    let (finished, rest): (Vec<_>, _) = done.into_iter().partition(JoinHandle::is_finished);
    clients.done = rest;
    for thread in finished {
        let _ = thread.join();
    }
    if clients.open.len() >= MAX_CLIENTS {
        drop(clients);
        return refuse(shared, stream);
    }
    clients.last += 1;
    let number = clients.last;
    let stream = Arc::new(stream);
    let work = {
        let (shared, stream) = (Arc::clone(shared), Arc::clone(&stream));
        move || serve(&shared, number, stream)
    };
    // The list stays locked until the client's entry is in it, because the client's thread removes the entry.
    match thread::Builder::new().name("ushield-client".into()).spawn(work) {
        Ok(thread) => {
            clients.open.insert(number, (stream, thread));
        }
        Err(error) => tracing::warn!(%error, "no thread for a client"),
    }
}

fn serve(shared: &Shared, number: u64, stream: Arc<UnixStream>) {
    shared.watch.count(1);
    if let Ok(client) = Client::new(&shared.hub, &shared.watch, number, stream)
        && matches!(client.serve(), client::End::Nonsense)
    {
        tracing::warn!(client = number, "hung up on a client that does not speak pcsc-lite's protocol");
    }
    shared.watch.count(-1);
    let mut clients = lock(&shared.clients);
    if let Some((_, thread)) = clients.open.remove(&number) {
        clients.done.push(thread);
    }
}

fn refuse(shared: &Arc<Shared>, stream: UnixStream) {
    tracing::warn!("turned a client away: {MAX_CLIENTS} are served");
    if shared.refused.fetch_add(1, Ordering::SeqCst) >= MAX_REFUSED {
        shared.refused.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let of = Arc::clone(shared);
    let thread = thread::Builder::new().name("ushield-refuse".into()).spawn(move || {
        client::turn_away(&stream);
        of.refused.fetch_sub(1, Ordering::SeqCst);
    });
    match thread {
        Ok(thread) => lock(&shared.clients).done.push(thread),
        Err(_) => {
            shared.refused.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

const _: () = assert!(MAX_READERS == 16); // as the texts say
