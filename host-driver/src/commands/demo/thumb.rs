//! The holder of the demo's token: reads the screen, and presses the button that the story wants.

use std::{
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use host_driver::panel::Handle;

use crate::{
    control::view::{Button, Screen},
    runtime::Waiter,
    terminal::{Paint, draw, say},
};

/// How long a page stays in sight of people.
const GLANCE: Duration = Duration::from_millis(120);

/// Presses the same button on each page until told otherwise.
pub(super) struct Thumb {
    button: Arc<Mutex<Button>>,
}

impl Thumb {
    /// Watches the panel for as long as the runtime lives.
    pub(super) fn on(runtime: &Waiter, panel: Handle) -> Self {
        let button = Arc::new(Mutex::new(Button::Cancel));
        runtime.spawn(hold(panel, button.clone()));
        Self { button }
    }

    /// What is pressed from now on.
    pub(super) fn will_press(&self, button: Button) {
        *self.button.lock().unwrap_or_else(PoisonError::into_inner) = button;
    }
}

async fn hold(panel: Handle, button: Arc<Mutex<Button>>) {
    let mut shown = 0;
    loop {
        let face = panel.wait(|face| face.screen.is_some() && face.shown > shown).await;
        shown = face.shown;
        let Some(page) = &face.screen else { continue };
        let button = *button.lock().unwrap_or_else(PoisonError::into_inner);
        let name = match button {
            Button::Ok => "[ OK ]",
            Button::Cancel => "[ Cancel ]",
        };
        say(&format!(
            "{}{}",
            draw(&Screen::from(page), "    "),
            Paint::stdout().bold(&format!("    {name}"))
        ));
        if std::io::stdout().is_terminal() {
            tokio::time::sleep(GLANCE).await;
        }
        // What was read is what is pressed for; a page that has gone needs no button.
        let _ = panel.press_if(button.into(), |now| now == page);
    }
}
