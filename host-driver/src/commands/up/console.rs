//! The panel in the terminal: the screen is drawn as a box, and a line of input presses a button.

use std::{
    io::BufRead,
    sync::{Arc, Mutex, PoisonError},
};

use host_driver::{BusId, panel::Handle};

use crate::{
    control::{
        bench::{Bench, Seat},
        view::{Button, Screen},
    },
    failure::Failure,
    runtime::no_thread,
    terminal::{Paint, draw, say},
};

/// What was drawn last.
type Asked = Arc<Mutex<Option<Question>>>;

/// A page and where it is shown: what a line of input is about.
#[derive(Clone)]
struct Question {
    token: BusId,
    panel: Handle,
    page: Screen,
}

/// Draws the screens of all tokens and takes lines from the keyboard, until the program ends.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(bench: &Bench) -> Result<(), Failure> {
    let asked = Asked::default();
    let several = bench.seats().len() > 1;
    for seat in bench.seats() {
        tokio::spawn(show(seat.bus_id, seat.panel.clone(), title(seat, several), asked.clone()));
    }
    // Not one of the runtime's threads: a read from the keyboard would keep the runtime from ending.
    let keyboard = std::thread::Builder::new().name("ushield-keyboard".into()).spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            take(&line, &asked);
        }
    });
    keyboard.map(drop).map_err(no_thread)
}

fn title(seat: &Seat, several: bool) -> String {
    if several { format!("The screen of {}", seat.bus_id) } else { "The token's screen".to_owned() }
}

async fn show(token: BusId, panel: Handle, title: String, asked: Asked) {
    let mut shown = 0;
    loop {
        let face = panel.wait(|face| face.screen.is_some() && face.shown != shown).await;
        shown = face.shown;
        let Some(screen) = face.screen.as_ref().map(Screen::from) else { continue };
        let ok = if screen.last() { "OK" } else { "next page" };
        let keys = Paint::stdout().bold(&format!("[Enter] {ok}   [c, Enter] Cancel"));
        say(&format!("\n{title}:\n{}{keys}", draw(&screen, "")));
        *lock(&asked) = Some(Question { token, panel: panel.clone(), page: screen });
        panel.wait(|face| face.screen.is_none() || face.shown != shown).await;
        let mut last = lock(&asked);
        if panel.face().screen.is_none() && last.take_if(|question| question.token == token).is_some() {
            say(&Paint::stdout().dim("(the screen is dark)"));
        }
    }
}

fn take(line: &str, asked: &Asked) {
    let Some(button) = button(line) else {
        return say("Enter is OK; c and Enter is Cancel. Ctrl-C ends everything.");
    };
    let asked = lock(asked).clone();
    // Only for the page that was drawn: what the person has read.
    let pressed = asked.is_some_and(|Question { panel, page, .. }| {
        panel.press_if(button.into(), |now| Screen::from(now) == page).is_ok()
    });
    if !pressed {
        say("The screen is dark: nobody asks.");
    }
}

fn button(line: &str) -> Option<Button> {
    match line.trim().to_ascii_lowercase().as_str() {
        "" | "o" | "ok" => Some(Button::Ok),
        "c" | "cancel" | "\x1b" => Some(Button::Cancel),
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware::seams::{self, Panel};
    use host_driver::panel::{Habit, panel};

    #[test]
    fn lines_press_the_page_that_was_drawn() {
        let (mut inside, handle) = panel(Habit::Wait);
        let page = |text: &str| seams::Screen { lines: vec![text.into()], page: 1, pages: 1 };
        let asked = Asked::default();
        take("", &asked);
        inside.show(Some(&page("one")));
        let token = BusId::parse("1-1").unwrap();
        *lock(&asked) = Some(Question { token, panel: handle, page: Screen::from(&page("one")) });
        take("what?", &asked);
        assert_eq!(inside.pressed(), None);
        take("", &asked);
        assert_eq!(inside.pressed(), Some(seams::Button::Ok));
        take("C", &asked);
        assert_eq!(inside.pressed(), Some(seams::Button::Cancel));
        inside.show(Some(&page("two")));
        take("", &asked);
        assert_eq!(inside.pressed(), None, "a page that nobody has read");
    }
}
