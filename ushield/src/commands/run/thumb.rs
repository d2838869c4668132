//! The thumb on the buttons of a run's tokens: OK while they are enrolled, then what `--panel` says. It writes down what
//! each screen shows.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU8, Ordering},
};

use host_driver::{
    control::view::{Button, Screen},
    panel::{Habit, Handle},
};
use lock::lock;

const OK: u8 = 0;
const CANCEL: u8 = 1;
const LEAVE: u8 = 2;

/// One thumb for all tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Thumb {
    habit: Arc<AtomicU8>,
    seen: Arc<Mutex<String>>,
}

impl Thumb {
    /// Watches a panel for as long as the runtime lives.
    pub(super) fn watch(&self, token: String, panel: Handle) {
        tokio::spawn(self.clone().hold(token, panel));
    }

    /// What is pressed from now on; [`Habit::Wait`] leaves the buttons to others.
    pub(super) fn be(&self, habit: &Habit) {
        let habit = match habit {
            Habit::Accept => OK,
            Habit::Reject => CANCEL,
            Habit::Wait => LEAVE,
        };
        self.habit.store(habit, Ordering::SeqCst);
    }

    /// All pages shown so far.
    pub(super) fn seen(&self) -> String {
        lock(&self.seen).clone()
    }

    async fn hold(self, token: String, panel: Handle) {
        let mut pages = panel.pages();
        loop {
            let page = pages.next().await;
            self.write(&token, &Screen::from(&page.screen), page.missed);
            let button = match self.habit.load(Ordering::SeqCst) {
                OK => Button::Ok,
                CANCEL => Button::Cancel,
                _ => continue,
            };
            // What was read is what is pressed for; a page that has gone needs no button.
            let _ = page.press(button.into());
        }
    }

    fn write(&self, token: &str, screen: &Screen, missed: u64) {
        let mut seen = lock(&self.seen);
        if missed > 0 {
            // Others press too, perhaps faster than this looks.
            seen.push_str(&format!("{token}: {missed} pages went too fast to be written down\n"));
        }
        seen.push_str(&format!("{token}, page {} of {}:\n", screen.page, screen.pages));
        screen.lines.iter().for_each(|line| seen.push_str(&format!("  {line}\n")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware::seams::{self, Panel as _};
    use host_driver::panel::panel;

    #[tokio::test]
    async fn presses_as_it_is_told_and_writes_down_what_it_saw() {
        let (mut inside, handle) = panel(Habit::Wait);
        let thumb = Thumb::default();
        thumb.watch("1-1".into(), handle);
        let mut ask = async |text: &str, habit: &Habit| {
            thumb.be(habit);
            inside.show(Some(&seams::Screen { lines: vec![text.into()], page: 1, pages: 1 }));
            // The habits press at once or not at all.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            inside.pressed()
        };
        assert_eq!(ask("one", &Habit::Accept).await, Some(seams::Button::Ok));
        assert_eq!(ask("two", &Habit::Reject).await, Some(seams::Button::Cancel));
        assert_eq!(ask("three", &Habit::Wait).await, None);
        assert_eq!(
            thumb.seen(),
            "1-1, page 1 of 1:\n  one\n1-1, page 1 of 1:\n  two\n1-1, page 1 of 1:\n  three\n"
        );
    }
}
