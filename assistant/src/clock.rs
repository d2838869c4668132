//! The time that has passed, with the time in which the computer slept: a PIN that is kept for two minutes is not kept over a night.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// The moment now. [`Instant`] stands still while the computer sleeps (clock_gettime(2), CLOCK_MONOTONIC), and this moment does not. No change
/// of the computer's date moves it.
pub(crate) fn now() -> Instant {
    static FIRST: OnceLock<(Instant, Duration)> = OnceLock::new();
    moment(*FIRST.get_or_init(|| (Instant::now(), since_start())), since_start())
}

/// The moment at `since_start`, by a first moment and the time since the computer's start at that moment.
fn moment((first, then): (Instant, Duration), since_start: Duration) -> Instant {
    first + since_start.saturating_sub(then)
}

/// The time since the computer was started, with its sleep.
fn since_start() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_of_sleep_counts() {
        let (first, then, night) = (Instant::now(), Duration::from_secs(500), Duration::from_secs(8 * 3600));
        assert_eq!(moment((first, then), then + night), first + night);
        assert_eq!(moment((first, then), Duration::ZERO), first, "a clock that goes back moves nothing");
    }

    #[test]
    fn time_goes_on_and_never_back() {
        let first = now();
        std::thread::sleep(Duration::from_millis(5));
        assert!(now() >= first + Duration::from_millis(5));
    }
}
