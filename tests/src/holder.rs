//! The person in front of the token. The person reads the screen, and presses what the test said.

use std::sync::{Arc, Mutex, MutexGuard};

use firmware::seams::{Button, Panel, Screen};

/// What the person does at a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Presses this button on each page.
    Press(Button),
    /// Presses OK this many times, then Cancel.
    CancelAfter(usize),
    /// Looks, and presses nothing.
    Look,
}

/// A panel with a person before it; clones share both.
#[derive(Clone, Debug)]
pub struct Holder(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    mood: Mood,
    /// A page is shown on which no button was pressed yet.
    fresh: bool,
    /// Something is on the screen.
    showing: bool,
    pages: Vec<Screen>,
}

impl Default for Holder {
    fn default() -> Self {
        let mood = Mood::Press(Button::Ok);
        Self(Arc::new(Mutex::new(State { mood, fresh: false, showing: false, pages: Vec::new() })))
    }
}

impl Holder {
    /// Says what the person does from now on.
    pub fn be(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// All pages shown since the last call, as text: a line break between lines, and between pages.
    pub fn seen(&self) -> String {
        let pages = std::mem::take(&mut self.state().pages);
        pages.iter().map(|page| page.lines.join("\n")).collect::<Vec<_>>().join("\n")
    }

    /// Whether the screen shows something now.
    pub fn is_asked(&self) -> bool {
        self.state().showing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds the panel")
    }
}

impl Panel for Holder {
    fn show(&mut self, screen: Option<&Screen>) {
        let mut state = self.state();
        state.showing = screen.is_some();
        state.fresh = screen.is_some();
        state.pages.extend(screen.cloned());
    }

    fn pressed(&mut self) -> Option<Button> {
        let mut state = self.state();
        match state.mood {
            Mood::Press(button) if state.fresh => {
                state.fresh = false;
                Some(button)
            }
            Mood::CancelAfter(left) if state.fresh => {
                state.fresh = false;
                state.mood = left.checked_sub(1).map_or(Mood::Press(Button::Cancel), Mood::CancelAfter);
                Some(if left == 0 { Button::Cancel } else { Button::Ok })
            }
            _ => None,
        }
    }
}
