//! What a person does in the windows: reads, types, clicks, and waits until something is there.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use terminal::say_lines;

use super::{Links, record::Record};
use crate::browser::{Browser, Window};

/// How long the story waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two looks.
pub(super) const GLANCE: Duration = Duration::from_millis(40);
/// So many letters are typed in the time of a step.
const LETTERS: u32 = 16;

/// Points at a part of the page, as a finger would. Whether the part is there, and can be seen.
const POINT: &str = "css => {
  const part = document.querySelector(css);
  if (!part?.checkVisibility() || document.readyState !== 'complete') return false;
  part.scrollIntoView({ block: 'nearest' });
  part.style.outline = '3px solid #e8871e';
  part.style.outlineOffset = '3px';
  return true;
}";
/// Clicks there. The mark shows whether the page has left.
const CLICK: &str = "css => {
  const part = document.querySelector(css);
  part.style.outline = part.style.outlineOffset = '';
  document.documentElement.dataset.left = 'no';
  part.click();
  return true;
}";
const ARRIVED: &str = "() => !document.documentElement.dataset.left && document.readyState === 'complete'";
const EMPTY: &str = "css => { document.querySelector(css).value = ''; return true; }";
/// Adds one letter to a field.
const TYPE: &str = "(css, letter) => {
  const field = document.querySelector(css);
  field.focus({ preventScroll: true });
  field.value += letter;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  return true;
}";
const LET_GO: &str =
    "css => { const part = document.querySelector(css); part.style.outline = ''; return true; }";
const IS_THERE: &str =
    "css => document.readyState === 'complete' && !!document.querySelector(css)?.checkVisibility()";
const TEXTS: &str = "css => [...document.querySelectorAll(css)].map(part => part.textContent.trim())";
/// Presses a button of the shield for the screen that is shown, once the button is ready. Whether another screen is shown by now.
const PRESS: &str = "(button, before) => {
  const shown = [...document.querySelectorAll('.row')].map(row => row.textContent).join('\\n');
  if (shown !== before) return true;
  const key = document.querySelector(button);
  if (key.getAttribute('aria-disabled') === 'false') key.click();
  return false;
}";
const SCREEN: &str = "() => [...document.querySelectorAll('.row')].map(row => row.textContent).join('\\n')";
const SHOWS: &str =
    "text => [...document.querySelectorAll('.row')].some(row => row.textContent.includes(text))";
const READY: &str = "button => document.querySelector(button)?.getAttribute('aria-disabled') === 'false'";

/// Which window.
#[derive(Clone, Copy)]
pub(super) enum At {
    Bank,
    Shield,
    Prompter,
}

/// A hand at the browser.
pub(super) struct Hand<'a> {
    browser: &'a mut Browser,
    windows: [Window; 3],
    bank: String,
    pace: Duration,
    record: Option<Record>,
    step: u32,
}

impl<'a> Hand<'a> {
    pub(super) fn new(
        browser: &'a mut Browser,
        windows: [Window; 3],
        bank: &str,
        pace: Duration,
        record: Option<Record>,
    ) -> Self {
        Self { browser, windows, bank: bank.to_owned(), pace, record, step: 0 }
    }

    /// Opens the pages.
    pub(super) fn begin(&mut self, links: &Links<'_>) -> Result<(), String> {
        self.lead(At::Bank, links.bank)?;
        self.lead(At::Shield, links.panel)?;
        self.lead(At::Prompter, links.prompter)?;
        self.see(At::Shield, ".token")
    }

    /// A new part of the story.
    pub(super) fn act(&mut self, chinese: &str, english: &str) -> Result<(), String> {
        say_lines(&format!("\n  {chinese}\n  {english}"));
        self.caption(chinese, english)
    }

    /// Says what comes next, and leaves time to read it.
    pub(super) fn tell(&mut self, chinese: &str, english: &str) -> Result<(), String> {
        self.step += 1;
        say_lines(&format!("{:>6}  {chinese}\n        {english}", self.step));
        self.caption(chinese, english)
    }

    fn caption(&mut self, chinese: &str, english: &str) -> Result<(), String> {
        if let Some(record) = &mut self.record {
            record.caption(chinese, english);
        }
        self.pause(1)
    }

    /// Opens a page of the bank's.
    pub(super) fn open(&mut self, path: &str) -> Result<(), String> {
        let address = format!("{}{path}", self.bank);
        self.lead(At::Bank, &address)
    }

