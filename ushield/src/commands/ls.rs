//! `ushield ls`.

use std::time::Duration;

use clap::Args;
use host_driver::control::{
    client::Which,
    view::{Health, Token, Tokens},
};
use terminal::{Context, Exit, Outcome, Paint, say, say_json};

/// List the tokens of a running `up`
#[derive(Args)]
#[command(after_help = "Examples:\n  ushield ls\n  ushield ls --json")]
pub(crate) struct Ls {
    #[command(flatten)]
    which: Which,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Ls {
    pub(crate) fn run(self) -> Outcome {
        let client = self.which.running()?;
        let Tokens { tokens } = client.get("/tokens", Duration::ZERO)?;
        if self.json {
            let health: &Health = client.health();
            let all = serde_json::json!({ "up": health, "tokens": tokens });
            say_json(&serde_json::to_string_pretty(&all).what("the list could not be written")?);
            return Ok(Exit::Done);
        }
        say(&Paint::stdout().dim(&format!("{} · control {}", client.place(), client.health().control)));
        say(&Paint::stdout()
            .bold(&format!("{:<8} {:<10} {:<10} {:<12} {}", "BUSID", "SERIAL", "USB", "STATE", "PRODUCT")));
        for token in &tokens {
            let (Token { bus_id, serial, usb, product, .. }, state) = (token, state(token));
            say(&format!("{bus_id:<8} {serial:<10} {usb:<10} {state:<12} {product}"));
        }
        Ok(Exit::Done)
    }
}

fn state(token: &Token) -> &'static str {
    match token {
        Token { screen: Some(_), .. } => "asks for OK",
        Token { attached: true, .. } => "attached",
        Token { plugged: true, .. } => "free",
        _ => "unplugged",
    }
}
