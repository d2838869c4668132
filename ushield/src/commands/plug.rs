//! `ushield plug` and `ushield unplug`.

use clap::Args;
use host_driver::{
    control::{
        client::{Client, Which, escape},
        view::{Token, Tokens},
    },
    paths,
};
use terminal::{Exit, Failure, Outcome, say};

/// Which token of a running `up`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Chosen {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The token, by bus id or serial number; may be left out where there is one
    #[arg(long, value_name = "ID")]
    pub(crate) token: Option<String>,
}

impl Chosen {
    /// The options that name the same token in another command, with a space before them.
    pub(crate) fn again(&self) -> String {
        let token = self.token.as_ref().map(|id| format!(" --token {}", paths::quoted(id)));
        self.which.again() + &token.unwrap_or_default()
    }

    /// Finds the `up` that is meant, and the token.
    pub(crate) fn find(&self) -> Result<(Client, Token), Failure> {
        let client = self.which.running()?;
        let Tokens { tokens } = client.get("/tokens", std::time::Duration::ZERO)?;
        let token = self.among(tokens)?;
        Ok((client, token))
    }

    fn among(&self, mut tokens: Vec<Token>) -> Result<Token, Failure> {
        let names: Vec<String> = tokens
            .iter()
            .map(|token| format!("--token {}   (serial {})", token.bus_id, token.serial))
            .collect();
        let next = format!("say which:\n{}", names.join("\n"));
        match &self.token {
            Some(id) => {
                tokens.retain(|token| token.bus_id == *id || token.serial.eq_ignore_ascii_case(id));
                tokens.pop().ok_or_else(|| Failure::new(format!("there is no token {id}")).next(next))
            }
            None if tokens.len() > 1 => Err(Failure::new("it is not clear which token you mean")
                .because(format!("there are {}", names.len()))
                .next(next)),
            None => tokens.pop().ok_or_else(|| Failure::new("there is no token")),
        }
    }
}

/// Plug a token in again
#[derive(Args)]
#[command(after_help = "Example:\n  ushield plug")]
pub(crate) struct Plug {
    #[command(flatten)]
    chosen: Chosen,
}

/// Pull a token out, whatever it is doing
#[derive(Args)]
#[command(after_help = "Example:\n  ushield unplug && ushield plug")]
pub(crate) struct Unplug {
    #[command(flatten)]
    chosen: Chosen,
}

impl Plug {
    pub(crate) fn run(self) -> Outcome {
        let (bus_id, token) = turn(&self.chosen, "plug")?;
        say(&format!("Plugged in: {bus_id} (serial {}).", token.serial));
        Ok(Exit::Done)
    }
}

impl Unplug {
    pub(crate) fn run(self) -> Outcome {
        let (bus_id, token) = turn(&self.chosen, "unplug")?;
        say(&format!("Unplugged: {bus_id} (serial {}).", token.serial));
        Ok(Exit::Done)
    }
}

fn turn(chosen: &Chosen, deed: &str) -> Result<(String, Token), Failure> {
    let (client, token) = chosen.find()?;
    let token: Token = client.post(&format!("/tokens/{}/{deed}", escape(&token.bus_id)), &())?;
    Ok((token.bus_id.clone(), token))
}
