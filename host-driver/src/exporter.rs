//! The exporter: a bus of devices, served over USB/IP and usbredir.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use file::socket::{Bound, SocketError};
use lock::lock;
use peer::Cidr;
use tokio::task::JoinHandle;

use crate::{
    bus::{Bus, BusId, State, Unavailable},
    capture::{Capture, Summary},
    entrance::{Entrance, Protocol},
    listener::Listener,
    panel::Handle,
    session::Timing,
    session_thread::SessionThreads,
    urb::Device,
};

/// How long a session may take to end when the exporter stops.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long to wait between two looks whether the sessions have ended.
const GLANCE: Duration = Duration::from_millis(1);

/// Where and whom to serve.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Who may connect besides root and the own user on this machine.
    pub allow: Vec<Cidr>,
    /// How long peers may take.
    pub timing: Timing,
}

impl Default for Listen {
    /// 127.0.0.1 and the port that IANA assigned.
    fn default() -> Self {
        let address = (Ipv4Addr::LOCALHOST, wire::usbip::PORT).into();
        Self { address, allow: Vec::new(), timing: Timing::STANDARD }
    }
}

/// Why the exporter does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error("{0} is taken, perhaps by another ushield or by usbipd. Choose another port: {1} {free}", free = SocketAddr::new(.0.ip(), 0))]
    Taken(SocketAddr, &'static str),
    /// The address is not one of this machine's, or not ours to use.
    #[error(
        "cannot listen on {0}: {2}. Choose an address of this machine, and a port over 1023: {1} ADDRESS:PORT"
    )]
    Address(SocketAddr, &'static str, #[source] io::Error),
    /// An address of the loopback interface, which is not up.
    #[error(
        "nobody could connect to {0}: {1}. The loopback interface of this network namespace is down: start it with `ip link set lo up`"
    )]
    Loopback(SocketAddr, #[source] io::Error),
    /// Others could connect, and nobody said who may.
    #[error(
        "{0} can be reached from other machines. Say which may connect: --allow CIDR, such as 192.168.122.0/24"
    )]
    Open(SocketAddr),
    /// A socket could not be made at a path.
    #[error(transparent)]
    Path(#[from] SocketError),
    /// Devices are driven by threads.
    #[error(
        "the system gives no thread for the tokens: {0}. Raise the limit of threads: ulimit -u for a user, pids.max for a container"
    )]
    Thread(#[source] io::Error),
}

/// One device, for lists.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub bus_id: BusId,
    /// Where it is.
    pub state: State,
    /// Its screen and buttons.
    pub panel: Option<Handle>,
}

/// A running server. Dropping it hangs up on all hosts.
#[derive(Debug)]
pub struct Exporter {
    local: SocketAddr,
    /// The Unix socket, where there is one.
    path: Option<Bound>,
    bus: Arc<Bus>,
    threads: Arc<SessionThreads>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
}

impl Exporter {
    /// Starts to listen. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// The address cannot be used; the text says what to type instead.
    pub async fn start(listen: Listen) -> Result<Self, StartError> {
        let local = SocketAddr::new(listen.address.ip(), 0);
        let (bus, threads) = (Arc::default(), Arc::<SessionThreads>::default());
        threads.begin().map_err(StartError::Thread)?;
        let mut exporter = Self { local, path: None, bus, threads, accepting: Mutex::default() };
        exporter.local = exporter.open(listen, Protocol::UsbIp)?;
        Ok(exporter)
    }

