//! `ushield up`.

mod announce;
mod console;
mod redirection;
mod unix;
mod address;

use std::{
    fs,
    io::IsTerminal,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use file::socket::Bound;
use firmware::profile::Profile;
use host_driver::{
    Exporter, Listen,
    capture::Summary,
    control::{
        rack::Rack,
        server::{ControlSocket, check_free, sweep},
        view::{Health, Ready},
    },
    log,
    make::{self, Batch, Codes, Home},
    memory, paths, raise_descriptor_limit, runtime,
    web::Page,
};
use machine::brand;
use peer::Cidr;
use terminal::{Context, Exit, Failure, Outcome, Paint, say, say_lines, signal::go_on_in_background, warn};
use tokio::task::JoinSet;
use wire::pin::{FACTORY_PIN, FACTORY_PUK};

use redirection::Redirection;

use super::{background, ends::Ends, panel::Panel};

/// Serve tokens over USB/IP and usbredir, for machines and programs to attach
///
/// The first start makes a token. It is kept in the state folder; --memory keeps it nowhere.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield up                                   in this terminal, with the token's screen
  ushield up -d                                in the background: ushield screen, ushield press ok, ushield down
  ushield up -d --memory --pin-file pin --panel accept      for CI: nothing kept, OK pressed by itself
  ushield up --factory --state counter         a token for the counter of a bank: `bank counter set-puk`
  ushield up --listen 192.168.122.1:3240 --allow 192.168.122.0/24
  ushield up --usbredir 127.0.0.1:4321         for QEMU guests, which need no driver for it")]
pub(crate) struct Up {
    /// Run in the background; returns once tokens can be attached
    #[arg(short, long)]
    detach: bool,
    /// Write JSON (listen, control, tokens) to this file once tokens can be attached
    #[arg(long, value_name = "F")]
    ready_file: Option<PathBuf>,
    /// Where to serve USB/IP; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3240", value_parser = address::parse)]
    listen: SocketAddr,
    /// Where to serve USB/IP to programs of yours besides: a Unix socket in a folder of your own, which nobody else can open; or
    /// none [default: in $XDG_RUNTIME_DIR/ushield]
    #[arg(long, value_name = "PATH|none")]
    unix: Option<PathBuf>,
    /// Where to serve usbredir, for QEMU guests; a guest gets the first free token, or the one named behind the
    /// address; may be repeated
    #[arg(long, value_name = "ADDRESS:PORT[=ID]")]
    usbredir: Vec<Redirection>,
    /// Who may connect besides root and you on this machine; may be repeated
    #[arg(long, value_name = "CIDR")]
    allow: Vec<Cidr>,
    /// The folder of the tokens [default: ~/.local/state/ushield]
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    state: Option<PathBuf>,
    /// The device secret that opens the state, kept apart from it [default: ~/.config/ushield/secret]
    #[arg(long, value_name = "FILE", conflicts_with = "memory")]
    secret: Option<PathBuf>,
    /// The brand: one of `ushield brand list`, or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = brand::STANDARD)]
    brand: String,
    /// 1: no screen, the PIN is the consent; 2: screen and buttons [default: the brand's]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    generation: Option<u8>,
    /// What presses the buttons: terminal (you, here), web (you, on a page in your browser), accept (OK at once), reject, none (`ushield press` only) or
    /// script:FILE, of lines `expect REGEX`, `press ok`, `press cancel`, `wait MILLISECONDS` and `again` (from the top); a page
    /// that it does not expect, and each after its end, is cancelled
    #[arg(long, value_name = "PANEL", default_value = "terminal")]
    panel: Panel,
    /// With --panel web: the page's port at 127.0.0.1 [default: one that the system chooses]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    panel_port: u16,
    /// How many tokens [default: those that there are, or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    tokens: Option<u16>,
    /// Keep the tokens in memory only
    #[arg(long)]
    memory: bool,
    #[arg(
        long,
        value_name = "FILE",
        help = format!("For CI: new tokens have the PIN in this file from the start, and the PUK {FACTORY_PUK}")
    )]
    pin_file: Option<PathBuf>,
    #[arg(
        long,
        conflicts_with = "pin_file",
        help = format!(
            "New tokens as they leave the factory, for a bank to hand out: the PIN {FACTORY_PIN}, the PUK {FACTORY_PUK}, and no \
             envelope beside the state"
        )
    )]
    factory: bool,
    /// Capture all USB transfers in this file, for Wireshark; PINs, keys and what was decrypted are blanked
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// The control socket [default: in $XDG_RUNTIME_DIR/ushield]
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
}

