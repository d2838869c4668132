//! The holder of the demo's token: reads the screen, and presses the button that the story wants.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use host_driver::{
    control::view::{Button, Screen},
    panel::Handle,
    runtime::Waiter,
};
use lock::lock;
use terminal::{Paint, say_lines};
use tokio::sync::oneshot;

use super::pace::Pace;

/// Presses the same button on each page until told otherwise.
pub(super) struct Thumb {
    button: Arc<Mutex<Button>>,
}

impl Thumb {
    /// Watches the panel for as long as the runtime lives.
    pub(super) fn on(runtime: &Waiter, panel: Handle, pace: Arc<Pace>) -> Self {
        let button = Arc::new(Mutex::new(Button::Cancel));
        runtime.spawn(hold(panel, button.clone(), pace));
        Self { button }
    }

    /// Presses this button from now on.
    pub(super) fn will_press(&self, button: Button) {
        *lock(&self.button) = button;
    }
}

async fn hold(panel: Handle, button: Arc<Mutex<Button>>, pace: Arc<Pace>) {
    let mut pages = panel.pages();
    loop {
        let page = pages.next().await;
        let button = *lock(&button);
        let screen = Screen::from(&page.screen);
        let (name, does) = match button {
            Button::Ok if screen.last() => ("[ OK ]", "presses OK on the token"),
            Button::Ok => ("[ OK ]", "presses OK on the token, which turns the page"),
            Button::Cancel => ("[ Cancel ]", "presses Cancel on the token"),
        };
        let drawn = screen.draw("    ");
        if pace.is_by_hand() {
            say_lines(drawn.trim_end());
            // A thread waits for the keyboard, so that the token's host can go on meanwhile.
            let (pace, (pressed, waits)) = (pace.clone(), oneshot::channel());
            let keyboard = thread::Builder::new().name("ushield-keyboard".into());
            let waiting = keyboard.spawn(move || {
                pace.wait(does);
                let _ = pressed.send(());
            });
            // Where the system gives no thread, the story does not wait.
            if waiting.is_ok() {
                let _ = waits.await;
            }
        } else {
            say_lines(&format!("{drawn}{}", Paint::stdout().bold(&format!("    {name}"))));
        }
        // The button is pressed only for the page that was read. An error says that the page is gone.
        let _ = page.press(button.into());
    }
}
