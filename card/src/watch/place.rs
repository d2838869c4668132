//! One place: the way to the token that was last in it, and the token while this process holds it.

use std::time::Instant;

use crate::{
    holding::{Error, Holding, Login, SETTLE},
    road::Road,
};

/// A place for a token.
#[derive(Default)]
pub struct Place {
    /// The way to the token that was last in the place.
    road: Option<Road>,
    /// Whether a token was there at the last look.
    present: bool,
    /// Whether that changed since [`Self::take_change`] last told.
    changed: bool,
    /// The token, while this process holds it.
    holding: Option<Holding>,
    /// When this process last let a token go: the token is back on its server's list only a moment later.
    released: Option<Instant>,
}

impl Place {
    /// The way to the token that was last in the place.
    pub const fn road(&self) -> Option<&Road> {
        self.road.as_ref()
    }

    /// Whether a token was there at the last look.
    pub const fn is_present(&self) -> bool {
        self.present
    }

    /// Whether that changed since this was last asked.
    pub(super) const fn take_change(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// The token, while this process holds it.
    pub const fn holding(&mut self) -> Option<&mut Holding> {
        self.holding.as_mut()
    }

    /// Who is logged in.
    pub fn login(&self) -> &Login {
        self.holding.as_ref().map_or(&Login::Public, Holding::login)
    }

    /// Takes the token that is in the place, and keeps it until [`Self::let_go`].
    ///
    /// # Errors
    /// [`Error::NoToken`], and those of [`Holding::open`].
    pub fn take(&mut self) -> Result<(), Error> {
        let road = self.road.clone().ok_or(Error::NoToken)?;
        let mut holding = Holding::open(&road)?;
        holding.check()?;
        self.plug_in(road);
        self.holding = Some(holding);
        Ok(())
    }

    /// Works with the token, which is taken for this moment only unless this process holds it already.
    ///
    /// # Errors
    /// [`Error::NoToken`], those of [`Holding::open`], and the work's own.
    pub fn for_a_moment<T>(
        &mut self,
        work: impl FnOnce(&mut Holding) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(holding) = &mut self.holding {
            return work(holding);
        }
        let road = self.road.clone().filter(|_| self.present).ok_or(Error::NoToken)?;
        let outcome = work(&mut Holding::open(&road)?);
        self.released = Some(Instant::now());
        outcome
    }

    /// Gives the token back.
    pub fn let_go(&mut self) {
        if self.holding.take().is_some() {
            self.released = Some(Instant::now());
        }
    }

    /// A token was seen at the end of this road.
    pub(super) fn plug_in(&mut self, road: Road) {
        self.changed |= !self.present;
        self.present = true;
        self.road = Some(road);
    }

    /// The token is gone.
    pub(super) fn pull_out(&mut self) {
        self.changed |= self.present;
        self.present = false;
        self.let_go();
    }

    /// Whether the token may be missing on a list for no other reason than that this process has just let it go.
    pub(super) fn is_settling(&self) -> bool {
        self.released.is_some_and(|released| released.elapsed() < SETTLE)
    }

    /// Whether a token by a road that no place has belongs here: the place never had a token, or had one on USB, where a device
    /// has a new address each time it is plugged in.
    pub(super) fn takes(&self, road: &Road) -> bool {
        match &self.road {
            None => true,
            Some(former) => !self.present && matches!((former, road), (Road::Usb { .. }, Road::Usb { .. })),
        }
    }
}

#[cfg(test)]
impl Place {
    /// As if this process had taken the token.
    pub(super) fn hold(&mut self, holding: Holding) {
        self.holding = Some(holding);
    }
}
