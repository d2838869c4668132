//! Which tokens there are, for a library that shows them to its program as numbered places: slots of PKCS#11, devices of SKF.
//!
//! A place keeps its number and its road, so that a token that is unplugged and plugged in again is in its former place. A
//! USB/IP server does not list a token that is held: of the tokens that this process holds, the token itself is asked.

// The order is the law: a module uses only modules listed below it.
mod place;

use std::{
    sync::{Arc, Mutex, MutexGuard, TryLockError},
    thread,
    time::{Duration, Instant},
};

pub use self::place::Place;
use crate::{
    holding::Error,
    road::{self, Road, Selection},
    usbip,
};

/// How long the first look waits for a token on a server that lists none.
const GRACE: Duration = Duration::from_millis(500);
/// Between two tries of the first look.
const GRACE_PAUSE: Duration = Duration::from_millis(5);
/// How often a program that waits for a token to come or go should look ([`Watch::event`]).
pub const PERIOD: Duration = Duration::from_millis(100);

/// What a library keeps for a place, such as sessions and objects.
pub trait Tenant {
    /// The place.
    fn place(&self) -> &Place;

    /// The same, to be changed.
    fn place_mut(&mut self) -> &mut Place;

    /// The token was pulled out: what the library keeps of it is void.
    fn pulled_out(&mut self);

    /// Asks the token whether it is there; `None` when this process does not hold it.
    fn look(&mut self) -> Option<bool> {
        let present = self.place_mut().holding()?.is_present();
        if !present {
            self.pull_out();
        }
        Some(present)
    }

    /// The token is gone.
    fn pull_out(&mut self) {
        self.pulled_out();
        self.place_mut().pull_out();
    }
}

/// A tenant, and the lock that whoever works with it holds.
type Shared<T> = Arc<Mutex<T>>;

/// All places.
pub struct Watch<T> {
    selection: Selection,
    /// Most places.
    most: usize,
    /// Makes the tenant of a new place, by its number.
    make: Box<dyn Fn(usize) -> T + Send + Sync>,
    tenants: Mutex<Vec<Shared<T>>>,
    /// Held while somebody looks which tokens there are.
    looking: Mutex<()>,
}

/// A lock whose holder panicked guards what nobody understands any more.
fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Error> {
    mutex.lock().map_err(|_| Error::Poisoned)
}

impl<T: Tenant> Watch<T> {
    /// Nothing is looked at yet. There will be at most `most` places, and at least one, so that there is something to wait
    /// for a token in.
    pub fn new(selection: Selection, most: usize, make: impl Fn(usize) -> T + Send + Sync + 'static) -> Self {
        let (make, tenants) = (Box::new(make), Mutex::new(Vec::new()));
        Self { selection, most, make, tenants, looking: Mutex::new(()) }
    }

    /// Works with the tenant of the place of this number. Other places are not delayed by that.
    ///
    /// # Errors
    /// [`Error::NoPlace`], [`Error::Poisoned`], and the work's own.
    pub fn with<R, E: From<Error>>(
        &self,
        number: usize,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        self.first_look()?;
        let tenant = lock(&self.tenants)?.get(number).cloned().ok_or(Error::NoPlace)?;
        let mut tenant = lock(&tenant)?;
        work(&mut tenant)
    }

