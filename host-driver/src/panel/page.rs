//! Pages one after another, as the person before the screen reads them.

use firmware::seams::{Button, Screen};

use super::{Handle, NotShown};

/// The pages that a panel shows, each of them once.
#[derive(Debug)]
pub struct Pages {
    handle: Handle,
    /// The number of the last page that was read ([`super::Face::shown`]).
    read: u64,
}

/// A page that was read.
#[derive(Clone, Debug)]
pub struct Page {
    handle: Handle,
    number: u64,
    /// What it shows.
    pub screen: Screen,
    /// How many pages came and went before it without being read.
    pub missed: u64,
}

impl Pages {
    /// Begins with the page that is shown now, where one is shown.
    pub(super) fn of(handle: Handle) -> Self {
        let face = handle.face();
        let read = face.shown.saturating_sub(u64::from(face.screen.is_some()));
        Self { handle, read }
    }

    /// Waits for a page that was not read yet. Pages that are gone by then are not read, but counted.
    pub async fn next(&mut self) -> Page {
        loop {
            let face = self.handle.wait(|face| face.screen.is_some() && face.shown > self.read).await;
            // The wait gives nothing else.
            let Some(screen) = face.screen else { continue };
            let missed = (face.shown - self.read).saturating_sub(1);
            self.read = face.shown;
            return Page { handle: self.handle.clone(), number: face.shown, screen, missed };
        }
    }
}

impl Page {
    /// Presses a button for this page: what was read is what is confirmed.
    ///
    /// # Errors
    /// The page is gone, even where the next page says the same.
    pub fn press(&self, button: Button) -> Result<(), NotShown> {
        if self.handle.press_page(button, self.number) { Ok(()) } else { Err(NotShown) }
    }

    /// Waits until the page is gone: the screen is dark, or shows another page.
    pub async fn gone(&self) {
        self.handle.wait(|face| face.screen.is_none() || face.shown != self.number).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::{Habit, panel};
    use firmware::seams::Panel as _;

    #[tokio::test]
    async fn each_page_is_read_once_and_pressed_only_while_it_is_shown() {
        let (mut inside, handle) = panel(Habit::Wait);
        let page = Screen { lines: vec!["pay".into()], page: 1, pages: 1 };
        inside.show(Some(&page));
        let mut pages = handle.pages();
        let first = pages.next().await;
        assert_eq!((&first.screen, first.missed), (&page, 0));
        first.press(Button::Ok).unwrap();
        assert_eq!(inside.pressed(), Some(Button::Ok));
        // The same text again is another page. Of the two that come now, one is missed.
        inside.show(Some(&page));
        assert_eq!((first.press(Button::Ok), inside.pressed()), (Err(NotShown), None));
        inside.show(Some(&page));
        let third = pages.next().await;
        assert_eq!(third.missed, 1);
        inside.show(None);
        assert_eq!((third.press(Button::Ok), inside.pressed()), (Err(NotShown), None));
    }
}
