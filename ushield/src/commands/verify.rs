//! `ushield verify`: what a bank's backend does with the `payment` crate, as a command.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::Args;
use payment::{Check, Holder, MemoryReplay, PayerBook, Payment, Reason, Verifier, order};
use serde_json::{Value, json};
use terminal::{Context, Exit, Failure, Outcome, Paint, say_json, say_lines, warn};
use wire::display::escaped;

/// Verify a signed payment as the bank does
///
/// Exit code: 0 good; 1 refused, for a reason with a stable code; 2 it could not be told: a file is missing or junk,
/// or the CRL is too old. What was not asked for is not checked, and the answer says so. Whether the order was paid
/// before is the bank's to remember: this command remembers nothing.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield verify payment.cms --ca ca.pem --crl crl.pem --order order.json --payer 6222020200112233
  ushield verify payment.cms --ca ca.pem --crl old.pem --crl new.pem --payer 6222020200112233 --json")]
pub(crate) struct Verify {
    /// The signed payment: CMS SignedData, DER
    document: PathBuf,
    /// The bank's CA certificates and no others, PEM or DER: each may issue
    #[arg(long, value_name = "CA.pem")]
    ca: PathBuf,
    /// The CA's revocation list, PEM or DER; may be repeated, in any order. Without it revocation is not checked
    #[arg(long, value_name = "CRL")]
    crl: Vec<PathBuf>,
    /// The order as the bank issued it, JSON or DER: what was signed must be the same
    #[arg(long, value_name = "ORDER")]
    order: Option<PathBuf>,
    /// The user's ID that the certificate must name. Without it any holder of a certificate may pay
    #[arg(long, value_name = "ID")]
    payer: Option<String>,
    /// The account that the payer may pay from. Without it the account is that of --order, which the bank chose
    #[arg(long, value_name = "ACCOUNT", requires = "payer")]
    account: Option<String>,
    /// The longest that an order may live, from its issue to its expiry, in hours: 744 (31 days) at most
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=744))]
    order_hours: u16,
    /// The time of the verification, such as 2026-06-01T08:00:00Z; now, if left out
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<SystemTime>,
    /// Print JSON: "good", "reason", "sentence"; "revocation", "payer", "account", "issued_order" and "replay" are each
    /// "checked", which is said of a good payment only, or "not_checked"
    #[arg(long)]
    json: bool,
}

/// What a payment may be held against, each by its name in JSON; what it is; and how to ask for it.
struct Held {
    name: &'static str,
    checked: bool,
    open: &'static str,
}

impl Verify {
    pub(crate) fn run(self) -> Outcome {
        let result = self.verify();
        let (exit, mut line, mut report) = match result {
            Ok(Ok(payment)) => (Exit::Done, good(&payment), report(&payment)),
            Ok(Err(reason)) => {
                let exit = if reason.could_not_tell() { Exit::Unknown } else { Exit::Refused };
                let word = if reason.could_not_tell() { "COULD NOT TELL" } else { "REFUSED" };
                let line = format!("{} {}: {reason}.", Paint::stdout().bad(word), reason.code());
                (exit, line, refusal(reason))
            }
            Err(failure) if self.json => {
                let report =
                    json!({ "good": null, "reason": "not_verified", "sentence": failure.to_string() });
                (Exit::Unknown, String::new(), report)
            }
            Err(failure) => return Err(failure.exits(Exit::Unknown)),
        };
        // A payment that nobody has looked at would look good, too.
        for Held { name, checked, open } in self.held(exit == Exit::Done) {
            report[name] = json!(if checked { "checked" } else { "not_checked" });
            if exit == Exit::Done && !checked {
                line.push_str(&format!("\n     {}", open_end(name, open)));
            }
        }
        if self.json {
            say_json(&format!("{report:#}"))
        } else {
            say_lines(&line)
        }
        Ok(exit)
    }

