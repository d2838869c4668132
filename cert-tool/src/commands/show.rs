//! `cert-tool show`.

use std::{fmt::Write, path::PathBuf};

use authority::certificate::Certificate;
use clap::Args;
use serde_json::{Map, Value, json};
use terminal::{Failure, TokenOptions};
use wire::{display::escaped, piv::Slot, shield::Container};

use super::{
    Report,
    options::{certificate_json, describe, token_json, with_token},
};
use crate::token::Token;

/// Show the personal ID on the token, or a certificate in a file
#[derive(Args)]
#[command(after_help = "Examples:
  cert-tool show
  cert-tool show --file cert.pem --json")]
pub(super) struct Show {
    /// A certificate, PEM or DER, in place of a token
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    token: TokenOptions,
}

impl Show {
    pub(super) fn run(self) -> Result<Report, Failure> {
        match &self.file {
            None => with_token(&self.token, |token| show(token)),
            Some(path) => {
                let certificate = Certificate::parse(&file::read(path)?)?;
                Ok(Report {
                    text: format!("{}\n{}", escaped(path.display()), describe(&certificate)),
                    json: certificate_json(&certificate),
                })
            }
        }
    }
}

fn show(token: &mut dyn Token) -> Result<Report, Failure> {
    let information = token.information()?;
    let mut text = format!(
        "Token {} {}, generation {}, {} of {} PIN tries left\n",
        escaped(&information.brand),
        escaped(&information.serial),
        information.generation,
        information.tries[0],
        information.tries[2]
    );
    let mut certificates = Map::new();
    // The personal ID first.
    let id = [Container::Payment, Container::Piv(Slot::Authentication)];
    let others = Container::all().filter(|container| !id.contains(container));
    for container in id.into_iter().chain(others) {
        let name = container.name();
        match token.certificate(container)? {
            None if id.contains(&container) => text += &format!("{name}\n  no certificate\n"),
            None => {}
            Some(der) => match Certificate::parse(&der) {
                Ok(certificate) => {
                    let _ = write!(text, "{name}\n{}", describe(&certificate));
                    certificates.insert(name.into(), certificate_json(&certificate));
                }
                Err(error) => {
                    let _ = writeln!(text, "{name}\n  {} ({})", escaped(error.what()), escaped(error.why()));
                    certificates.insert(name.into(), Value::Null);
                }
            },
        }
    }
    Ok(Report { text, json: json!({ "token": token_json(&information), "certificates": certificates }) })
}
