//! How often each origin has asked for the PIN: a page that asks again and again wears the holder down.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

use super::Settings;
use crate::origin::Origin;

/// The prompts of each origin in the last window. Only origins of the configuration get here, so there are few.
#[derive(Default)]
pub(super) struct Prompts(HashMap<Origin, VecDeque<Instant>>);

impl Prompts {
    /// Whether the origin may prompt now.
    pub(super) fn allow(&mut self, origin: &Origin, now: Instant, settings: &Settings) -> bool {
        let times = self.0.entry(origin.clone()).or_default();
        times.retain(|time| now.duration_since(*time) < settings.prompt_window);
        times.len() < settings.prompts
    }

    /// Counts a prompt; `false` when it is one too many.
    pub(super) fn count(&mut self, origin: &Origin, now: Instant, settings: &Settings) -> bool {
        let allowed = self.allow(origin, now, settings);
        if allowed {
            self.0.entry(origin.clone()).or_default().push_back(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn three_a_minute_for_each_origin() {
        let [bank, other]: [Origin; 2] =
            ["https://bank.example", "https://other.example"].map(|origin| origin.parse().unwrap());
        let (settings, mut prompts, start) = (Settings::default(), Prompts::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let counted = [0, 10, 20, 30, 59].map(|time| prompts.count(&bank, at(time), &settings));
        assert_eq!(counted, [true, true, true, false, false]);
        assert!(prompts.count(&other, at(30), &settings));
        assert!(prompts.allow(&bank, at(60), &settings) && prompts.count(&bank, at(60), &settings));
        assert!(!prompts.allow(&bank, at(61), &settings));
    }
}