    /// Serves USB/IP at a Unix socket too, for root and the own user only. A socket there that a killed server has left is
    /// removed first, and the new one when the exporter ends. The folder should be the user's own and closed to others: whoever
    /// may write the folder can put another server's socket in the place of this one.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn listen_unix(&mut self, path: &Path, timing: Timing) -> Result<(), StartError> {
        let (listener, bound) = Listener::at_path(path)?;
        self.path = Some(bound);
        self.accept(listener, Vec::new(), timing, Protocol::UsbIp);
        tracing::info!(path = %path.display(), "listening");
        Ok(())
    }

    /// The Unix socket as `USHIELD_USBIP` says it, where there is one: `unix:PATH`. A path that is not UTF-8 cannot be said.
    pub fn unix(&self) -> Option<String> {
        self.path
            .as_ref()
            .and_then(|bound| bound.path().to_str())
            .map(|path| format!("{}{path}", wire::usbip::UNIX))
    }

    /// Where programs of this user's reach the devices: the Unix socket if there is one, else the TCP address.
    pub fn address(&self) -> String {
        self.unix().unwrap_or_else(|| self.local.to_string())
    }

    /// Listens for QEMU guests too, over usbredir: a guest gets the device `wanted`, or else the first that is free.
    /// Returns the address, with the port that the system chose.
    ///
    /// # Errors
    /// The address cannot be used; the text says what to type instead.
    pub async fn listen_usbredir(
        &self,
        listen: Listen,
        wanted: Option<BusId>,
    ) -> Result<SocketAddr, StartError> {
        self.open(listen, Protocol::UsbRedir(wanted))
    }

    fn open(&self, listen: Listen, protocol: Protocol) -> Result<SocketAddr, StartError> {
        let (address, option) = (listen.address, protocol.option());
        if !address.ip().to_canonical().is_loopback() && listen.allow.is_empty() {
            return Err(StartError::Open(address));
        }
        let listener = Listener::at(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => StartError::Taken(address, option),
            _ => StartError::Address(address, option, error),
        })?;
        if address.ip().is_loopback() {
            way(address.ip()).map_err(|error| StartError::Loopback(address, error))?;
        }
        let local = listener.local_addr().map_err(|error| StartError::Address(address, option, error))?;
        self.accept(listener, listen.allow, listen.timing, protocol);
        tracing::info!(%local, ?protocol, "listening");
        Ok(local)
    }

    fn accept(&self, listener: Listener, allow: Vec<Cidr>, timing: Timing, protocol: Protocol) {
        let (bus, threads) = (Arc::clone(&self.bus), Arc::clone(&self.threads));
        let entrance = Entrance { bus, threads, allow, timing, protocol };
        lock(&self.accepting).push(tokio::spawn(entrance.open(listener)));
    }

    /// The address, with the port that the system chose.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The bus: the devices with all that can be done to them.
    pub const fn bus(&self) -> &Arc<Bus> {
        &self.bus
    }

    /// Plugs a device in, with the handle of its panel when it has one.
    ///
    /// # Errors
    /// The bus is full.
    pub fn plug(&self, device: impl Device + 'static, panel: Option<Handle>) -> Result<BusId, Unavailable> {
        self.bus.plug(Box::new(device), panel)
    }

    /// Pulls a device out; its host sees it go.
    ///
    /// # Errors
    /// There is no such device, or it is out already.
    pub fn unplug(&self, id: BusId) -> Result<(), Unavailable> {
        self.bus.unplug(id)
    }

    /// Puts a device back that was pulled out.
    ///
    /// # Errors
    /// There is no such device, or it is not out.
    pub fn plug_again(&self, id: BusId) -> Result<(), Unavailable> {
        self.bus.plug_again(id)
    }

    /// Captures the transfers of all hosts that take a device from now on, over USB/IP and usbredir, in a pcapng file that only its
    /// owner reads. PINs, keys and what was decrypted are blanked. A capture that was under way ends.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start_capture(&self, path: &Path) -> io::Result<()> {
        drop(self.bus.set_capture(Some(Capture::start(path)?)));
        Ok(())
    }

    /// Ends the capture: all of it is in its file. `None` if there was none.
    ///
    /// # Errors
    /// Some of it could not be written.
    pub fn stop_capture(&self) -> io::Result<Option<Summary>> {
        self.bus.set_capture(None).map(Capture::stop).transpose()
    }

    /// All devices, in order.
    pub fn list(&self) -> Vec<Entry> {
        let entry = |port: Arc<crate::bus::Port>| Entry {
            bus_id: port.id(),
            state: port.state(),
            panel: port.panel().cloned(),
        };
        self.bus.ports().into_iter().map(entry).collect()
    }

    /// The screen and buttons of a device.
    pub fn panel(&self, id: BusId) -> Option<Handle> {
        self.bus.port(id)?.panel().cloned()
    }

    /// Pulls all devices out, hangs up, and waits until all sessions are over.
    pub async fn shutdown(mut self) {
        self.path = None;
        for port in self.bus.ports() {
            // An error says that the device is out already.
            let _ = self.bus.unplug(port.id());
        }
        let accepting = std::mem::take(&mut *lock(&self.accepting));
        for task in accepting {
            task.abort();
            // The error says that the task was aborted.
            let _ = task.await;
        }
        let threads = self.threads.stop();
        let end = Instant::now() + LAST_WORDS;
        // A device that hangs is left behind.
        while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        lock(&self.accepting).iter().for_each(JoinHandle::abort);
        self.threads.stop();
    }
}

/// Checks that this machine has a route to an address of its own. A socket can be bound on an interface that is down, such as
/// the loopback interface of a new network namespace. Nothing is sent: to connect a datagram socket only looks for the route.
fn way(ip: IpAddr) -> io::Result<()> {
    std::net::UdpSocket::bind((ip, 0))?.connect((ip, 9))
}

/// Raises the soft limit of open files to the hard one: a device in use takes a descriptor. Returns the limit, if any.
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}