impl Up {
    pub(crate) fn run(mut self) -> Outcome {
        if self.detach && !background::in_background() {
            return background::start();
        }
        // Other processes are told of these paths, and the background process leaves the working folder.
        let unix = self.unix.as_mut().filter(|path| path.as_os_str() != unix::NONE);
        for path in [self.control.as_mut(), self.ready_file.as_mut(), unix].into_iter().flatten() {
            *path = paths::absolute(path)?;
        }
        if self.detach {
            background::begin();
        }
        go_on_in_background();
        memory::close();
        log::begin();
        raise_descriptor_limit();
        let batch = self.batch()?;
        let control = match &self.control {
            Some(socket) => socket.clone(),
            None => {
                let runtime = paths::runtime()?;
                sweep(&runtime);
                paths::socket(&runtime, batch.state())
            }
        };
        check_free(&control)?;
        let runtime = runtime::here()?;
        let mut name = None;
        let outcome = runtime.block_on(self.serve(batch, &control, &mut name));
        // When the runtime ends, nothing holds the tokens' folders any more.
        runtime.shutdown_timeout(Duration::from_secs(5));
        // The control socket is removed last: `ushield down` waits until the socket is gone.
        drop(name);
        // An empty log is of no use.
        let log = log_file(&control);
        if self.detach && fs::metadata(&log).is_ok_and(|found| found.len() == 0) {
            let _ = fs::remove_file(&log);
        }
        if !self.detach && outcome.is_ok() {
            say("Stopped.");
        }
        outcome
    }

    /// Serves until the end. The name of the control socket, once there is one, outlives the runtime.
    async fn serve(&self, mut batch: Batch, control: &Path, name: &mut Option<Bound>) -> Outcome {
        let mut ends = Ends::new()?;
        let listen = Listen { address: self.listen, allow: self.allow.clone(), ..Listen::default() };
        let mut exporter = Exporter::start(listen)
            .await
            .map_err(|error| Failure::new("USB/IP is not served").because(error))?;
        // Before the tokens are plugged in: whoever finds a token finds it by the same road each time.
        unix::open(&mut exporter, self.unix.as_deref(), control, batch.state())?;
        if let Some(file) = &self.pcap {
            exporter.start_capture(file).what(format!("nothing can be captured in {}", file.display()))?;
        }
        // A ready file that a killed server has left would send a waiting script to an address where nobody listens.
        if let Some(file) = &self.ready_file {
            file::remove(file);
        }
        let served = batch.plug_in(&exporter, self.panel.habit())?;
        let usbredir = redirection::open(&exporter, &self.usbredir, &self.allow).await?;
        let (control_socket, bound) = ControlSocket::open(control)?;
        *name = Some(bound);
        let page = self.page().await?;
        let health = Health {
            panel: page.as_ref().map(|page| format!("http://{}/", page.address())),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            state: batch.state().map(|state| state.display().to_string()),
            listen: exporter.local_addr().to_string(),
            unix: exporter.unix(),
            usbredir,
            control: control.display().to_string(),
        };
        let rack = Rack::new(health, exporter, served);
        let rack = Arc::new(match &page {
            Some(page) => rack.with_page(page.links()),
            None => rack,
        });
        let mut serving = JoinSet::new();
        serving.spawn(control_socket.serve(rack.clone()));
        page.map(|page| serving.spawn(page.serve(rack.clone())));
        let logging = tokio::spawn(log::tell_what_was_left_out());
        self.play(&rack)?;
        self.announce(&rack, control, &batch.notes())?;
        tokio::select! {
            () = rack.stopped() => {}
            () = ends.any() => rack.stop(),
        }
        if let Some(file) = &self.ready_file {
            file::remove(file);
        }
        // A client that keeps its connection open delays the end only so long.
        let _ = tokio::time::timeout(Duration::from_secs(1), serving.join_all()).await;
        logging.abort();
        log::tell_now();
        rack.unplug_all();
        if let Some(summary) = rack.stop_capture()? {
            captured(&summary);
        }
        Ok(Exit::Done)
    }

