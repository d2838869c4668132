//! `cert-tool enrol` and `cert-tool renew`.

use std::path::PathBuf;

use authority::{issuer::Issuer, subject::Subject};
use clap::Args;
use serde_json::json;

use super::{
    Report,
    options::{
        AttestationOptions, CaOptions, ValidityOptions, certificate_json, describe, token_json, with_token,
    },
};
use crate::{
    bank::{self, Bank},
    enrol::{Enrolled, Enrolment, Step, Wish, enrol},
};
use terminal::{
    Failure, PinOptions, TokenOptions, progress,
    secret::{Source, Variable},
    warn,
};

/// The self-download: make a personal ID on the plugged token and install it, in one step
#[derive(Args)]
#[command(after_help = "Example:
  cert-tool enrol --ca CA --name 张三 --user-id 6222020200112233 --brand U-shield --require-attestation
  cert-tool enrol --bank http://localhost:8080 --code-file code.txt

With --bank the bank's books say whom the ID names, and the bank's counter hands out the reference and the code.
Whatever interrupts it, the former ID on the token works on; run the same command again.
Where the token has a good ID of that person already, nothing is done.")]
pub(super) struct Enrol {
    /// The holder's name, as the token's screen will show it
    #[arg(long, value_name = "NAME", required_unless_present = "bank", conflicts_with = "bank")]
    name: Option<String>,
    /// The holder's ID at the bank
    #[arg(long, value_name = "ID", required_unless_present = "bank", conflicts_with = "bank")]
    user_id: Option<String>,
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
    bank: BankOptions,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    pin: PinOptions,
}

/// A bank's server in place of a CA's folder.
#[derive(Args)]
struct BankOptions {
    /// The bank that issues the ID, as its home page names itself
    #[arg(long, value_name = "URL", conflicts_with = "ca")]
    bank: Option<String>,
    /// The file with reference and authorisation code, a space between the two; else CERT_TOOL_CODE, else you are asked
    #[arg(long, value_name = "FILE", requires = "bank")]
    code_file: Option<PathBuf>,
    /// The authorities of which one has signed the bank's certificate, where the bank is https; in PEM
    #[arg(long, value_name = "FILE", default_value = AUTHORITIES)]
    bank_ca: PathBuf,
}

/// Where the system keeps the authorities that it trusts (Debian, ca-certificates).
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

impl BankOptions {
    /// Shows the code to the bank, if one is named.
    fn present(&self) -> Result<Option<Bank>, Failure> {
        let Some(url) = &self.bank else { return Ok(None) };
        let source = Source {
            name: "authorisation code",
            file: self.code_file.as_deref(),
            variable: Variable::Code,
            option: "--code-file",
        };
        Ok(Some(Bank::present(
            url,
            &self.bank_ca,
            &source.ask("reference and authorisation code, with a space between: ")?,
        )?))
    }
}

impl Enrol {
    pub(super) fn run(self) -> Result<Report, Failure> {
        if let Some(mut bank) = self.road.bank.present()? {
            let Subject { name, user_id, .. } = bank.subject().clone();
            return self
                .road
                .by_bank(&mut bank, Wish::Enrol { name: &name, user_id: &user_id, replace: self.replace });
        }
        // Without a bank both are required, so neither is empty by default.
        let [name, user_id] = [&self.name, &self.user_id].map(|given| given.as_deref().unwrap_or_default());
        self.road.by_folder(Wish::Enrol { name, user_id, replace: self.replace })
    }
}

impl RoadToId {
    /// The CA is opened first: a wrong passphrase must not cost a PIN try.
    fn by_folder(&self, wish: Wish<'_>) -> Result<Report, Failure> {
        let mut ca = self.ca.open()?;
        self.go(&mut ca, wish, |_| Ok(()))
    }

    /// The bank has accepted the code before this.
    fn by_bank(&self, bank: &mut Bank, wish: Wish<'_>) -> Result<Report, Failure> {
        let serial = bank.serial().to_owned();
        self.go(bank, wish, |found| Ok(bank::check_token(&serial, found)?))
    }

    fn go(
        &self,
        issuer: &mut dyn Issuer,
        wish: Wish<'_>,
        check: impl FnOnce(&str) -> Result<(), Failure>,
    ) -> Result<Report, Failure> {
        let factory = self.attestation.factory()?;
        let enrolment = Enrolment {
            wish,
            brand: self.brand.as_deref(),
            validity: self.validity.validity(),
            factory: factory.as_ref(),
        };
        let mut tell = |step: &Step<'_>| progress(step);
        let enrolled = with_token(&self.token, |token| {
            check(&token.information()?.serial)?;
            enrol(token, issuer, &enrolment, &mut |token| self.pin.ask(token), &mut tell)
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
  cert-tool renew --ca CA --days 730
  cert-tool renew --bank http://localhost:8080")]
pub(super) struct Renew {
    #[command(flatten)]
    road: RoadToId,
}

impl Renew {
    pub(super) fn run(self) -> Result<Report, Failure> {
        match self.road.bank.present()? {
            Some(mut bank) => self.road.by_bank(&mut bank, Wish::Renew),
            None => self.road.by_folder(Wish::Renew),
        }
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
