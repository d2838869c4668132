//! `ushield pay`.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use card::shield::Shield;
use clap::Args;
use file::Access;
use payment::{
    EncodedOrder, MAX_ORDER_LIFETIME, ORDER_LIFETIME, PaymentOrder, SealError, Verifier, order as json, seal,
};
use terminal::{Context, Exit, Failure, Outcome, PinOptions, Reason, TokenOptions, refusal, say, warn};
use wire::shield::{Container, Information};

/// Have a payment order signed on the token, and seal it for the bank
///
/// The token's screen shows the payment; nothing is written unless OK is pressed there.
#[derive(Args)]
#[command(after_help = "Examples:
  ushield pay order.json --out payment.cms
  ushield pay order.json --out payment.cms --usbip 127.0.0.1:4000 --pin-file pin.txt")]
pub(crate) struct Pay {
    /// The order from the bank, JSON
    order: PathBuf,
    /// Where to put the signed payment (CMS SignedData, DER)
    #[arg(long, value_name = "F.cms")]
    out: PathBuf,
    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
    /// The bank's CA certificate, PEM or DER: check the result as the bank will, but for what only the bank can tell: the payer,
    /// revocation, replay, and how long an order may live at this bank
    #[arg(long, value_name = "CA.pem")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    token: TokenOptions,
    #[command(flatten)]
    pin: PinOptions,
}

impl Pay {
    pub(crate) fn run(self) -> Outcome {
        let order = order(&self.order)?;
        json::check_open(order.order(), SystemTime::now()).what("the payment was not signed")?;
        check_lifetime(order.order())?;
        let verifier = self.ca.as_deref().map(verifier).transpose()?;
        file::check_place(&self.out, self.force)?;
        let document = self.sign(&order)?;
        if let Some(verifier) = &verifier {
            check(&document, verifier, &order)?;
        }
        file::write(&self.out, &document, Access::Everyone, self.force)?;
        let order = order.order();
        say(&format!(
            "Signed: {} {} to {}, order {} → {}",
            order.decimal_amount(),
            order.currency.as_str(),
            order.payee_name,
            order.number,
            self.out.display()
        ));
        Ok(Exit::Done)
    }

    fn sign(&self, order: &EncodedOrder) -> Result<Vec<u8>, Failure> {
        let refused = |error: card::Error| refusal::explain("the payment was not signed", &error);
        let mut card = self.token.open()?;
        // Others may share the token. To read it and to sign are two transactions, so that nobody waits while a PIN is typed.
        let (information, certificate) = card
            .transaction(|card| {
                let mut shield = Shield::select(card)?;
                Ok((shield.information()?, shield.certificate(Container::Payment)?))
            })
            .map_err(refused)?;
        ready(&information)?;
        let certificate = certificate.ok_or_else(not_enrolled)?;
        let pin = self.pin.ask(&information)?;
        let shows = information.generation > 1;
        let sealed = seal(order, &[certificate], |bytes| {
            card.transaction(|card| {
                let mut shield = Shield::select(card)?;
                shield.verify(pin.bytes())?;
                if shows {
                    warn("Compare the payment on the token's screen, then press OK there.");
                }
                shield.sign_payment(bytes)
            })
        });
        sealed.map_err(|error| match error {
            SealError::Sign(error) => refused(error),
            other => Failure::new("the payment was not sealed").because(other),
        })
    }
}

/// Reads an order from JSON.
pub(super) fn order(path: &Path) -> Result<EncodedOrder, Failure> {
    let text = String::from_utf8(file::read(path)?).what(format!("{} is not text", path.display()))?;
    json::from_json(&text).what(format!("the order {} was not understood", path.display()))
}

/// Refuses, before the PIN is asked for, what the token would refuse afterwards.
fn ready(information: &Information) -> Result<(), Failure> {
    refusal::ready(information).map_err(|failure| failure.with_state("the payment was not signed"))?;
    if information.has(Information::ENROLLED) { Ok(()) } else { Err(not_enrolled()) }
}

fn not_enrolled() -> Failure {
    Failure::of(
        Reason::NotEnrolled,
        "the payment was not signed",
        "the token has no personal ID yet",
        "get one: cert-tool enrol",
    )
}

/// Refuses an order that no bank takes. An order that only some banks refuse gets a warning, because only the bank knows its
/// own rule.
fn check_lifetime(order: &PaymentOrder) -> Result<(), Failure> {
    let (issued, expires) = (order.issued.to_unix_duration(), order.expires.to_unix_duration());
    let life = expires.saturating_sub(issued);
    if life > MAX_ORDER_LIFETIME {
        return Err(Failure::new("the payment was not signed")
            .because(
                "the order lives longer than 31 days, from its issue to its expiry, and no bank accepts that",
            )
            .next("have an order issued that expires earlier"));
    }
    if life > ORDER_LIFETIME {
        warn(
            "The order lives longer than 24 hours: a bank that has not allowed that will refuse it (order_lifetime).",
        );
    }
    Ok(())
}

/// The verifier of the result. It is made before the PIN is asked for, and it allows the longest life that a bank can allow.
fn verifier(ca: &Path) -> Result<Verifier, Failure> {
    let what = "the payment was not signed";
    let verifier = Verifier::new(&file::read(ca)?, &[]).what(what)?;
    verifier.with_order_lifetime(MAX_ORDER_LIFETIME).what(what)
}

/// Checks the result as the bank will, but for what only the bank can tell.
fn check(document: &[u8], verifier: &Verifier, order: &[u8]) -> Result<(), Failure> {
    let what = "the payment was signed, but it was not written";
    let check = payment::Check {
        at: SystemTime::now(),
        payers: &|_: &payment::Holder, _: &str| true,
        replay: &payment::MemoryReplay::new(1),
        issued: Some(order),
    };
    verifier.verify(document, &check).map(drop).map_err(|reason| {
        Failure::new(what).because(format!("the bank would refuse it ({}): {reason}", reason.code()))
    })
}
