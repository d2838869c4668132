//! `cert-tool enrol` and `cert-tool renew`.

use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{
        AttestationOptions, CaOptions, HolderOptions, ValidityOptions, certificate_json, describe,
        token_json, with_token,
    },
};
use crate::enrol::{Enrolled, Enrolment, Step, Wish, enrol};
use terminal::{Failure, PinOptions, TokenOptions, progress, warn};

/// The self-download: make a personal ID on the plugged token and install it, in one step
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool enrol --ca CA --name 张三 --user-id 6222020200112233 --brand U-shield --require-attestation

Whatever interrupts it, the former ID on the token works on; run the same command again.
Where the token has a good ID of that person already, nothing is done.")]
pub(super) struct Enrol {
    #[command(flatten)]
    holder: HolderOptions,
    /// Make a new ID even if the token has a good one, or somebody else's
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    road: RoadToId,
}

/// The options that enrolment and renewal share.
#[derive(Args)]
struct RoadToId {
    /// Refuse a token of another brand
    #[arg(long, value_name = "BRAND")]
    brand: Option<String>,
    #[command(flatten)]
    attestation: AttestationOptions,
    #[command(flatten)]
    validity: ValidityOptions,
    #[command(flatten)]
    ca: CaOptions,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    pin: PinOptions,
}

impl Enrol {
    pub(super) fn run(self) -> Result<Report, Failure> {
        let wish =
            Wish::Enrol { name: &self.holder.name, user_id: &self.holder.user_id, replace: self.replace };
        self.road.go(wish)
    }
}

impl RoadToId {
    /// The CA is opened first: a wrong passphrase must not cost a PIN try.
    fn go(&self, wish: Wish<'_>) -> Result<Report, Failure> {
        let factory = self.attestation.factory()?;
        let mut ca = self.ca.open()?;
        let enrolment = Enrolment {
            wish,
            brand: self.brand.as_deref(),
            validity: self.validity.validity(),
            factory: factory.as_ref(),
        };
        let mut tell = |step: &Step<'_>| progress(step);
        let enrolled = with_token(&self.token, |token| {
            enrol(token, &mut ca, &enrolment, &mut |token| self.pin.ask(token), &mut tell)
        })?;
        for warning in &enrolled.warnings {
            warn(&format!("warning: {warning}"));
        }
        Ok(report(&enrolled))
    }
}

/// Renew the personal ID on the token: the same holder, new keys; the former ID works until then
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool renew --ca CA --days 730")]
pub(super) struct Renew {
    #[command(flatten)]
    road: RoadToId,
}

impl Renew {
    pub(super) fn run(self) -> Result<Report, Failure> {
        self.road.go(Wish::Renew)
    }
}

fn report(enrolled: &Enrolled) -> Report {
    let done = if enrolled.changed { "has a new personal ID" } else { "has this personal ID already" };
    let text = format!(
        "Token {} {} {done}.\npayment\n{}authentication (9a)\n{}",
        enrolled.information.brand,
        enrolled.information.serial,
        describe(&enrolled.payment),
        describe(&enrolled.authentication),
    );
    let json = json!({
        "changed": enrolled.changed,
        "token": token_json(&enrolled.information),
        "payment": certificate_json(&enrolled.payment),
        "authentication": certificate_json(&enrolled.authentication),
        "warnings": enrolled.warnings,
    });
    Report { text, json }
}