    /// [`Self::with`], once somebody has looked which tokens there are.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_fresh<R, E: From<Error>>(
        &self,
        number: usize,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        if !self.first_look()? {
            // Whoever works in the place now has ended first: a look passes over a place that is in use.
            self.with(number, |_| Ok::<(), E>(()))?;
            self.look()?;
        }
        self.with(number, work)
    }

    /// The numbers of the places, or of those with a token. `anew` looks which tokens there are.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn numbers(&self, with_token: bool, anew: bool) -> Result<Vec<usize>, Error> {
        if !self.first_look()? && anew {
            self.look()?;
        }
        let mut numbers = Vec::new();
        for (number, tenant) in self.all()?.iter().enumerate() {
            if !with_token || lock(tenant)?.place().is_present() {
                numbers.push(number);
            }
        }
        Ok(numbers)
    }

    /// Looks, and tells the number of a place where a token came or went since the last time; `None` when there is none. What is
    /// there at the first look is no event.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn event(&self) -> Result<Option<usize>, Error> {
        if !self.first_look()? {
            self.look()?;
        }
        let changed =
            |tenant: &Shared<T>| tenant.try_lock().is_ok_and(|mut tenant| tenant.place_mut().take_change());
        Ok(self.all()?.iter().position(changed))
    }

    /// The tenants as they are now.
    fn all(&self) -> Result<Vec<Shared<T>>, Error> {
        Ok(lock(&self.tenants)?.clone())
    }

    /// Looks for tokens if nobody has yet, and tells whether nobody had.
    fn first_look(&self) -> Result<bool, Error> {
        if !lock(&self.tenants)?.is_empty() {
            return Ok(false);
        }
        let end = Instant::now() + GRACE;
        self.look()?;
        // A program that ran just before, or this process itself, has let its token go: the token is back on the list in a moment.
        while Instant::now() < end && !self.is_any_present()? && self.is_served() {
            thread::sleep(GRACE_PAUSE);
            self.look()?;
        }
        for tenant in self.all()? {
            lock(&tenant)?.place_mut().take_change();
        }
        Ok(true)
    }

    fn is_any_present(&self) -> Result<bool, Error> {
        self.all()?.iter().try_fold(false, |any, tenant| Ok(any || lock(tenant)?.place().is_present()))
    }

    /// Whether there is a USB/IP server, with free tokens or without.
    fn is_served(&self) -> bool {
        self.selection.servers().iter().any(|address| usbip::list(address).is_ok())
    }

    /// Looks which tokens there are. A token by a new road gets an empty place that never had one, else a new place.
    fn look(&self) -> Result<(), Error> {
        let found = || road::discover(&self.selection).unwrap_or_default();
        self.compare(|| found().into_iter().map(|found| found.road).collect())
    }

    /// Compares the places with what a look finds.
    fn compare(&self, find: impl FnOnce() -> Vec<Road>) -> Result<(), Error> {
        let _one_at_a_time = lock(&self.looking)?;
        let mut found = find();
        let known = self.all()?;
        for tenant in &known {
            let mut tenant = match tenant.try_lock() {
                Ok(tenant) => tenant,
                // Somebody is just using the token: it is there, whether it is listed or not.
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Poisoned(_)) => return Err(Error::Poisoned),
            };
            let listed = found.iter().position(|road| Some(road) == tenant.place().road());
            match (listed.map(|at| found.remove(at)), tenant.look()) {
                (Some(road), None | Some(false)) => tenant.place_mut().plug_in(road),
                (None, None) if tenant.place().is_present() && !tenant.place().is_settling() => {
                    tenant.pull_out();
                }
                _ => {}
            }
        }
        for road in found {
            self.seat(&known, road)?;
        }
        let mut tenants = lock(&self.tenants)?;
        if tenants.is_empty() {
            self.add(&mut tenants, None);
        }
        Ok(())
    }

    /// Gives a token by a new road a place.
    fn seat(&self, known: &[Shared<T>], road: Road) -> Result<(), Error> {
        // A place that is in use just now may have this very road.
        if known.iter().any(|tenant| matches!(tenant.try_lock(), Err(TryLockError::WouldBlock))) {
            for tenant in known {
                if lock(tenant)?.place().road() == Some(&road) {
                    return Ok(());
                }
            }
        }
        for tenant in known {
            let mut tenant = lock(tenant)?;
            if tenant.place().takes(&road) {
                tenant.place_mut().plug_in(road);
                return Ok(());
            }
        }
        self.add(&mut *lock(&self.tenants)?, Some(road));
        Ok(())
    }

    /// One place more, if there may be one. Its token is in it before anybody sees the place.
    fn add(&self, tenants: &mut Vec<Shared<T>>, road: Option<Road>) {
        if tenants.len() >= self.most {
            return;
        }
        let mut tenant = (self.make)(tenants.len());
        if let Some(road) = road {
            tenant.place_mut().plug_in(road);
        }
        tenants.push(Arc::new(Mutex::new(tenant)));
    }
}

#[cfg(test)]
mod tests;
