//! How fast the story goes: step by step at a terminal, in one go elsewhere.

use std::{
    io::{BufRead, IsTerminal},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use terminal::{Paint, say};

/// Waits for Enter, or does not.
#[derive(Debug)]
pub(super) struct Pace {
    by_hand: AtomicBool,
}

impl Pace {
    /// Step by step where a person reads and types, unless an option says otherwise.
    pub(super) fn choose(yes: bool) -> Self {
        let terminals = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let by_hand = is_by_hand(yes, terminals, std::env::var_os("CI").is_some());
        Self { by_hand: AtomicBool::new(by_hand) }
    }

    pub(super) fn is_by_hand(&self) -> bool {
        self.by_hand.load(Relaxed)
    }

    /// Waits for Enter; `does` says what Enter does. When the keyboard ends (Ctrl-D), nothing waits from then on.
    pub(super) fn wait(&self, does: &str) {
        if !self.is_by_hand() {
            return;
        }
        say(&Paint::stdout().bold(&format!("    [Enter] {does}")));
        let mut line = String::new();
        if !matches!(std::io::stdin().lock().read_line(&mut line), Ok(1..)) {
            self.by_hand.store(false, Relaxed);
        }
    }
}

const fn is_by_hand(yes: bool, terminals: bool, ci: bool) -> bool {
    terminals && !ci && !yes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_at_a_terminal_goes_step_by_step() {
        assert!(is_by_hand(false, true, false));
        for (yes, terminals, ci) in [(true, true, false), (false, false, false), (false, true, true)] {
            assert!(!is_by_hand(yes, terminals, ci));
        }
    }
}
