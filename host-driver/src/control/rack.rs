//! The tokens that a running `up` serves, as the control socket sees them.

use std::{io, net::SocketAddr, sync::Arc};

use firmware::seams;
use loopback::Passes;
use terminal::{Context, Failure};
use tokio::sync::{broadcast, watch};
use wire::display::width;

use super::view::{Button, Health, Screen, Token};
use crate::{BusId, Exporter, State, capture::Summary, journal::Entry, panel::Handle};

/// The tokens of one server, and the exporter that shows them to hosts.
#[derive(Debug)]
pub struct Rack {
    health: Health,
    exporter: Exporter,
    served: Vec<Served>,
    stopping: watch::Sender<bool>,
    page: Option<PageLinks>,
}

/// Who makes links to the page that draws the tokens.
#[derive(Clone, Debug)]
pub struct PageLinks {
    /// Where the page is.
    pub address: SocketAddr,
    /// Who may use it.
    pub passes: Arc<Passes>,
}

/// A token that is served. It stays on the rack when it is pulled out.
#[derive(Debug)]
pub struct Served {
    /// The token's name on the bus.
    pub bus_id: BusId,
    /// What is told of the token. Only what never changes is right here; [`Rack::token`] adds the rest.
    pub token: Token,
    /// The token's screen and buttons.
    pub panel: Handle,
}

impl Rack {
    /// A rack with these tokens, which the exporter has on its bus.
    pub fn new(health: Health, exporter: Exporter, served: Vec<Served>) -> Self {
        Self { health, exporter, served, stopping: watch::Sender::new(false), page: None }
    }

    /// With a page that draws the tokens. What happens is remembered, for browsers to come.
    #[must_use]
    pub fn with_page(mut self, page: PageLinks) -> Self {
        self.exporter.bus().journal().remember();
        self.page = Some(page);
        self
    }

    /// A new link to the page; `None` where there is no page.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn link(&self) -> io::Result<Option<String>> {
        self.page.as_ref().map(|page| page.passes.link(page.address)).transpose()
    }

    /// Who serves.
    pub const fn health(&self) -> &Health {
        &self.health
    }

    /// The tokens.
    pub fn served(&self) -> &[Served] {
        &self.served
    }

    /// All tokens, as they are now.
    pub fn tokens(&self) -> Vec<Token> {
        self.served.iter().map(|served| self.token(served)).collect()
    }

    /// A token as it is now.
    pub fn token(&self, served: &Served) -> Token {
        let port = self.exporter.bus().port(served.bus_id);
        let state = port.as_ref().map_or(State::Unplugged, |port| port.state());
        let tries = port.map(|port| port.tries()).filter(|tries| *tries != [0; 4]);
        Token {
            plugged: state != State::Unplugged,
            attached: matches!(state, State::Held { .. }),
            screen: served.screen(),
            tries: tries.map(Into::into),
            ..served.token.clone()
        }
    }

    /// A token by its bus id or serial number.
    pub fn find(&self, id: &str) -> Option<&Served> {
        self.served
            .iter()
            .find(|served| served.token.bus_id == id || served.token.serial.eq_ignore_ascii_case(id))
    }

    /// Plugs a token in that was pulled out. Nothing happens to a token that is plugged in.
    pub fn plug(&self, served: &Served) {
        // The only error is that the token is plugged in.
        let _ = self.exporter.plug_again(served.bus_id);
    }

    /// Pulls a token out. Nothing happens to a token that is out.
    pub fn unplug(&self, served: &Served) {
        // The only error is that the token is out.
        let _ = self.exporter.unplug(served.bus_id);
    }

    /// Returns when every host that had the token knows that it has none.
    pub async fn let_go(&self, served: &Served) {
        self.exporter.bus().let_go(served.bus_id).await;
    }

    /// Asks the server to end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// What is remembered of the tokens, and what happens to them from now on.
    pub(crate) fn listen(&self) -> (Vec<Entry>, broadcast::Receiver<Entry>) {
        self.exporter.bus().journal().listen_from_before()
    }

    /// Becomes true once [`Self::stop`] was called.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Returns once [`Self::stop`] was called.
    pub async fn stopped(&self) {
        // An error would say that the sender is gone, and `self` owns the sender.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Ends the capture, when there is one.
    ///
    /// # Errors
    /// Some of the capture could not be written.
    pub fn stop_capture(&self) -> Result<Option<Summary>, Failure> {
        self.exporter.stop_capture().what("the capture is not complete")
    }

    /// Pulls all tokens out: their power is off when this returns. Connections end when the rack is dropped.
    pub fn unplug_all(&self) {
        self.served.iter().for_each(|served| self.unplug(served));
    }
}

impl Served {
    /// What the screen shows; `None` when the screen is dark.
    pub fn screen(&self) -> Option<Screen> {
        self.panel.face().screen.as_ref().map(Screen::from)
    }

    /// Presses a button if the page on the screen is the wanted one. No other page can come between the look and the press.
    /// Returns the page's number among all pages that were shown.
    ///
    /// # Errors
    /// The page that is not the wanted one; `None` when the screen is dark.
    pub fn press(&self, button: Button, wanted: impl Fn(&Screen) -> bool) -> Result<u64, Option<Screen>> {
        let mut judged = None;
        let pressed = self.panel.press_if(button.into(), |screen| wanted(judged.insert(screen.into())));
        pressed.map_err(|_| judged)
    }
}

impl From<&seams::Screen> for Screen {
    fn from(screen: &seams::Screen) -> Self {
        let cells = |line: &String| line.chars().map(|c| if width(c) == 2 { '2' } else { '1' }).collect();
        Self {
            lines: screen.lines.clone(),
            page: screen.page,
            pages: screen.pages,
            cells: screen.lines.iter().map(cells).collect(),
        }
    }
}

impl From<Button> for seams::Button {
    fn from(button: Button) -> Self {
        match button {
            Button::Ok => Self::Ok,
            Button::Cancel => Self::Cancel,
        }
    }
}
