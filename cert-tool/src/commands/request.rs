//! `cert-tool request`.

use std::path::PathBuf;

use authority::{
    attestation::Attestation,
    certificate::pem,
    certificate_kind::Kind,
    subject::{DEFAULT_ORGANISATION, Subject},
};
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{HolderOptions, KindOptions, OutOptions, with_token},
};
use crate::{progress::Step, request::prepare, token::Token};
use file::Access;
use terminal::{Failure, PinOptions, Reason, TokenOptions, progress};

/// Make a pending key on the token and a request signed by it; the key in use stays as it is
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool request --kind payment --name 张三 --user-id 6222020200112233 --out pay.csr --attestation pay-attested.pem

Then: cert-tool ca issue, cert-tool install. cert-tool enrol does all of it, for both keys.")]
pub(super) struct Request {
    #[command(flatten)]
    kind: KindOptions,
    #[command(flatten)]
    holder: HolderOptions,
    /// The bank (O), as its CA names it
    #[arg(long, value_name = "O", default_value = DEFAULT_ORGANISATION)]
    organisation: String,
    /// Write what the token says of the key to this file too: two certificates in PEM, for cert-tool ca issue
    #[arg(long, value_name = "FILE")]
    attestation: Option<PathBuf>,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    pin: PinOptions,
    #[command(flatten)]
    out: OutOptions,
}

impl Request {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.out.check()?;
        if let Some(path) = &self.attestation {
            file::check_place(path, false)?;
        }
        let kind = self.kind.kind();
        let subject = Subject {
            organisation: self.organisation,
            unit: None,
            name: self.holder.name,
            user_id: self.holder.user_id,
        };
        let (request, attestation) = with_token(&self.token, |token| {
            let mut tell = |step: &Step<'_>| progress(step);
            let request = prepare(token, &mut |token| self.pin.ask(token), kind, &subject, &mut tell)?;
            let attestation = match &self.attestation {
                Some(_) => Some(attest(token, kind)?),
                None => None,
            };
            Ok((request, attestation))
        })?;
        if let (Some(path), Some(attestation)) = (&self.attestation, &attestation) {
            file::write(path, attestation.pem().as_bytes(), Access::Everyone, false)?;
        }
        let pem = pem("CERTIFICATE REQUEST", &request);
        let text = self.out.write(pem.as_bytes(), |path| format!("{kind} request: {}", path.display()))?;
        Ok(Report {
            text,
            json: json!({
                "kind": kind,
                "request": pem,
                "attestation": attestation.map(|attestation| attestation.pem()),
            }),
        })
    }
}

/// What the token says of its pending key.
fn attest(token: &mut dyn Token, kind: Kind) -> Result<Attestation, Failure> {
    token.attest_pending(kind.container())?.ok_or_else(|| {
        Failure::of(
            Reason::NotAttested,
            format!("the {kind} key has no attestation"),
            "this token cannot attest its keys: it was made before there was attestation",
            "run the same command without --attestation, or use a token that was made since",
        )
    })
}
