//! `ushield run`.

mod environment;
mod enrolment;
mod artifact;
mod kept;
mod keeper;
mod folder;
mod lifeline;
mod child;
mod service;
mod thumb;

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

use authority::moment::{self, Validity};
use clap::Args;
use file::socket::Bound;
use firmware::profile::Profile;
use host_driver::{
    Exporter, Listen,
    control::{
        rack::{Rack, Served},
        server::ControlSocket,
        view::Health,
    },
    log,
    make::{self, Batch, Codes, Home},
    memory,
    panel::Habit,
    paths::quoted,
    runtime::Waiter,
    usbip::Timing,
    web::Page,
};
use machine::brand;
use terminal::{Context, Exit, Failure, Outcome, warn_lines};
use time::OffsetDateTime;
use wire::{algorithm::KeyAlgorithm, pin::FACTORY_PUK};
use zeroize::Zeroizing;

use super::panel::Panel;
use artifact::Artifacts;
use enrolment::Bank;
use environment::{Environment, Holding};
use folder::Folder;
use keeper::Keeper;
use service::Service;
use thumb::Thumb;

/// The exit code of a failure of `ushield` itself, as `timeout` of the GNU coreutils has it: the command did not run.
pub(crate) const OURS: u8 = 125;
/// The most tokens: libpcsclite can hold no more readers of one PC/SC service.
const MOST: i64 = 16;
/// Bytes of the stack of the thread that tests: RSA in a build without optimization goes deep.
const STACK: usize = 2 << 20;
/// How long the certificates are good for unless told otherwise.
const DAYS: u32 = 30;

/// Run a command with tokens of its own: enrolled, in memory, gone with it
///
/// The command needs no root, no daemon and no kernel module. It finds in its environment: PCSCLITE_CSOCK_NAME (for every
/// program that speaks PC/SC), USHIELD_PKCS11_MODULE and PKCS11_MODULE_PATH, USHIELD_JAVA_CFG (a SunPKCS11 configuration),
/// USHIELD_PIN, USHIELD_PIN_FILE, USHIELD_PUK, USHIELD_CA (the issuing CA), USHIELD_CRL (its list of revoked certificates) and
/// USHIELD_CERT (the first token's certificate for TLS and ssh, all three PEM), USHIELD_AUTHENTICATION_CA and
/// USHIELD_AUTHENTICATION_CRL (of that certificate: with payments in SM2 it has another issuer), USHIELD_CONTROL (for `ushield screen`, `press`, `plug`), USHIELD_TOKENS (JSON).
///
/// Exit codes: the command's; 125 we failed, 126 it cannot be run, 127 it was not found, 128+N signal N ended it.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield run -- pkcs11-tool --module /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so --list-objects
  ushield run -- sh -c 'pkcs11-tool --module \"$USHIELD_PKCS11_MODULE\" --list-objects'
  ushield run --tokens 2 -- pytest
  ushield run --brand jade -- make check                payments in SM2
  ushield run --panel reject --artifacts out -- make check")]
pub(crate) struct Run {
    /// How many tokens
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MOST))]
    tokens: u16,
    /// The brand of the tokens: one of `ushield brand list`, or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = brand::STANDARD)]
    brand: String,
    /// The tokens have the PIN in this file [default: a random one]
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// Leave the tokens without a personal ID
    #[arg(long)]
    no_enrol: bool,
    /// Keep the tokens, what opens them, and their PIN (a random one) in this folder; the next run with it has them again
    #[arg(long, value_name = "DIR", requires = "no_enrol", conflicts_with = "pin_file")]
    state: Option<PathBuf>,
    /// Whom the certificates name; where there are several tokens, the name gets the token's number behind it
    #[arg(long, value_name = "NAME", default_value = enrolment::NAME, conflicts_with = "no_enrol")]
    name: String,
    /// The bank's number for the first token's holder, who pays from the account of that number; further holders count on
    #[arg(long, value_name = "ID", default_value = enrolment::FIRST_USER, conflicts_with = "no_enrol")]
    user_id: String,
    /// What presses the buttons: accept (OK at once), reject, web (you, on a page in your browser), none (`ushield press` only) or script:FILE (see `ushield up`)
    #[arg(long, value_name = "PANEL", default_value = "accept", value_parser = run_panel)]
    panel: Panel,
    /// The command tells the link to the panel's page itself, and needs no PKCS#11 module
    #[arg(long, hide = true)]
    command_tells: bool,
    /// When the certificates end: a date, or a moment such as 2027-12-31T12:00:00Z [default: in 30 days]
    #[arg(long, value_name = "T", value_parser = moment::parse, conflicts_with = "no_enrol")]
    not_after: Option<OffsetDateTime>,
    /// When the command fails, keep here: the APDUs, what the screens showed, the USB traffic; without secrets
    #[arg(long, value_name = "DIR")]
    artifacts: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

