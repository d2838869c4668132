//! The times and counts of a desk. They are the same for everybody; tests take shorter ones.

use std::time::Duration;

/// The times and counts of a desk.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A page of which nobody has heard for so long is gone.
    pub page_gone: Duration,
    /// A PIN is kept for so long from an enrolment to its installation.
    pub pin_kept: Duration,
    /// So many prompts an origin may bring about in one [`Self::prompt_window`].
    pub prompts: usize,
    /// The time in which prompts are counted.
    pub prompt_window: Duration,
    /// How long a page waits for news at most.
    pub long_poll: Duration,
    /// How often somebody looks whether a page is gone.
    pub tick: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            page_gone: Duration::from_secs(30),
            pin_kept: Duration::from_secs(120),
            prompts: 3,
            prompt_window: Duration::from_secs(60),
            long_poll: Duration::from_secs(25),
            tick: Duration::from_secs(1),
        }
    }
}
