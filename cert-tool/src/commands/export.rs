//! `cert-tool export`.

use authority::certificate::{Certificate, pem};
use clap::Args;
use serde_json::json;
use terminal::{Failure, Reason, TokenOptions};
use wire::shield::Container;

use super::{
    Report,
    options::{ContainerName, OutOptions, with_token},
};
use crate::token::Token;

/// Write a certificate that is on the token to a file
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool export --container payment --out pay.pem")]
pub(super) struct Export {
    /// Which one
    #[arg(long, value_enum, default_value = "payment")]
    container: ContainerName,
    /// Write DER
    #[arg(long, requires = "out")]
    der: bool,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    out: OutOptions,
}

impl Export {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.out.check()?;
        let container = Container::from(self.container);
        let held = with_token(&self.token, |token| Ok(Token::certificate(token, container)?))?;
        let der = held.ok_or_else(|| {
            Failure::of(
                Reason::NotEnrolled,
                "nothing was exported",
                format!("the token has no {} certificate", container.name()),
                "look at what is there with cert-tool show, or make a personal ID with cert-tool enrol",
            )
        })?;
        let text = pem("CERTIFICATE", &der);
        let bytes = if self.der { der.clone() } else { text.clone().into_bytes() };
        let said =
            self.out.write(&bytes, |path| format!("{} certificate: {}", container.name(), path.display()))?;
        let serial = Certificate::parse(&der).ok().map(|certificate| certificate.serial);
        Ok(Report {
            text: said,
            json: json!({ "container": container.name(), "serial": serial, "pem": text }),
        })
    }
}
