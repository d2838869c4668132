//! The panel in the terminal: the screen is drawn as a box, and a line of input presses a button.

use std::{
    io::BufRead,
    sync::{Arc, Mutex},
    time::Duration,
};

use host_driver::{
    BusId,
    control::{
        rack::{Rack, Served},
        view::{Button, Screen},
    },
    panel::{Handle, Page},
    runtime::no_thread,
};
use lock::lock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use terminal::{Failure, Paint, say, say_lines, signal::is_in_background};

/// How long to wait between two looks whether this process is in the foreground again.
const GLANCE: Duration = Duration::from_millis(250);

/// The page that was drawn last.
type Asked = Arc<Mutex<Option<Question>>>;

/// A page that was drawn: a line of input is about this page.
#[derive(Clone)]
struct Question {
    token: BusId,
    page: Page,
}

/// Draws the screens of all tokens and takes lines from the keyboard, until the program ends. `control` is what a command needs
/// to find this `up` and no other.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(rack: &Rack, control: &str) -> Result<(), Failure> {
    let asked = Asked::default();
    let control: Arc<str> = control.into();
    let several = rack.served().len() > 1;
    for served in rack.served() {
        tokio::spawn(show(
            served.bus_id,
            served.panel.clone(),
            title(served, several),
            asked.clone(),
            control.clone(),
        ));
    }
    // The thread is none of the runtime's, because the runtime would not end while it reads from the keyboard.
    let keyboard =
        std::thread::Builder::new().name("ushield-keyboard".into()).spawn(move || listen(&asked, &control));
    keyboard.map(drop).map_err(no_thread)
}

/// Takes lines for as long as there is a keyboard.
fn listen(asked: &Asked, control: &str) {
    loop {
        if is_in_background() {
            say(&format!(
                "This runs in the background of the terminal. Its panel: `ushield screen{control}` and \
                 `ushield press ok{control}`; or `fg` brings it here."
            ));
            // The system does not tell a process that it comes to the foreground.
            while is_in_background() {
                std::thread::sleep(GLANCE);
            }
            say("The panel is here: Enter is OK; c and Enter is Cancel.");
        }
        match line() {
            Typed::Line(line) => {
                if let Some(word) = take(&line, asked) {
                    say(word);
                }
            }
            Typed::End => {
                say("Ctrl-D presses nothing: Enter is OK; c and Enter is Cancel. Ctrl-C ends everything.")
            }
            Typed::Background => {}
            Typed::Gone => {
                return say(&format!(
                    "The keyboard is gone. The panel is there still: `ushield screen{control}`, \
                     `ushield press ok{control}`; `ushield down{control}` ends everything."
                ));
            }
        }
    }
}

/// What came from the keyboard.
enum Typed {
    Line(String),
    /// Ctrl-D. More lines may come.
    End,
    /// Nothing, because another process is in the foreground of the terminal now.
    Background,
    /// Nothing, and nothing will come any more.
    Gone,
}

fn line() -> Typed {
    let mut line = Vec::new();
    match std::io::stdin().lock().read_until(b'\n', &mut line) {
        Ok(0) if has_hung_up() => Typed::Gone,
        Ok(0) => Typed::End,
        // A line that is not UTF-8 is taken, too: it names no button, and the answer says so.
        Ok(_) => Typed::Line(String::from_utf8_lossy(&line).into_owned()),
        Err(_) if is_in_background() => Typed::Background,
        Err(_) => Typed::Gone,
    }
}

/// Whether the terminal itself has gone. From then on every read says that the input has ended.
fn has_hung_up() -> bool {
    let stdin = std::io::stdin();
    let mut keyboard = [PollFd::new(&stdin, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut keyboard, Some(&at_once)).is_err()
        || keyboard[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

fn title(served: &Served, several: bool) -> String {
    if several { format!("The screen of {}", served.bus_id) } else { "The token's screen".to_owned() }
}

async fn show(token: BusId, panel: Handle, title: String, asked: Asked, control: Arc<str>) {
    let mut pages = panel.pages();
    loop {
        let page = pages.next().await;
        let screen = Screen::from(&page.screen);
        let ok = if screen.last() { "OK" } else { "next page" };
        let keys = match is_in_background() {
            false => format!("[Enter] {ok}   [c, Enter] Cancel"),
            true => {
                format!(
                    "ushield press ok{control}: {ok}   ushield press cancel{control}: Cancel   (or `fg`, and then Enter)"
                )
            }
        };
        let keys = Paint::stdout().bold(&keys);
        {
            // Drawn under the lock: whoever presses Enter as soon as the page is there presses it on this page.
            let mut asked = lock(&asked);
            say_lines(&format!("\n{title}:\n{}{keys}", screen.draw("")));
            *asked = Some(Question { token, page: page.clone() });
        }
        page.gone().await;
        let mut last = lock(&asked);
        if panel.face().screen.is_none() && last.take_if(|question| question.token == token).is_some() {
            say(&Paint::stdout().dim("(the screen is dark)"));
        }
    }
}

/// Presses the button that a line names. Returns what there is to say about the line.
fn take(line: &str, asked: &Asked) -> Option<&'static str> {
    let Some(button) = button(line) else {
        return Some("Enter is OK; c and Enter is Cancel. Ctrl-C ends everything.");
    };
    let asked = lock(asked).clone();
    // The button is pressed only for the page that was drawn, because that is the page which the person has read.
    let pressed = asked.is_some_and(|question| question.page.press(button.into()).is_ok());
    (!pressed).then_some("The screen is dark: nobody asks.")
}

fn button(line: &str) -> Option<Button> {
    match line.trim().to_ascii_lowercase().as_str() {
        "" | "o" | "ok" => Some(Button::Ok),
        "c" | "cancel" | "\x1b" => Some(Button::Cancel),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware::seams::{self, Panel};
    use host_driver::panel::{Habit, panel};

    #[tokio::test]
    async fn lines_press_the_page_that_was_drawn() {
        let (mut inside, handle) = panel(Habit::Wait);
        let page = |text: &str| seams::Screen { lines: vec![text.into()], page: 1, pages: 1 };
        let asked = Asked::default();
        assert!(take("", &asked).is_some_and(|word| word.contains("dark")));
        inside.show(Some(&page("one")));
        let token = BusId::parse("1-1").unwrap();
        let read = handle.pages().next().await;
        *lock(&asked) = Some(Question { token, page: read });
        assert!(take("what?", &asked).is_some_and(|word| word.contains("Enter is OK")));
        assert_eq!(inside.pressed(), None);
        assert_eq!(take("", &asked), None);
        assert_eq!(inside.pressed(), Some(seams::Button::Ok));
        assert_eq!(take("C", &asked), None);
        assert_eq!(inside.pressed(), Some(seams::Button::Cancel));
        inside.show(Some(&page("two")));
        assert!(take("", &asked).is_some());
        assert_eq!(inside.pressed(), None, "a page that nobody has read");
    }
}
