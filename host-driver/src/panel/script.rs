//! A script presses the buttons, and checks what is shown:
//!
//! ```text
//! # a comment
//! expect 上海水务       the next page must match this regular expression (its lines are joined by line feeds)
//! press ok             or: press cancel
//! wait 1500            milliseconds
//! again                from the top
//! ```
//!
//! A page that does not match is cancelled, and the script has failed. After the script's end each page is cancelled, unless
//! the last line is `again`.

use std::time::Duration;

use super::{Handle, NotPattern, Pages, Pattern};
use firmware::seams::Button;

/// The lines of a script.
#[derive(Clone, Debug)]
pub struct Script {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Expect(Pattern),
    Press(Button),
    Wait(Duration),
    Again,
}

/// A line that is not one of the language's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Malformed {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// A page that was not the expected one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the screen showed {shown:?}, and the script expects {expected:?}")]
pub struct Failed {
    /// What the page said.
    pub shown: String,
    /// The expression that it does not match.
    pub expected: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is not one of the language's.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut lines = Vec::new();
        for (number, text) in text.lines().enumerate() {
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') {
                lines.push(line(text).map_err(|why| Malformed { line: number + 1, why })?);
            }
        }
        // A script of `again` alone would never wait.
        match lines.iter().position(|line| matches!(line, Line::Again)) {
            Some(at) if !lines.iter().take(at).any(|line| matches!(line, Line::Expect(_))) => {
                Err(Malformed { line: 1, why: "`again` needs an `expect` before it".into() })
            }
            _ => Ok(Self { lines }),
        }
    }

    /// Plays the script on a panel, until the script's end. Each `expect` takes the next of these pages.
    ///
    /// # Errors
    /// A page was not the expected one.
    async fn play(&self, handle: &Handle, pages: &mut Pages) -> Result<(), Failed> {
        let mut at = 0;
        while let Some(line) = self.lines.get(at) {
            at += 1;
            match line {
                Line::Again => at = 0,
                Line::Wait(time) => tokio::time::sleep(*time).await,
                // If the page is gone, the next `expect` will say so.
                Line::Press(button) => drop(handle.press(*button)),
                Line::Expect(expected) => {
                    let shown = pages.next().await.screen.lines.join("\n");
                    if !expected.matches(&shown) {
                        return Err(Failed { shown, expected: expected.to_string() });
                    }
                }
            }
        }
        Ok(())
    }

    /// Plays the script, and then presses Cancel on every page. It ends only when it is dropped. A page that the panel shows
    /// already is the first page.
    pub async fn run(self, handle: Handle) {
        let mut pages = handle.pages();
        if let Err(failed) = self.play(&handle, &mut pages).await {
            tracing::error!("the panel's script failed: {failed}");
            // Cancel is for the page that was not expected, too. (The last page that a script expects may wait for somebody else.)
            pages = handle.pages();
        }
        loop {
            let _ = pages.next().await.press(Button::Cancel);
        }
    }
}

fn line(text: &str) -> Result<Line, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match (word, rest.trim()) {
        ("expect", "") => Err("`expect` needs a regular expression".into()),
        ("expect", expression) => {
            expression.parse().map(Line::Expect).map_err(|error: NotPattern| error.to_string())
        }
        ("press", "ok") => Ok(Line::Press(Button::Ok)),
        ("press", "cancel") => Ok(Line::Press(Button::Cancel)),
        ("press", _) => Err("`press` takes ok or cancel".into()),
        ("wait", time) => match time.parse() {
            Ok(time) => Ok(Line::Wait(Duration::from_millis(time))),
            Err(_) => Err("`wait` takes milliseconds".into()),
        },
        ("again", "") => Ok(Line::Again),
        _ => Err(format!("{word:?} is none of expect, press, wait, again")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::{Habit, panel};
    use firmware::seams::{Panel, Screen};

    /// Shows a page as the token does: until a button is pressed.
    async fn ask(panel: &mut impl Panel, text: &str) -> Button {
        panel.show(Some(&Screen { lines: vec![text.into()], page: 1, pages: 1 }));
        let button = loop {
            if let Some(button) = panel.pressed() {
                break button;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        panel.show(None);
        button
    }

    #[tokio::test]
    async fn a_script_presses_what_it_says_and_cancels_what_it_does_not_expect() {
        let script = "# two payments\nexpect 水务\nwait 5\npress ok\n\nexpect ^¥1\npress cancel\nagain";
        let (mut panel, handle) = panel(Habit::Wait);
        let playing = tokio::spawn(Script::parse(script).unwrap().run(handle));
        let mut pressed = Vec::new();
        for text in ["上海水务", "¥100.00", "上海水务", "¥200.00", "上海水务"] {
            pressed.push(ask(&mut panel, text).await);
        }
        use Button::{Cancel, Ok};
        assert_eq!(pressed, [Ok, Cancel, Ok, Cancel, Cancel]);
        playing.abort();
    }

    #[tokio::test]
    async fn after_its_end_a_script_cancels_whatever_comes() {
        let (mut panel, handle) = panel(Habit::Wait);
        let playing = tokio::spawn(Script::parse("expect 水务\npress ok").unwrap().run(handle));
        let mut pressed = Vec::new();
        for text in ["上海水务", "上海水务", "another"] {
            pressed.push(ask(&mut panel, text).await);
        }
        assert_eq!(pressed, [Button::Ok, Button::Cancel, Button::Cancel]);
        playing.abort();
    }

    #[tokio::test]
    async fn a_failure_says_what_was_shown() {
        let (mut panel, handle) = panel(Habit::Wait);
        panel.show(Some(&Screen { lines: vec!["a".into(), "b".into()], page: 1, pages: 1 }));
        let failed = Script::parse("expect c").unwrap().play(&handle, &mut handle.pages()).await.unwrap_err();
        assert_eq!(failed, Failed { shown: "a\nb".into(), expected: "c".into() });
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, line) in [
            ("push ok", 1),
            ("\npress both", 2),
            ("#\n\nexpect (", 3),
            ("wait soon", 1),
            ("press ok\nagain", 1),
        ] {
            assert_eq!(Script::parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
