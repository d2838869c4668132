//! `--panel`: what presses a token's buttons.

use std::{path::Path, str::FromStr};

use host_driver::panel::{Habit, Script};

/// What presses the buttons.
#[derive(Clone, Debug)]
pub(super) enum Panel {
    /// A person in the terminal where the program runs.
    Terminal,
    /// A person in a browser, on a page that the program serves at 127.0.0.1.
    Web,
    /// The token's panel itself, which always does the same.
    Habit(Habit),
    /// A script, which judges each page.
    Script(Script),
}

impl Panel {
    /// What the token's own panel does: whoever presses from outside finds a panel that waits.
    pub(super) fn habit(&self) -> Habit {
        match self {
            Self::Habit(habit) => habit.clone(),
            Self::Terminal | Self::Web | Self::Script(_) => Habit::Wait,
        }
    }
}

impl FromStr for Panel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "terminal" => return Ok(Self::Terminal),
            "web" => return Ok(Self::Web),
            "accept" => return Ok(Self::Habit(Habit::Accept)),
            "reject" => return Ok(Self::Habit(Habit::Reject)),
            "none" => return Ok(Self::Habit(Habit::Wait)),
            _ => {}
        }
        let path =
            text.strip_prefix("script:").ok_or("none of terminal, web, accept, reject, none, script:FILE")?;
        let script = file::read(Path::new(path)).map_err(|error| error.to_string())?;
        let script = String::from_utf8(script).map_err(|error| format!("{path}: {error}"))?;
        Script::parse(&script).map(Self::Script).map_err(|error| format!("{path}: {error}"))
    }
}
