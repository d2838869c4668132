//! The tokens that a running `up` serves, as the control socket sees them.

use firmware::seams;
use host_driver::{Exporter, State, bus::BusId, capture::Summary, panel::Handle};
use tokio::sync::watch;

use crate::{
    control::view::{Button, Health, Screen, Token},
    failure::{Context, Failure},
};

/// Tokens in their places, and the server that shows them.
#[derive(Debug)]
pub(crate) struct Rack {
    health: Health,
    exporter: Exporter,
    served: Vec<Served>,
    stopping: watch::Sender<bool>,
}

/// A token that was plugged in: it keeps its place when it is pulled out.
#[derive(Debug)]
pub(crate) struct Served {
    /// Its name on the bus.
    pub(crate) bus_id: BusId,
    /// What stays the same; what changes is asked anew each time.
    pub(crate) token: Token,
    /// Its screen and buttons.
    pub(crate) panel: Handle,
}

impl Rack {
    pub(crate) fn new(health: Health, exporter: Exporter, served: Vec<Served>) -> Self {
        Self { health, exporter, served, stopping: watch::Sender::new(false) }
    }

    pub(crate) const fn health(&self) -> &Health {
        &self.health
    }

    pub(crate) fn served(&self) -> &[Served] {
        &self.served
    }

    /// All tokens as they are now.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.served.iter().map(|served| self.token(served)).collect()
    }

    /// A token as it is now.
    pub(crate) fn token(&self, served: &Served) -> Token {
        let state = self.exporter.bus().port(served.bus_id).map_or(State::Unplugged, |port| port.state());
        Token {
            plugged: state != State::Unplugged,
            attached: matches!(state, State::Held { .. }),
            screen: served.screen(),
            ..served.token.clone()
        }
    }

    /// A token by its bus id or serial number.
    pub(crate) fn find(&self, id: &str) -> Option<&Served> {
        self.served
            .iter()
            .find(|served| served.token.bus_id == id || served.token.serial.eq_ignore_ascii_case(id))
    }

    /// Puts a token back; nothing happens when it is in.
    pub(crate) fn plug(&self, served: &Served) {
        // The only refusal is that it is in already.
        let _ = self.exporter.plug_again(served.bus_id);
    }

    /// Pulls a token out; nothing happens when it is out.
    pub(crate) fn unplug(&self, served: &Served) {
        // The only refusal is that it is out already.
        let _ = self.exporter.unplug(served.bus_id);
    }

    /// Returns when every host that had the token knows that it has none.
    pub(crate) async fn let_go(&self, served: &Served) {
        self.exporter.bus().let_go(served.bus_id).await;
    }

    /// Asks everything here to end.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns once [`Self::stop`] was called.
    pub(crate) async fn stopped(&self) {
        // The sender lives in `self`: the channel cannot close.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Ends the capture, when there is one.
    pub(crate) fn stop_capture(&self) -> Result<Option<Summary>, Failure> {
        self.exporter.stop_capture().what("the capture is not complete")
    }

    /// Pulls all tokens out: their power is off when this returns. Whoever drops the rack hangs up.
    pub(crate) fn unplug_all(&self) {
        self.served.iter().for_each(|served| self.unplug(served));
    }
}

impl Served {
    /// What the screen shows.
    pub(crate) fn screen(&self) -> Option<Screen> {
        self.panel.face().screen.as_ref().map(Screen::from)
    }

    /// Presses a button if the page is the wanted one: what is judged is what is confirmed. Returns that page's number
    /// among all that were shown, or the page that was not the wanted one.
    pub(crate) fn press(
        &self,
        button: Button,
        wanted: impl Fn(&Screen) -> bool,
    ) -> Result<u64, Option<Screen>> {
        let mut judged = None;
        let pressed = self.panel.press_if(button.into(), |screen| wanted(judged.insert(screen.into())));
        pressed.map_err(|_| judged)
    }
}

impl From<&seams::Screen> for Screen {
    fn from(screen: &seams::Screen) -> Self {
        Self { lines: screen.lines.clone(), page: screen.page, pages: screen.pages }
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
