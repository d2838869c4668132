//! `cert-tool install`.

use std::path::PathBuf;

use authority::{certificate::Certificate, certificate_kind::Kind};
use clap::Args;
use serde_json::{Map, Value};

use super::{
    Report,
    options::{certificate_json, with_token},
};
use crate::{install::install_checked, progress::Step};
use terminal::{Failure, PinOptions, TokenOptions, progress};

/// Install certificates for the keys that wait on the token, all in one command, and read them back
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool install --payment pay.pem --authentication auth.pem")]
pub(super) struct Install {
    /// The payment key's certificate, PEM or DER
    #[arg(long, value_name = "FILE", required_unless_present = "authentication")]
    payment: Option<PathBuf>,
    /// 9A's certificate, PEM or DER
    #[arg(long, value_name = "FILE")]
    authentication: Option<PathBuf>,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    pin: PinOptions,
}

impl Install {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let mut certificates = Vec::new();
        for (kind, path) in [(Kind::Payment, &self.payment), (Kind::Authentication, &self.authentication)] {
            if let Some(path) = path {
                certificates.push((kind, Certificate::parse(&file::read(path)?)?));
            }
        }
        let items: Vec<_> = certificates.iter().map(|(kind, certificate)| (*kind, certificate)).collect();
        let mut tell = |step: &Step<'_>| progress(step);
        with_token(&self.token, |token| {
            install_checked(token, &mut |token| self.pin.ask(token), &items, &mut tell)
        })?;
        let names: Vec<_> = items.iter().map(|(kind, c)| format!("{kind} ({})", c.serial)).collect();
        let json: Map<String, Value> =
            items.iter().map(|(kind, c)| (kind.name().to_string(), certificate_json(c))).collect();
        let text = format!("Installed, read back and compared: {}.", names.join(", "));
        Ok(Report { text, json: Value::Object(json) })
    }
}
