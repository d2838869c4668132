//! How many connections come from one place at a time, so that one stranger does not take all of them.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::proxy::household;

/// Counts connections by where they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    crowd: Crowd,
    place: IpAddr,
}

impl Crowd {
    fn change<T>(&self, change: impl FnOnce(&mut HashMap<IpAddr, usize>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a connection from there. [`None`]: there are `most` already.
    pub(crate) fn enter(&self, address: IpAddr, most: usize) -> Option<Counted> {
        let place = household(address);
        let may = self.change(|counts| {
            let count = counts.entry(place).or_default();
            let may = *count < most;
            *count += usize::from(may);
            may
        });
        may.then(|| Counted { crowd: self.clone(), place })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.crowd.change(|counts| {
            if let Some(count) = counts.get_mut(&self.place) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&self.place);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;

    #[test]
    fn one_place_has_so_many_and_leaves_no_trace() {
        let crowd = Crowd::default();
        let enter = |address: &str| crowd.enter(address.parse().expect("an address"), 2);
        let held = [enter("192.0.2.1"), enter("192.0.2.1"), enter("192.0.2.1"), enter("192.0.2.2")];
        assert_eq!(held.each_ref().map(Option::is_some), [true, true, false, true]);
        let six =
            [enter("2001:db8::1"), enter("2001:db8::2"), enter("2001:db8::3"), enter("2001:db8:0:1::1")];
        assert_eq!(
            six.each_ref().map(Option::is_some),
            [true, true, false, true],
            "a household is one place"
        );
        drop((held, six));
        assert!(crowd.change(|counts| counts.is_empty()));
    }
}