fn run_panel(text: &str) -> Result<Panel, String> {
    match text.parse()? {
        Panel::Terminal => {
            Err("the terminal is the command's: one of web, accept, reject, none, script:FILE".into())
        }
        other => Ok(other),
    }
}

/// What this process has to do where it is the keeper of a run's command; `None` where it is not.
pub(crate) fn keep() -> Option<Outcome> {
    keeper::work().map(|outcome| outcome.map_err(ours))
}

/// A failure of `ushield` itself has a code of its own.
fn ours(failure: Failure) -> Failure {
    match failure.exit() {
        Exit::As(_) => failure,
        _ => failure.exits(Exit::As(OURS)),
    }
}

impl Run {
    pub(crate) fn run(self) -> Outcome {
        let outcome = self.work();
        log::tell_now();
        outcome.map_err(ours)
    }

    fn work(self) -> Outcome {
        if std::env::var_os("USHIELD_LOG").is_some() {
            log::begin();
        }
        let limits = memory::close();
        let tested = test_ahead();
        let runtime = Waiter::start()?;
        runtime.spawn(log::tell_what_was_left_out());
        let mut keeper = {
            let _inside = runtime.enter();
            // This thread starts the keeper, because it lives until the command has ended.
            Keeper::start(&self.command, limits)?
        };
        // The keeper is there first: it removes the folder of a run that is killed right now.
        let folder = Folder::make()?;
        let artifacts = self.artifacts.clone().map(|into| Artifacts::begin(&folder, into)).transpose()?;
        let stage = {
            let _inside = runtime.enter();
            self.set(&runtime, &folder, tested)?
        };
        let outcome = self.command(&runtime, &mut keeper, &folder, &stage);
        if let (Some(artifacts), false) = (artifacts, matches!(outcome, Ok(Exit::As(0)))) {
            if let Err(failure) = stage.rack.stop_capture() {
                // The part of the capture that was written is kept.
                warn_lines(&format!("ushield: {failure}"));
            }
            artifacts.keep(&folder, &self.command, &outcome, &stage.thumb.seen())?;
        }
        // The PC/SC service frees the tokens before their bus ends.
        drop(stage.service);
        stage.rack.unplug_all();
        stage.rack.stop();
        drop(stage.rack);
        drop(runtime);
        outcome
    }

