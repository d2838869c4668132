//! The story that plays itself: a browser of the script's own does in the real pages what each customer would do, at a pace that people can
//! follow (docs/decisions/0025-a-script-in-a-browser.md).

mod acts;
mod customer;
mod hand;
mod record;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use terminal::{Context, Failure, say_lines};

use crate::browser::{Browser, Place};
use customer::Cast;
use hand::Hand;
use record::Record;

/// How the story is played.
#[derive(Clone)]
pub(crate) struct Script {
    /// How long a step takes.
    pub(crate) pace: Duration,
    /// Where pictures of the windows are put, several in each second.
    pub(crate) record: Option<PathBuf>,
}

/// What the script opens: the bank, the page of the shield, and the page that asks for the PIN.
pub(crate) struct Links<'a> {
    pub(crate) bank: &'a str,
    pub(crate) panel: &'a str,
    pub(crate) prompter: &'a str,
}

/// The bank stands beside the shield, and under the shield the page that asks for the PIN.
const PLACES: [Place; 3] = [
    Place { left: 0, top: 0, width: 56, height: 100 },
    Place { left: 56, top: 0, width: 44, height: 59 },
    Place { left: 56, top: 59, width: 44, height: 41 },
];

const UNSEEN: &str = "\n  没有显示器：浏览器在后台演出，U盾页面可看U盾\n  \
     There is no display: the browser plays unseen. The shield's page, by the link above, shows the shield.";
const END: &str = "\n  剧终。世界还在，可接着玩。Ctrl-C 结束一切\n  \
     The end. The world is still there: play on. Ctrl-C ends everything\n";

impl Script {
    /// Plays the whole story. The browser, which the person may play on with, comes back.
    ///
    /// # Errors
    /// There is no browser, or the world is not as the story tells.
    pub(crate) fn play(
        &self,
        links: &Links<'_>,
        told: &Value,
        pin: &str,
        folder: &Path,
    ) -> Result<Browser, Failure> {
        let cast = Cast::of(told, pin)?;
        let record = self.record.as_deref().map(Record::begin).transpose().what("nothing can be recorded")?;
        let mut browser = Browser::start(folder, record.is_some())?;
        if !browser.is_seen() {
            say_lines(UNSEEN);
        }
        let windows = browser.windows(PLACES).map_err(|fault| stuck(&fault))?;
        let mut hand = Hand::new(&mut browser, windows, links.bank, self.pace, record);
        hand.begin(links).and_then(|()| acts::play(&mut hand, &cast)).map_err(|fault| stuck(&fault))?;
        say_lines(END);
        Ok(browser)
    }
}

fn stuck(fault: &str) -> Failure {
    Failure::new("the script did not reach its end").because(fault).next("start the world again")
}
