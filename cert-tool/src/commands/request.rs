//! `cert-tool request`.

use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{HolderOptions, KindOptions, OutOptions, PinOptions, TokenOptions},
};
use crate::{
    Error,
    certificate::pem,
    progress::Step,
    request::prepare,
    subject::{DEFAULT_ORGANISATION, Subject},
};

/// Make a pending key on the token and a request signed by it; the key in use stays as it is
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool request --kind payment --name 张三 --user-id 6222020200112233 --out pay.csr

Then: cert-tool ca issue, cert-tool install. cert-tool enrol does all of it, for both keys.")]
pub(super) struct Request {
    #[command(flatten)]
    kind: KindOptions,
    #[command(flatten)]
    holder: HolderOptions,
    /// The bank (O), as its CA names it
    #[arg(long, value_name = "O", default_value = DEFAULT_ORGANISATION)]
    organisation: String,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    pin: PinOptions,
    #[command(flatten)]
    out: OutOptions,
}

impl Request {
    pub(super) fn run(self) -> Result<Report, Error> {
        self.out.check()?;
        let kind = self.kind.kind;
        let subject = Subject {
            organisation: self.organisation,
            unit: None,
            name: self.holder.name,
            user_id: self.holder.user_id,
        };
        let request = self.token.with(|token| {
            prepare(token, &mut |token| self.pin.ask(token), kind, &subject, &mut |step: &Step<'_>| {
                eprintln!("· {step}")
            })
        })?;
        let pem = pem("CERTIFICATE REQUEST", &request);
        let text = self.out.write(pem.as_bytes(), |path| format!("{kind} request: {}", path.display()))?;
        Ok(Report { text, json: json!({ "kind": kind, "request": pem }) })
    }
}
