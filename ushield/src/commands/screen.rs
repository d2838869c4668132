//! `ushield screen`.

use std::time::Duration;

use clap::Args;
use host_driver::control::{
    client::escape,
    view::{Refusal, Shown},
};
use terminal::{Context, Exit, Failure, Outcome, say, say_json, say_lines};

use crate::commands::plug::Chosen;

/// Show what a token's screen shows
///
/// Exit code: 0, or 1 when --wait was not met in time.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield screen
  ushield screen --wait '上海水务' --timeout 30
  ushield screen --json | jq -r '.screen.lines[]'")]
pub(crate) struct Screen {
    #[command(flatten)]
    chosen: Chosen,
    /// Wait until the screen's text matches this regular expression
    #[arg(long, value_name = "RE")]
    wait: Option<String>,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Print JSON; "screen" is null when the screen is dark
    #[arg(long)]
    json: bool,
}

impl Screen {
    pub(crate) fn run(self) -> Outcome {
        let (client, token) = self.chosen.find()?;
        let mut path = format!("/tokens/{}/screen", escape(&token.bus_id));
        let mut patience = Duration::ZERO;
        if let Some(wait) = &self.wait {
            patience = Duration::from_secs(self.timeout);
            path += &format!("?wait={}&timeout={}", escape(wait), self.timeout);
        }
        let shown: Shown = client.get(&path, patience).map_err(with_screen)?;
        if self.json {
            say_json(&serde_json::to_string(&shown).what("the screen could not be written")?);
            return Ok(Exit::Done);
        }
        match shown.screen {
            Some(screen) => say_lines(screen.draw("").trim_end()),
            None => say("(the screen is dark)"),
        }
        Ok(Exit::Done)
    }
}

/// The failure of a refusal, with what the screen shows where that is the reason.
pub(crate) fn with_screen(refusal: Refusal) -> Failure {
    let shows = refusal.shown.as_ref().map(|shown| match &shown.screen {
        Some(screen) => format!("the screen shows\n{}", screen.draw("").trim_end()),
        None => "the screen is dark".to_owned(),
    });
    let failure = Failure::from(refusal);
    if let Some(shows) = shows { failure.because(shows) } else { failure }
}