    /// Whether a check was made. Of a payment that is not `good` it is not known which checks were made before one failed.
    fn held(&self, good: bool) -> [Held; 5] {
        let bound = self.order.is_some() || self.account.is_some();
        [
            Held {
                name: "revocation",
                checked: good && !self.crl.is_empty(),
                open: "name the CA's list with --crl CRL, or a revoked certificate pays",
            },
            Held {
                name: "payer",
                checked: good && self.payer.is_some(),
                open: "name the user who may pay with --payer ID, or any holder of a certificate may",
            },
            Held {
                name: "account",
                checked: good && self.payer.is_some() && bound,
                open: "name the user with --payer ID, and the bank's order with --order ORDER or the user's account with \
                       --account ACCOUNT, or the payer takes another's money",
            },
            Held {
                name: "issued_order",
                checked: good && self.order.is_some(),
                open: "name the order that the bank issued with --order ORDER, or the payer made it up",
            },
            Held {
                name: "replay",
                checked: false,
                open: "whether the order was paid before is for the bank's backend to remember (crate payment: ReplayStore)",
            },
        ]
    }

    fn verify(&self) -> Result<Result<Payment, Reason>, Failure> {
        let document = read(&self.document)?;
        let ca = read(&self.ca)?;
        let crls: Vec<Vec<u8>> = self.crl.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        let crls: Vec<&[u8]> = crls.iter().map(Vec::as_slice).collect();
        let issued = self.order.as_deref().map(order_bytes).transpose()?;
        let what = "the payment was not verified";
        let lifetime = Duration::from_secs(u64::from(self.order_hours) * 3600);
        let verifier = Verifier::new(&ca, &crls).what(what)?.with_order_lifetime(lifetime).what(what)?;
        for crl in verifier.foreign_crls() {
            warn(&format!(
                "{crl}: no CA of the CA file signed it, so it counts only for a CA below that did"
            ));
        }
        let payers = Payer { user_id: self.payer.as_deref(), account: self.account.as_deref() };
        let replay = MemoryReplay::new(1);
        let at = self.at.unwrap_or_else(SystemTime::now);
        Ok(verifier
            .verify(&document, &Check { at, payers: &payers, replay: &replay, issued: issued.as_deref() }))
    }
}

/// The rule of who may pay: the user who is named, from the account that is named. What is not named may be any.
struct Payer<'a> {
    user_id: Option<&'a str>,
    account: Option<&'a str>,
}

impl PayerBook for Payer<'_> {
    fn may_pay(&self, holder: &Holder, account: &str) -> Result<bool, payment::Unavailable> {
        let the_user = self.user_id.is_none_or(|id| id == holder.user_id);
        Ok(the_user && self.account.is_none_or(|own| own == account))
    }
}

/// What was not looked at. Replay never is, and whoever reads that each time reads nothing any more: so it is said in a low voice.
fn open_end(name: &str, open: &str) -> String {
    let paint = Paint::stdout();
    match name {
        "replay" => paint.dim(open),
        name => format!("{}: {open}", paint.bad(&format!("{} was not checked", name.replace('_', " ")))),
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
        escaped(&order.payee_name),
        escaped(&order.payee_account),
        escaped(&order.number),
        escaped(&order.payer_account),
        escaped(&holder.name),
        escaped(&holder.user_id),
    )
}

fn report(payment: &Payment) -> Value {
    json!({
        "good": true,
        "order": order::OrderJson::from(&payment.order),
        "holder": { "user_id": payment.holder.user_id, "name": payment.holder.name },
    })
}

fn refusal(reason: Reason) -> Value {
    let mut report = json!({ "good": false, "reason": reason.code(), "sentence": reason.to_string() });
    if let Some(certificate) = reason.certificate() {
        let hex: String = certificate.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        report["certificate"] = json!({ "place": certificate.place, "sha256": hex });
    }
    report
}

/// Reads an order in JSON or DER; returns its DER.
fn order_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read(path)?;
    let name = path.display();
    // DER begins with the byte 30 (SEQUENCE), which is the digit 0. JSON that begins with a digit is no object.
    if bytes.first() == Some(&0x30) {
        order::PaymentOrder::parse(&bytes).what(format!("the order {name} was not understood"))?;
        return Ok(bytes);
    }
    Ok(super::pay::order(path)?.to_vec())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(file::read(path)?)
}

fn time(text: &str) -> Result<SystemTime, String> {
    order::parse_time(text).map_err(|error| error.to_string())
}
