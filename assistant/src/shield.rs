//! The roads to shields, and a leash on a shield at work: a page that cancels, or is gone, ends what a shield waits for.

use std::{
    thread,
    time::{Duration, Instant},
};

use card::{
    Card, Pipe,
    pipe::Interface,
    road::{self, Road, Selection},
    shield::Shield,
};
use machine::doctor::{self, Reached, Reaching, Roads};
use wire::{shield::Information, usb::Setup};

use crate::{stop::Stop, trouble::Trouble};

/// A shield that was just let go is on its server's list again only a moment later.
const SETTLE: Duration = Duration::from_millis(1500);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Where shields are looked for.
#[derive(Clone, Debug, Default)]
pub struct Shields(Option<Selection>);

/// A shield that this process holds.
pub(crate) struct Opened {
    /// The card, on which the shield's applet is selected.
    pub card: Card,
    /// What the shield says of itself.
    pub information: Information,
}

impl Shields {
    /// Where the user's settings and environment say.
    pub const fn configured() -> Self {
        Self(None)
    }

    /// Along the roads of this selection only.
    pub const fn along(selection: Selection) -> Self {
        Self(Some(selection))
    }

    /// Asks all shields that are there. Where there is none, the one element says why.
    pub(crate) fn reach(&self) -> Vec<Reached> {
        match &self.0 {
            Some(selection) => doctor::Card::reach(&Reaching(selection.clone())),
            None => doctor::Card::reach(&Roads),
        }
    }

    /// Opens the shield of this number; without a number, the one shield that is there.
    ///
    /// # Errors
    /// It is not there, another program holds it, or several are there and none is named.
    pub(crate) fn open(&self, serial: Option<&str>, stop: &Stop) -> Result<Opened, Trouble> {
        let selection = self.0.clone().map_or_else(Selection::from_environment, Ok)?;
        let end = Instant::now() + SETTLE;
        loop {
            match look(&selection, serial, stop) {
                Err(trouble) if trouble.settles() && Instant::now() < end && !stop.is_wished() => {
                    thread::sleep(PAUSE);
                }
                looked => return looked,
            }
        }
    }
}

/// Opens the shield in one try.
fn look(selection: &Selection, serial: Option<&str>, stop: &Stop) -> Result<Opened, Trouble> {
    let found = road::discover(selection)?;
    let (mut opened, mut refused) = (Vec::new(), None);
    for found in &found {
        match open(&found.road, selection.patience, stop) {
            Ok(shield) => opened.push(shield),
            Err(error) => refused = Some(error),
        }
    }
    let there = !opened.is_empty();
    if let Some(serial) = serial {
        opened.retain(|shield| shield.information.serial == serial);
    }
    match (opened.len(), refused) {
        (2.., _) => {
            Err(Trouble::plain("several_tokens", "several shields are plugged in, and the page named none"))
        }
        (1, _) => opened.pop().ok_or_else(absent),
        (_, _) if there => Err(Trouble::plain(
            "other_token",
            "another shield than the one that the bank knows is plugged in",
        )),
        (_, Some(error)) => Err(error.into()),
        (_, None) => Err(absent()),
    }
}

fn absent() -> Trouble {
    Trouble::plain("no_token", "no shield is plugged in")
}

fn open(road: &Road, patience: Duration, stop: &Stop) -> Result<Opened, card::Error> {
    let mut card = match road {
        // A PC/SC service has the shield's pipes. What the shield waits for ends there when the holder or time ends it.
        Road::Pcsc { .. } => road::open_road(road, patience)?,
        _ => Card::open_with_patience(
            Leash { pipe: road::pipe(road)?, stop: stop.clone(), told: false },
            patience,
        )?,
    };
    let information = Shield::select(&mut card)?.information()?;
    Ok(Opened { card, information })
}

impl Trouble {
    /// Whether the trouble may be over in a moment.
    fn settles(&self) -> bool {
        matches!(self, Self::Failed { code: "no_token" | "other_token" | "token-busy" | "token-gone", .. })
    }
}

/// The pipes of a shield whose work ends when somebody wishes so. The shield tells once a second that it needs more time (CCID 1.1,
/// 6.2.6), and each time the wish is looked for. Then the reader takes the time for over, and aborts the command on the shield.
struct Leash {
    pipe: Box<dyn Pipe>,
    stop: Stop,
    /// Whether the reader was told. What it reads afterwards is the answer to its abort.
    told: bool,
}

impl Pipe for Leash {
    fn interface(&self) -> &Interface {
        self.pipe.interface()
    }

    fn control(&mut self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, card::Error> {
        self.pipe.control(setup, data)
    }

    fn bulk_out(&mut self, data: &[u8]) -> Result<(), card::Error> {
        self.pipe.bulk_out(data)
    }

    fn bulk_in(&mut self, into: &mut Vec<u8>, max: usize, timeout: Duration) -> Result<(), card::Error> {
        if self.stop.is_wished() && !std::mem::replace(&mut self.told, true) {
            return Err(card::Error::TimedOut("the page, which wants it no more"));
        }
        self.pipe.bulk_in(into, max, timeout)
    }

    fn interrupt_in(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>, card::Error> {
        self.pipe.interrupt_in(timeout)
    }

    fn exchange(
        &mut self,
        out: &[u8],
        into: &mut Vec<u8>,
        max: usize,
        timeout: Duration,
    ) -> Result<(), card::Error> {
        self.pipe.exchange(out, into, max, timeout)
    }
}
