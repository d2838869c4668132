//! A token on the bench. The test drives the endpoints directly, and says what time it is.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use card::{Card, Error, Pipe, pipe::Interface};
use chacha20::ChaCha20Rng;
use firmware::{Factory, Token, profile::Profile, seams::Millis};
use wire::{
    brand::Brand,
    usb::{Setup, request},
};

use firmware::fixture::{Holder, SharedFlash as Flash, rng};
pub use firmware::fixture::{PIN, PUK, SECRET, profile};

/// The token that tests make.
pub type Shield = Token<Flash, Holder, ChaCha20Rng>;

/// A brand, without the cost of stretching PINs.
pub const fn profile_of(brand: Brand) -> Profile {
    Profile { brand, stretch: None }
}

/// Makes a token in the flash. When `pin` is `None`, the token keeps the factory PIN.
pub fn manufacture(profile: Profile, pin: Option<&[u8]>, flash: &Flash, holder: &Holder) -> Shield {
    manufacture_called("", profile, pin, flash, holder)
}

/// The same, with a label.
pub fn manufacture_called(
    label: &str,
    profile: Profile,
    pin: Option<&[u8]>,
    flash: &Flash,
    holder: &Holder,
) -> Shield {
    let factory =
        Factory { pin: pin.map(|pin| pin.to_vec().into()), puk: PUK.to_vec().into(), label: label.into() };
    Token::manufacture(profile, &SECRET, flash.clone(), holder.clone(), rng(1), &factory)
        .expect("a new token")
}

/// Plugs in the token that the flash holds.
pub fn open(profile: Profile, flash: &Flash, holder: &Holder) -> Shield {
    Token::open(profile, &SECRET, flash.clone(), holder.clone(), rng(2))
}

/// A token on the bench. Clones are further hands on the same token.
#[derive(Clone)]
pub struct Bench {
    state: Arc<Mutex<State>>,
    interface: Interface,
}

struct State {
    token: Shield,
    now: Millis,
}

/// A step of the bench's clock, while the token says "not yet".
const STEP: u64 = 100;

impl Bench {
    /// Plugs the token in and configures it, as a host does.
    pub fn plug(mut token: Shield) -> Self {
        let interface = Interface::find(token.device(), &token.configuration())
            .expect("descriptors with a CCID interface");
        attach(&mut token, &interface);
        Self { state: Arc::new(Mutex::new(State { token, now: Millis(0) })), interface }
    }

    /// Powers the card on.
    pub fn card(&self) -> Result<Card, Error> {
        Card::open(self.clone())
    }

    /// Pulls the token out.
    pub fn unplug(&self) {
        self.state().token.unplug();
    }

    /// Puts the same token back that was pulled out.
    pub fn plug_again(&self) {
        attach(&mut self.state().token, &self.interface);
    }

    /// The token itself, for what no host can do.
    pub fn with<T>(&self, act: impl FnOnce(&mut Shield) -> T) -> T {
        act(&mut self.state().token)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the token")
    }
}

fn attach(token: &mut Shield, interface: &Interface) {
    token.attach();
    let value = interface.configuration.into();
    let setup = Setup { request_type: 0, request: request::SET_CONFIGURATION, value, index: 0, length: 0 };
    token.control(setup, &[]).expect("SET_CONFIGURATION");
}

impl State {
    /// Lets time go on by `milliseconds`, and the token work.
    fn pass(&mut self, milliseconds: u64) {
        self.now = self.now.after(milliseconds);
        self.token.tick(self.now);
        while let Some(job) = self.token.job() {
            self.token.finish(job.run());
        }
        self.token.tick(self.now);
    }
}

impl Pipe for Bench {
    fn interface(&self) -> &Interface {
        &self.interface
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, Error> {
        let mut state = self.state();
        let answer = state.token.control(setup, data).map_err(|_| Error::Stalled);
        state.pass(0);
        answer
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), Error> {
        let endpoint = self.interface.bulk_out;
        let mut state = self.state();
        state.token.bulk_out(endpoint, data).map_err(|_| Error::Stalled)?;
        state.pass(0);
        Ok(())
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), Error> {
        let mut state = self.state();
        let end = state.now.after(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        loop {
            let endpoint = self.interface.bulk_in & 0x7F;
            if let Some(data) = state.token.bulk_in(endpoint, max).map_err(|_| Error::Stalled)? {
                into.extend(data);
                return Ok(());
            }
            if state.now >= end {
                return Err(Error::TimedOut("the token on the bench"));
            }
            state.pass(STEP);
        }
    }

    fn interrupt_in(&mut self, _timeout: Duration) -> Result<Option<Vec<u8>>, Error> {
        let Some((endpoint, packet)) = self.interface.interrupt_in else { return Ok(None) };
        self.state().token.interrupt_in(endpoint & 0x7F, packet.into()).map_err(|_| Error::Stalled)
    }
}