    fn lead(&mut self, at: At, address: &str) -> Result<(), String> {
        self.browser.open(&self.windows[at as usize], address)?;
        self.until(at, ARRIVED, &[], "a page does not come")
    }

    /// Types into a field, letter by letter.
    pub(super) fn write(&mut self, at: At, field: &str, text: &str) -> Result<(), String> {
        self.until(at, POINT, &[field], &format!("there is no field {field}"))?;
        self.ask(at, EMPTY, &[field])?;
        for letter in text.chars() {
            self.ask(at, TYPE, &[field, &letter.to_string()])?;
            self.rest(self.pace / LETTERS)?;
        }
        self.ask(at, LET_GO, &[field]).map(drop)
    }

    /// Clicks, once the watcher has seen where.
    pub(super) fn click(&mut self, at: At, part: &str) -> Result<(), String> {
        self.until(at, POINT, &[part], &format!("there is no {part}"))?;
        self.pause(1)?;
        self.ask(at, CLICK, &[part]).map(drop)
    }

    /// Clicks what leads to another page of the bank's, and waits for that page.
    pub(super) fn go(&mut self, part: &str) -> Result<(), String> {
        self.click(At::Bank, part)?;
        self.until(At::Bank, ARRIVED, &[], &format!("the click on {part} leads nowhere"))
    }

    /// Waits until this can be seen.
    pub(super) fn see(&mut self, at: At, part: &str) -> Result<(), String> {
        self.until(at, IS_THERE, &[part], &format!("there is no {part}"))
    }

    /// Whether this can be seen right now.
    pub(super) fn sees(&mut self, at: At, part: &str) -> Result<bool, String> {
        Ok(self.ask(at, IS_THERE, &[part])? == true)
    }

    /// The texts of such parts of the bank's page.
    pub(super) fn texts(&mut self, part: &str) -> Result<Vec<String>, String> {
        let told = self.ask(At::Bank, TEXTS, &[part])?;
        let texts = told.as_array().into_iter().flatten();
        Ok(texts.filter_map(|text| text.as_str().map(str::to_owned)).collect())
    }

    /// What the shield's screen shows; empty while the screen is dark.
    pub(super) fn screen(&mut self) -> Result<String, String> {
        Ok(self.ask(At::Shield, SCREEN, &[])?.as_str().unwrap_or_default().trim_matches('\n').to_owned())
    }

    /// Presses a button of the shield, once the watcher has read its screen, and waits for another screen.
    pub(super) fn press(&mut self, button: &str) -> Result<(), String> {
        let shown = self.ask(At::Shield, SCREEN, &[])?;
        let before = shown.as_str().unwrap_or_default();
        self.until(At::Shield, READY, &[button], "the shield's buttons are not ready")?;
        self.until(At::Shield, POINT, &[button], "the shield has no buttons")?;
        self.pause(1)?;
        self.ask(At::Shield, LET_GO, &[button])?;
        self.until(At::Shield, PRESS, &[button, before], "the shield's screen stays as it is")
    }

    /// Waits until the shield shows this.
    pub(super) fn shows(&mut self, text: &str) -> Result<(), String> {
        self.until(At::Shield, SHOWS, &[text], &format!("the shield does not show {text}"))
    }

    /// Lets some steps' time pass.
    pub(super) fn pause(&mut self, steps: u32) -> Result<(), String> {
        self.rest(self.pace * steps)
    }

    pub(super) fn rest(&mut self, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        loop {
            self.look()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(GLANCE));
        }
    }

    /// Waits until a function in a page says yes. A page that is on its way to another says nothing.
    fn until(&mut self, at: At, function: &str, arguments: &[&str], why: &str) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        let mut fault = None;
        while Instant::now() < end {
            match self.ask(at, function, arguments) {
                Ok(told) if told == true => return Ok(()),
                answer => fault = answer.err(),
            }
            self.rest(GLANCE)?;
        }
        Err(fault.map_or_else(|| why.to_owned(), |fault| format!("{why}: {fault}")))
    }

    fn ask(&mut self, at: At, function: &str, arguments: &[&str]) -> Result<Value, String> {
        self.browser.call(&self.windows[at as usize], function, arguments)
    }

    fn look(&mut self) -> Result<(), String> {
        match &mut self.record {
            Some(record) => record.look(self.browser, &self.windows),
            None => Ok(()),
        }
    }
}