    /// Sets everything up: tokens are made and enrolled, and the PC/SC service and the control socket serve them.
    fn set(
        &self,
        runtime: &Waiter,
        folder: &Folder,
        tested: Option<JoinHandle<()>>,
    ) -> Result<Stage, Failure> {
        let listen = Listen { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), ..Listen::default() };
        let mut exporter = runtime.block_on(Exporter::start(listen)).what("USB/IP is not served")?;
        exporter.listen_unix(&folder.path("tokens.usbip"), Timing::STANDARD).what("USB/IP is not served")?;
        let usbip = exporter.address();
        if self.artifacts.is_some() {
            let file = folder.path(artifact::CAPTURE);
            exporter.start_capture(&file).what(format!("nothing can be captured in {}", file.display()))?;
        }
        let (home, pin) = match (&self.state, &self.pin_file) {
            (Some(dir), _) => kept::open(dir)?,
            (None, Some(file)) => (Home::Memory, make::chosen_pin(file)?),
            (None, None) => (Home::Memory, make::digits()?),
        };
        let brand = brand::named(&self.brand)?.brand;
        let mut bank = self.bank(folder, brand.algorithm)?;
        // The other core is still at it when the bank is founded.
        firmware::test_arithmetic_ahead();
        if let Some(tested) = tested {
            let _ = tested.join();
        }
        let mut batch = Batch::open(home, Profile::of(brand), Codes::Chosen(pin.clone()), Some(self.tokens))?;
        let served = batch.plug_in(&exporter, Habit::Wait)?;
        let thumb = Thumb::default();
        served.iter().for_each(|served| thumb.watch(served.token.bus_id.clone(), served.panel.clone()));
        let certificates = self.enrol(bank.as_mut(), folder, &usbip, &served, &pin)?;
        self.play(&thumb, &served);
        let service = Service::start(&folder.path("pcscd.comm"), &exporter, &served)?;
        let mut holdings = Vec::new();
        for (served, certificates) in served.iter().zip(certificates) {
            let (place, reader) = service.reader(served)?;
            holdings.push((place, Holding { token: served.token.clone(), reader, certificates }));
        }
        // The order is that of the readers, which is also the order of the PKCS#11 module's slots.
        holdings.sort_by_key(|(place, _)| *place);
        let holdings = holdings.into_iter().map(|(_, holding)| holding).collect();
        let control = folder.path("control.sock");
        let page = match self.panel {
            Panel::Web => Some(runtime.block_on(Page::bind(0)).what("the panel's page is not served")?),
            _ => None,
        };
        let health = Health {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            state: batch.state().map(|state| state.display().to_string()),
            listen: exporter.local_addr().to_string(),
            unix: exporter.unix(),
            usbredir: Vec::new(),
            panel: page.as_ref().map(|page| format!("http://{}/", page.address())),
            control: control.display().to_string(),
        };
        let (control_socket, bound) = ControlSocket::open(&control)?;
        let rack = Rack::new(health, exporter, served);
        let rack = Arc::new(match &page {
            Some(page) => rack.with_page(page.links()),
            None => rack,
        });
        runtime.spawn(control_socket.serve(rack.clone()));
        if let Some(page) = page {
            runtime.spawn(page.serve(rack.clone()));
        }
        let link = rack.link().what("no link to the panel's page was made")?;
        if let Some(link) = link.as_ref().filter(|_| !self.command_tells) {
            warn_lines(&format!(
                "The token's panel: {link}\n  The link opens the page once. Another browser needs another link: ushield panel --control {}",
                quoted(&control.display().to_string())
            ));
        }
        Ok(Stage { rack, service, thumb, pin, bank, holdings, link, _control: bound })
    }

    /// Founds the bank, unless no token is enrolled. Its payments are of the brand's algorithm.
    fn bank(&self, folder: &Folder, algorithm: KeyAlgorithm) -> Result<Option<Bank>, Failure> {
        let validity = self.not_after.map_or(Validity::Days(DAYS), Validity::Until);
        (!self.no_enrol).then(|| Bank::open(folder, validity, algorithm)).transpose()
    }

    /// Enrols each token. Returns the certificates of each token.
    fn enrol(
        &self,
        bank: Option<&mut Bank>,
        folder: &Folder,
        usbip: &str,
        served: &[Served],
        pin: &[u8],
    ) -> Result<Vec<Vec<enrolment::Issued>>, Failure> {
        let Some(bank) = bank else { return Ok(served.iter().map(|_| Vec::new()).collect()) };
        let holders = enrolment::holders(&self.name, &self.user_id, served.len())?;
        let mut certificates = Vec::new();
        for (served, holder) in served.iter().zip(holders) {
            certificates.push(bank.enrol(folder, usbip, served, &holder, pin)?);
        }
        Ok(certificates)
    }

    /// Presses the buttons as the option says, from here on.
    fn play(&self, thumb: &Thumb, served: &[Served]) {
        thumb.be(&self.panel.habit());
        if let Panel::Script(script) = &self.panel {
            for served in served {
                tokio::spawn(script.clone().run(served.panel.clone()));
            }
        }
    }

    fn command(&self, runtime: &Waiter, keeper: &mut Keeper, folder: &Folder, stage: &Stage) -> Outcome {
        let module = environment::module();
        if module.is_none() && !self.command_tells {
            warn_lines(&format!("ushield: {}", environment::how_to_build()));
        }
        let environment = Environment {
            folder,
            socket: &folder.path("pcscd.comm"),
            control: &folder.path("control.sock"),
            module: module.as_deref(),
            pin: &stage.pin,
            puk: FACTORY_PUK.as_bytes(),
            bank: stage.bank.as_ref(),
            holdings: &stage.holdings,
            link: stage.link.as_deref(),
        };
        let variables = environment.variables()?;
        runtime.block_on(async {
            let mut signals = child::Signals::catch()?;
            keeper.begin(&variables)?;
            let status = keeper.wait(&mut signals).await?;
            Ok(Exit::As(child::code(status)))
        })
    }
}

/// Tests the tokens' arithmetic on another core, while the bank is founded. Where the system gives no thread, this one tests all of it.
fn test_ahead() -> Option<JoinHandle<()>> {
    thread::Builder::new()
        .name("ushield-test".into())
        .stack_size(STACK)
        .spawn(firmware::test_arithmetic_ahead)
        .ok()
}

/// Everything that is there while the command runs.
struct Stage {
    rack: Arc<Rack>,
    service: Service,
    thumb: Thumb,
    pin: Zeroizing<Vec<u8>>,
    bank: Option<Bank>,
    holdings: Vec<Holding>,
    /// The link to the page of `--panel web`.
    link: Option<String>,
    /// The control socket's name goes when the stage is struck.
    _control: Bound,
}
