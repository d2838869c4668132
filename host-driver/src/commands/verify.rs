//! `ushield verify`: what a bank's backend does with the `payment` crate, as a command.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::Args;
use payment::{Check, Holder, MemoryReplay, PayerBook, Payment, Reason, Verifier, order};
use serde_json::json;

use crate::{
    failure::{Context, Exit, Failure, Outcome},
    terminal::{Paint, say},
};

/// Verify a signed payment as the bank does
///
/// Exit code: 0 good; 1 refused, for a reason with a stable code; 2 it could not be told: a file is missing or junk,
/// or the CRL is too old. Whether the order was paid before is the bank's to remember: this command remembers nothing.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield verify payment.cms --ca ca.pem
  ushield verify payment.cms --ca ca.pem --crl crl.pem --order order.json --payer 6222020200112233 --json")]
pub(crate) struct Verify {
    /// The signed payment: CMS SignedData, DER
    document: PathBuf,
    /// The bank's CA certificate, PEM or DER
    #[arg(long, value_name = "CA.pem")]
    ca: PathBuf,
    /// The CA's revocation list, PEM or DER; may be repeated. Without it revocation is not checked
    #[arg(long, value_name = "CRL")]
    crl: Vec<PathBuf>,
    /// The order as the bank issued it, JSON or DER: what was signed must be the same
    #[arg(long, value_name = "ORDER")]
    order: Option<PathBuf>,
    /// The user's ID that the certificate must name. Without it any holder of a certificate may pay
    #[arg(long, value_name = "ID")]
    payer: Option<String>,
    /// The time of the verification, such as 2026-06-01T08:00:00Z; now, if left out
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<SystemTime>,
    /// Print JSON: "good", "reason", "sentence", "revocation" ("checked" or "not_checked")
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> Outcome {
        let revocation = if self.crl.is_empty() { "not_checked" } else { "checked" };
        let result = self.verify();
        let (exit, mut line, mut report) = match result {
            Ok(Ok(payment)) => (Exit::Done, good(&payment), report(&payment)),
            Ok(Err(reason)) => {
                let exit = if reason.could_not_tell() { Exit::Unknown } else { Exit::Refused };
                let word = if reason.could_not_tell() { "COULD NOT TELL" } else { "REFUSED" };
                let line = format!("{} {}: {reason}.", Paint::stdout().bad(word), reason.code());
                (
                    exit,
                    line,
                    json!({ "good": false, "reason": reason.code(), "sentence": reason.to_string() }),
                )
            }
            Err(failure) if self.json => {
                let report =
                    json!({ "good": null, "reason": "not_verified", "sentence": failure.to_string() });
                (Exit::Unknown, String::new(), report)
            }
            Err(failure) => return Err(failure.exits(Exit::Unknown)),
        };
        // A payment by a revoked certificate would look as good.
        report["revocation"] = json!(revocation);
        if exit == Exit::Done && self.crl.is_empty() {
            line.push_str("\n     revocation was not checked: name the CA's list with --crl CRL");
        }
        if self.json {
            say(&format!("{report:#}"))
        } else {
            say(&line)
        }
        Ok(exit)
    }

    fn verify(&self) -> Result<Result<Payment, Reason>, Failure> {
        let document = read(&self.document)?;
        let ca = read(&self.ca)?;
        let crls: Vec<Vec<u8>> = self.crl.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        let crls: Vec<&[u8]> = crls.iter().map(Vec::as_slice).collect();
        let issued = self.order.as_deref().map(order_bytes).transpose()?;
        let verifier = Verifier::new(&ca, &crls).what("the payment was not verified")?;
        let payers = Payer(self.payer.clone());
        let replay = MemoryReplay::new(1);
        let at = self.at.unwrap_or_else(SystemTime::now);
        Ok(verifier
            .verify(&document, &Check { at, payers: &payers, replay: &replay, issued: issued.as_deref() }))
    }
}

/// The one user who may pay; anybody, when none is named.
struct Payer(Option<String>);

impl PayerBook for Payer {
    fn may_pay(&self, holder: &Holder, _account: &str) -> Result<bool, payment::Unavailable> {
        Ok(self.0.as_ref().is_none_or(|id| *id == holder.user_id))
    }
}

fn good(payment: &Payment) -> String {
    let Payment { order, holder, .. } = payment;
    let paint = Paint::stdout();
    format!(
        "{} {} {} to {} ({}), order {}, from {}\n     signed by {} (ID {})",
        paint.good("GOOD"),
        order.decimal_amount(),
        order.currency.as_str(),
        order.payee_name,
        order.payee_account,
        order.number,
        order.payer_account,
        holder.name,
        holder.user_id,
    )
}

fn report(payment: &Payment) -> serde_json::Value {
    json!({
        "good": true,
        "order": order::OrderJson::from(&payment.order),
        "holder": { "user_id": payment.holder.user_id, "name": payment.holder.name },
    })
}

/// The order's DER, from JSON or DER.
fn order_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    let name = path.display();
    // DER begins with a SEQUENCE (30), and no JSON does but one that begins with the digit 0, which is no object.
    if bytes.first() == Some(&0x30) {
        order::PaymentOrder::parse(&bytes).what(format!("the order {name} was not understood"))?;
        return Ok(bytes);
    }
    super::pay::order(path)?.bytes().what(format!("the order {name} was not understood"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(cert_tool::file::read(path)?)
}

fn time(text: &str) -> Result<SystemTime, String> {
    order::parse_time(text).map_err(|error| error.to_string())
}
