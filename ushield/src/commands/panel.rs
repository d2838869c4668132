//! `--panel`: what presses a token's buttons.

use std::path::Path;

use host_driver::panel::{Habit, Script};

/// What presses the buttons.
#[derive(Clone, Debug)]
pub(super) enum Panel {
    /// A person in the terminal where the program runs.
    Terminal,
    Habit(Habit),
    Script(Script),
}

/// Reads the option.
pub(super) fn parse(text: &str) -> Result<Panel, String> {
    match text {
        "terminal" => Ok(Panel::Terminal),
        "accept" => Ok(Panel::Habit(Habit::Accept)),
        "reject" => Ok(Panel::Habit(Habit::Reject)),
        "none" => Ok(Panel::Habit(Habit::Wait)),
        _ => {
            let path =
                text.strip_prefix("script:").ok_or("none of terminal, accept, reject, none, script:FILE")?;
            let script = cert_tool::file::read(Path::new(path)).map_err(|error| error.to_string())?;
            let script = String::from_utf8(script).map_err(|error| format!("{path}: {error}"))?;
            Script::parse(&script).map(Panel::Script).map_err(|error| format!("{path}: {error}"))
        }
    }
}
