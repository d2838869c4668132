//! `ushield assistant`.

mod setup;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use assistant::{
    desk::{Desk, Settings},
    origin::Origin,
    prompter::{self, Prompter, choose, web},
    service::{PATIENCE, PORTS, Service},
    shield::Shields,
};
use card::road::Selection;
use clap::{Args, Subcommand};
use host_driver::{log, memory, paths, runtime};
use terminal::{Context, Exit, Failure, Outcome, say, signal::go_on_in_background, warn};

use super::ends::Ends;

/// How long an operation may take to end with the program. A shield says once a second that it waits, and is told then.
const GRACE: Duration = Duration::from_secs(3);

/// The Online Banking Assistant: lets the pages of your bank reach your shield
///
/// It listens at 127.0.0.1 and answers the pages of the banks that --bank names, and no others. It asks you for the PIN itself, in a
/// window of pinentry or in the terminal; no page sees the PIN. The screen of the shield shows what is signed.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  ushield assistant --bank https://bank.example
  ushield assistant --bank http://localhost:8080 --pin-file pin.txt      for tests
  ushield assistant setup --bank https://bank.example                    looks at the machine, and starts it at each login")]
pub(crate) struct Assistant {
    #[command(subcommand)]
    deed: Option<Deed>,
    /// A bank whose pages are answered, as browsers write it: https://HOST or https://HOST:PORT; may be repeated
    #[arg(long, value_name = "ORIGIN", required = true)]
    bank: Vec<Origin>,
    /// Listen at this port of 127.0.0.1 [default: the first of 17320, 17321 and 17322 that is free, where pages look]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// The USB/IP server of the shield: HOST:PORT or unix:PATH, either with /BUSID behind it [default: as all our programs look
    /// for tokens]
    #[arg(long, value_name = "SERVER")]
    usbip: Option<String>,
    /// Ask in the window of this program [default: pinentry where there is a window system, else the terminal]
    #[arg(long, value_name = "PROGRAM")]
    pinentry: Option<PathBuf>,
    /// Ask nobody: the file has the PIN (for tests)
    #[arg(long, value_name = "FILE", conflicts_with = "pinentry")]
    pin_file: Option<PathBuf>,
    /// The file with the PIN that is to be, for a change of the PIN (for tests)
    #[arg(long, value_name = "FILE", requires = "pin_file")]
    new_pin_file: Option<PathBuf>,
    /// For trials: ask on a page of the assistant's own
    #[arg(long, value_name = "web", hide = true, value_parser = ["web"], requires = "allow_web_prompter", conflicts_with_all = ["pinentry", "pin_file"])]
    prompter: Option<String>,
    /// For trials: a PIN may pass through a browser
    #[arg(long, hide = true)]
    allow_web_prompter: bool,
    /// Write JSON (address, pid) to this file once the assistant listens
    #[arg(long, value_name = "F")]
    ready_file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Deed {
    Setup(setup::Setup),
}

impl Assistant {
    pub(crate) fn run(self) -> Outcome {
        match self.deed {
            Some(Deed::Setup(setup)) => setup.run(),
            None => self.serve(),
        }
    }

    fn serve(mut self) -> Outcome {
        go_on_in_background();
        // The PIN passes through this memory.
        memory::close();
        log::begin();
        for file in [&mut self.ready_file, &mut self.pin_file, &mut self.new_pin_file].into_iter().flatten() {
            *file = paths::absolute(file)?;
        }
        let shields = self
            .usbip
            .take()
            .filter(|place| !place.is_empty())
            .map_or_else(Shields::configured, |place| Shields::along(Selection::usbip(place)));
        let runtime = runtime::here()?;
        let mut page = None;
        let prompter: Box<dyn Prompter> = if self.prompter.is_some() {
            let (served, web) = runtime.block_on(web::Page::bind()).what("nobody can be asked on a page")?;
            page = Some(served);
            Box::new(web)
        } else {
            choose(self.pin_file.take(), self.new_pin_file.take(), self.pinentry.take())
        };
        let asks = prompter.is_there();
        let desk = Desk::new(Settings::default(), shields, prompter);
        let ending = Arc::clone(&desk);
        let ports = self.port.map_or(PORTS.to_vec(), |port| vec![port]);
        let mut ends = runtime.block_on(async { Ends::new() })?;
        let service = runtime.block_on(Service::bind(&ports, self.bank.clone(), desk, PATIENCE))?;
        let link = page.as_ref().map(web::Page::link).transpose().what("no link to the page was made")?;
        if let Some(page) = page {
            runtime.spawn(page.serve());
        }
        self.announce(service.address(), asks, link.as_deref())?;
        runtime.block_on(async {
            let logging = tokio::spawn(log::tell_what_was_left_out());
            tokio::select! {
                () = service.serve() => {}
                () = ends.any() => {}
            }
            logging.abort();
            ending.close(GRACE).await;
        });
        log::tell_now();
        if let Some(file) = &self.ready_file {
            file::remove(file);
        }
        // An operation that waits for a person does not keep the program.
        runtime.shutdown_background();
        Ok(Exit::Done)
    }

    fn announce(&self, address: SocketAddr, asks: bool, link: Option<&str>) -> Result<(), Failure> {
        say(&format!("The assistant listens at http://{address} for {}", list(&self.bank)));
        if !asks {
            warn(&format!("Nobody can be asked for a PIN here: {}.", prompter::INSTALL));
        }
        if let Some(link) = link {
            say(&format!("It asks for the PIN at {link}"));
        }
        match &self.ready_file {
            Some(file) => ready(file, address, link),
            None => Ok(()),
        }
    }
}

fn ready(file: &Path, address: SocketAddr, link: Option<&str>) -> Result<(), Failure> {
    let ready =
        serde_json::json!({ "address": address.to_string(), "pid": std::process::id(), "prompter": link });
    let json = serde_json::to_vec_pretty(&ready).what("the ready file could not be written")?;
    Ok(file::write(file, &json, file::Access::Owner, true)?)
}

fn list(banks: &[Origin]) -> String {
    banks.iter().map(Origin::as_str).collect::<Vec<_>>().join(", ")
}
