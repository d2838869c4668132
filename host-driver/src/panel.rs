//! The token's screen and buttons, on the host.
//!
//! [`panel`] makes two ends: [`Panel`] goes into the token, and [`Handle`] is for everybody else: a terminal, the control
//! API, a test. How buttons get pressed is the panel's [`Habit`]; whatever it is, a handle may look and press too.

mod script;
mod page;
mod pattern;

use std::sync::{Arc, OnceLock};

use firmware::seams::{self, Button, Declined, Screen};
use tokio::sync::{Notify, watch};

pub use page::{Page, Pages};
pub use pattern::{NotPattern, Pattern};
pub use script::{Failed, Malformed, Script};

use crate::journal::{Event, Witness};

/// What presses the buttons.
#[derive(Clone, Debug, Default)]
pub enum Habit {
    /// Nothing but handles.
    #[default]
    Wait,
    /// The panel presses OK on each page.
    Accept,
    /// The panel presses Cancel on each page.
    Reject,
}

/// What the panel shows, as of its last change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Face {
    /// The page, or `None` when the screen is dark.
    pub screen: Option<Screen>,
    /// How many pages have been shown so far. Two pages with the same text differ in this number.
    pub shown: u64,
    pressed: Option<Button>,
}

impl Face {
    /// The lines of the page, one below the other; empty when the screen is dark.
    pub fn text(&self) -> String {
        self.screen.as_ref().map(|screen| screen.lines.join("\n")).unwrap_or_default()
    }
}

/// A press that was refused: the screen is dark, or shows another page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the screen does not wait for this button")]
pub struct NotShown;

/// Makes a panel and its handle.
pub fn panel(habit: Habit) -> (Panel, Handle) {
    let handle =
        Handle { face: Arc::new(watch::Sender::default()), bell: Arc::default(), witness: Arc::default() };
    (Panel { handle: handle.clone(), habit }, handle)
}

/// The end for the token.
#[derive(Debug)]
pub struct Panel {
    handle: Handle,
    habit: Habit,
}

impl seams::Panel for Panel {
    fn show(&mut self, screen: Option<&Screen>) {
        let pressed = match (screen, &self.habit) {
            (Some(_), Habit::Accept) => Some(Button::Ok),
            (Some(_), Habit::Reject) => Some(Button::Cancel),
            _ => None,
        };
        let changed = self.handle.face.send_if_modified(|face| {
            let changed = face.screen.is_some() || screen.is_some();
            face.shown += u64::from(screen.is_some());
            face.screen = screen.cloned();
            face.pressed = pressed;
            changed
        });
        if pressed.is_some() {
            self.handle.bell.notify_one();
        }
        if changed {
            self.handle.report(|| Event::Screen(screen.cloned()));
        }
    }

    fn ended(&mut self, answer: Result<(), Declined>) {
        self.handle.report(|| Event::Answered(answer));
        self.show(None);
    }

    fn pressed(&mut self) -> Option<Button> {
        // It looks before it takes: most polls find nothing, and every change wakes all watchers.
        self.handle.face.borrow().pressed?;
        let mut button = None;
        self.handle.face.send_if_modified(|face| {
            button = face.pressed.take();
            false
        });
        button
    }
}

/// The end for people and programs. Clones are the same panel.
#[derive(Clone, Debug)]
pub struct Handle {
    face: Arc<watch::Sender<Face>>,
    bell: Arc<Notify>,
    witness: Arc<OnceLock<Witness>>,
}

impl Handle {
    /// What is shown now.
    pub fn face(&self) -> Face {
        self.face.borrow().clone()
    }

    /// Watches the screen. The page of this moment counts as seen.
    pub fn watch(&self) -> watch::Receiver<Face> {
        self.face.subscribe()
    }

    /// Presses a button.
    ///
    /// # Errors
    /// The screen is dark: nobody asks.
    pub fn press(&self, button: Button) -> Result<(), NotShown> {
        self.press_if(button, |_| true).map(drop)
    }

    /// Presses a button if the page is the wanted one. The page that `wanted` has judged is the page that is confirmed.
    ///
    /// Returns the page's number among all that were shown ([`Face::shown`]).
    ///
    /// The panel is not locked while `wanted` judges. If the page has changed meanwhile, the new page is judged.
    ///
    /// # Errors
    /// The screen is dark, or shows another page.
    pub fn press_if(&self, button: Button, mut wanted: impl FnMut(&Screen) -> bool) -> Result<u64, NotShown> {
        loop {
            let face = self.face();
            if !face.screen.as_ref().is_some_and(&mut wanted) {
                return Err(NotShown);
            }
            if self.press_page(button, face.shown) {
                return Ok(face.shown);
            }
        }
    }