    /// The page of `--panel web`, which listens already.
    async fn page(&self) -> Result<Option<Page>, Failure> {
        if !matches!(self.panel, Panel::Web) {
            return Ok(None);
        }
        let page = Page::bind(self.panel_port).await.map_err(|error| {
            Failure::new(format!("the panel's page is not served at 127.0.0.1:{}", self.panel_port))
                .because(error)
                .next("choose another port, or none: --panel-port 0 lets the system choose")
        })?;
        Ok(Some(page))
    }

    fn batch(&self) -> Result<Batch, Failure> {
        let profile = Profile::of(brand::with_generation(&self.brand, self.generation)?);
        let codes = match self.pin_file.as_deref() {
            Some(file) => Codes::Chosen(make::chosen_pin(file)?),
            None if self.factory => Codes::Factory,
            None => Codes::Envelope,
        };
        let home = if self.memory {
            Home::Memory
        } else {
            let state = self.state.clone().map_or_else(paths::state, Ok)?;
            let secret = self.secret.clone().map_or_else(paths::secret, Ok)?;
            Home::Disk { state, secret }
        };
        Batch::open(home, profile, codes, self.tokens)
    }

    /// Starts what presses the buttons.
    fn play(&self, rack: &Rack) -> Result<(), Failure> {
        match &self.panel {
            Panel::Script(script) => {
                for served in rack.served() {
                    tokio::spawn(script.clone().run(served.panel.clone()));
                }
            }
            Panel::Terminal if !self.detach && std::io::stdin().is_terminal() => {
                console::start(rack, &self.again())?
            }
            _ => {}
        }
        Ok(())
    }

    /// What a command needs to find this `up` and no other.
    fn again(&self) -> String {
        let named = |path: &PathBuf| format!(" --control {}", paths::quoted(&path.to_string_lossy()));
        self.control.as_ref().map(named).unwrap_or_default()
    }

    fn announce(&self, rack: &Rack, control: &Path, notes: &[String]) -> Result<(), Failure> {
        let ready = Ready { health: rack.health().clone(), tokens: rack.tokens() };
        let listen = ready.health.listen.parse().what("the address is not an address")?;
        if let Some(file) = &self.ready_file {
            let json = serde_json::to_vec_pretty(&ready).what("the ready file could not be written")?;
            file::write(file, &json, file::Access::Owner, true)?;
        }
        let link = rack.link().what("no link to the panel's page was made")?;
        let text = announce::text(&ready, listen, &self.again(), notes, link.as_deref(), Paint::stdout());
        if self.detach {
            let log = log_file(control);
            return background::release(format!("{text}, log {}", log.display()).as_bytes(), &log);
        }
        say_lines(&text);
        Ok(())
    }
}

fn captured(summary: &Summary) {
    let Summary { packets, dropped } = summary;
    tracing::info!(packets, dropped, "the capture is complete");
    if *dropped > 0 {
        warn(&format!("ushield: {dropped} of {} packets are missing in the capture", packets + dropped));
    }
}

/// The log of the background process.
fn log_file(control: &Path) -> PathBuf {
    control.with_extension("log")
}
