//! `ushield panel`.

use clap::Args;
use host_driver::control::{client::Which, view};
use terminal::{Exit, Outcome, say};

/// Print a link to the page that draws the tokens, for one browser
///
/// The page is there while `ushield up --panel web` runs. A link opens the page once, within an hour.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield panel
  ushield panel | wl-copy      into the clipboard: other users see the arguments of programs, and a link opens the page")]
pub(crate) struct Link {
    #[command(flatten)]
    which: Which,
}

impl Link {
    pub(crate) fn run(self) -> Outcome {
        let link: view::Link = self.which.running()?.post("/panel/link", &serde_json::json!({}))?;
        say(&link.link);
        Ok(Exit::Done)
    }
}