    /// Presses a button if the page with this number is still shown, and says whether it was.
    fn press_page(&self, button: Button, number: u64) -> bool {
        let mut same = false;
        self.face.send_if_modified(|now| {
            same = now.shown == number && now.screen.is_some();
            if same {
                now.pressed = Some(button);
            }
            false
        });
        if same {
            self.bell.notify_one();
        }
        same
    }

    /// The pages one after another, from the one that is shown now.
    pub fn pages(&self) -> Pages {
        Pages::of(self.clone())
    }

    /// Waits until `wanted` takes a face, and returns that face. It waits for ever if none is taken. A face that comes and goes
    /// while another is judged is not seen.
    pub async fn wait(&self, mut wanted: impl FnMut(&Face) -> bool) -> Face {
        let mut watch = self.watch();
        loop {
            // A copy is judged, so that the token can show its next page meanwhile.
            let face = watch.borrow_and_update().clone();
            // An error would say that the sender is gone, and `self` owns the sender.
            if wanted(&face) || watch.changed().await.is_err() {
                return face;
            }
        }
    }

    /// From here on the journal is told what the screen shows.
    pub(crate) fn tell(&self, witness: Witness) {
        // A panel belongs to one token, which is plugged into one bus.
        let _ = self.witness.set(witness);
    }

    fn report(&self, event: impl FnOnce() -> Event) {
        if let Some(witness) = self.witness.get() {
            witness.tell(event);
        }
    }

    /// The bell that wakes the session which drives the token.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seams::Panel as _;

    fn page(text: &str) -> Screen {
        Screen { lines: vec![text.into()], page: 1, pages: 1 }
    }

    #[test]
    fn habits_press_on_each_page() {
        for (habit, button) in [(Habit::Accept, Button::Ok), (Habit::Reject, Button::Cancel)] {
            let (mut panel, handle) = panel(habit);
            for _ in 0..2 {
                panel.show(Some(&page("pay")));
                assert_eq!((panel.pressed(), panel.pressed()), (Some(button), None));
            }
            panel.show(None);
            assert_eq!((panel.pressed(), handle.face().shown), (None, 2));
        }
    }

    #[test]
    fn a_press_counts_for_the_page_it_was_meant_for() {
        let (mut panel, handle) = panel(Habit::Wait);
        assert_eq!(handle.press(Button::Ok), Err(NotShown));
        panel.show(Some(&page("one")));
        assert_eq!(handle.press_if(Button::Ok, |screen| screen.lines == ["two"]), Err(NotShown));
        assert_eq!(panel.pressed(), None);
        handle.press(Button::Ok).unwrap();
        panel.show(Some(&page("two")));
        assert_eq!(panel.pressed(), None);
        handle.press(Button::Cancel).unwrap();
        assert_eq!(panel.pressed(), Some(Button::Cancel));
    }

    #[test]
    fn a_page_is_judged_beside_the_panel_and_again_if_it_changed() {
        let (mut panel, handle) = panel(Habit::Wait);
        panel.show(Some(&page("one")));
        let mut judged = Vec::new();
        // The judge is slow: the token shows its next page meanwhile, which would hang if it had to wait for the judge.
        let pressed = handle.press_if(Button::Ok, |screen| {
            if judged.is_empty() {
                panel.show(Some(&page("two")));
            }
            judged.push(screen.lines.concat());
            true
        });
        // The number is that of the page that was judged, so that who waits for the next one waits from there.
        assert_eq!((pressed, judged), (Ok(2), vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(panel.pressed(), Some(Button::Ok));
        let pressed = handle.press_if(Button::Ok, |_| {
            panel.show(None);
            true
        });
        assert_eq!((pressed, panel.pressed()), (Err(NotShown), None));
    }

    #[tokio::test]
    async fn a_slow_judge_of_a_wait_does_not_hold_up_the_token() {
        let (mut panel, handle) = panel(Habit::Wait);
        panel.show(Some(&page("one")));
        let face = handle.wait(|face| {
            let first = face.text() == "one";
            if first {
                panel.show(Some(&page("two")));
            }
            !first
        });
        assert_eq!(face.await.text(), "two");
    }

    #[tokio::test]
    async fn waits_for_a_text() {
        let (mut panel, handle) = panel(Habit::Wait);
        let waiting = tokio::spawn(async move { handle.wait(|face| face.text().contains("二")).await.shown });
        for text in ["一", "二"] {
            panel.show(Some(&page(text)));
            tokio::task::yield_now().await;
        }
        assert_eq!(waiting.await.unwrap(), 2);
    }
}
