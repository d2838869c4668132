//! `ushield press`.

use clap::Args;
use host_driver::control::{
    client::escape,
    view::{self, Button, Shown},
};
use terminal::{Exit, Outcome, say, say_lines};

use crate::commands::{plug::Chosen, screen::with_screen};

/// Press a button of a token
///
/// OK turns the page; on the last page it signs. Exit code: 1 when nothing was pressed.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield press ok
  ushield press ok --if-shows '上海水务'
  ushield press cancel")]
pub(crate) struct Press {
    /// The button
    button: Button,
    #[command(flatten)]
    chosen: Chosen,
    /// Press only if the screen's text matches this regular expression now
    #[arg(long, value_name = "RE")]
    if_shows: Option<String>,
}

impl Press {
    pub(crate) fn run(self) -> Outcome {
        let again = self.chosen.again();
        let (client, token) = self.chosen.find()?;
        let body = view::Press { button: self.button, if_shows: self.if_shows };
        let path = format!("/tokens/{}/press", escape(&token.bus_id));
        let shown: Shown = client.post(&path, &body).map_err(with_screen)?;
        match (shown.screen, self.button) {
            (Some(screen), _) => {
                let more = if screen.last() { "OK on this page signs" } else { "OK turns the page" };
                say_lines(&format!("{}{more}: ushield press ok{again}", screen.draw("")));
            }
            (None, Button::Ok) => say("OK."),
            (None, Button::Cancel) => say("Cancelled."),
        }
        Ok(Exit::Done)
    }
}
