//! A bank's server as the issuer: reference and authorisation code from the counter, and JSON over HTTP.
//!
//! The subject is the bank's, and so is the decision on each request. A program that is interrupted anywhere starts again with the same
//! code: what was issued and never arrived is revoked by the bank then.

// The order is the law: a module uses only siblings listed below it (tests/floors.rs).
mod http;
mod tls;
mod line;

use std::path::Path;

use authority::{
    Error, Reason,
    attestation::Attestation,
    certificate::{Certificate, pem, pem_or_der},
    certificate_kind::Kind,
    issuer::{Issuer, Order},
    moment::Validity,
    subject::Subject,
};
use serde_json::{Value, json};
use terminal::secret::Secret;
use wire::display::escaped;
use zeroize::Zeroizing;

use self::http::Server;

/// What people do when the line breaks.
const AGAIN: &str =
    "run the same command again with the same code; if the code is refused, go to the counter";

/// Reference and authorisation code.
struct Words {
    reference: String,
    code: Zeroizing<String>,
}

impl Words {
    /// Reads what stands on the counter's paper: the reference, a space, and the code.
    fn read(secret: &Secret) -> Result<Self, Error> {
        let text = std::str::from_utf8(secret.bytes()).unwrap_or_default();
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            [reference, code] => Ok(Self { reference: reference.into(), code: Zeroizing::new(code.into()) }),
            _ => Err(Error::new(
                Reason::Invalid,
                "the authorisation code was not used",
                "it is not a reference and a code with a space between the two",
                "give both numbers of the counter's paper, such as 123456789012 1234567890",
            )),
        }
    }
}

/// A bank that has accepted the code.
pub struct Bank {
    server: Server,
    words: Words,
    subject: Subject,
    serial: String,
    standing: Vec<String>,
    payment: Certificate,
    authentication: Certificate,
}

impl Bank {
    /// Shows the code to the bank at this URL. `authorities` is the file of those of which one has signed its certificate, where it is https.
    ///
    /// # Errors
    /// The bank is not reached, or refuses the code.
    pub fn present(url: &str, authorities: &Path, secret: &Secret) -> Result<Self, Error> {
        let (server, words) = (Server::parse(url, authorities)?, Words::read(secret)?);
        let answer = server.post("/api/id/present", &shown(&words, json!({})))?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let own = |kind: Kind| Certificate::parse(answer["ca"][kind.name()].as_str()?.as_bytes()).ok();
        let read = || {
            let subject = Subject {
                organisation: text("organisation")?,
                unit: text("unit"),
                name: text("name")?,
                user_id: text("user_id")?,
            };
            let standing = answer["standing"].as_array()?.iter();
            let standing =
                standing.map(|serial| serial.as_str().map(str::to_owned)).collect::<Option<_>>()?;
            let (payment, authentication) = (own(Kind::Payment)?, own(Kind::Authentication)?);
            Some((subject, text("serial")?, standing, payment, authentication))
        };
        let (subject, serial, standing, payment, authentication) =
            read().ok_or_else(|| http::strange("its answer lacks something"))?;
        subject.check()?;
        Ok(Self { server, words, subject, serial, standing, payment, authentication })
    }

    /// Whom the bank certifies.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The serial number of the shield that the counter has bound.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    fn ask(&self, path: &str, rest: Value) -> Result<Value, Error> {
        self.server.post(path, &shown(&self.words, rest))
    }
}

/// Refuses a token that is not the one which the counter has bound, before anything is changed on it.
///
/// # Errors
/// It has another serial number.
pub fn check_token(bound: &str, found: &str) -> Result<(), Error> {
    if bound.eq_ignore_ascii_case(found) {
        return Ok(());
    }
    Err(Error::new(
        Reason::IssuerRefused,
        format!("token {} was not enrolled", escaped(found)),
        format!("the counter has bound the code to the shield {}", escaped(bound)),
        "plug in that shield, or go to the counter with this one",
    )
    .with_state("nothing was changed on the token, and the code is as good as before"))
}

fn shown(words: &Words, mut rest: Value) -> Value {
    rest["reference"] = json!(words.reference);
    rest["code"] = json!(words.code.as_str());
    rest
}

impl Issuer for Bank {
    fn certificate(&self, kind: Kind) -> &Certificate {
        match kind {
            Kind::Payment => &self.payment,
            Kind::Authentication => &self.authentication,
        }
    }

    fn organisation(&self) -> &str {
        &self.subject.organisation
    }

    /// The bank has said whom it certifies, and how long is its own decision.
    fn ready(&mut self, _: &Subject, _: Validity) -> Result<(), Error> {
        Ok(())
    }

    fn issue(&mut self, order: &Order<'_>) -> Result<Vec<u8>, Error> {
        self.issue_attested(order, None)
    }

    fn wants_attestation(&self) -> bool {
        true
    }

    fn issue_attested(
        &mut self,
        order: &Order<'_>,
        attestation: Option<&Attestation>,
    ) -> Result<Vec<u8>, Error> {
        let attestation = attestation.ok_or_else(|| {
            Error::new(
                Reason::NotAttested,
                "nothing was issued",
                "this token cannot say where its keys were made, and the bank certifies only keys that are attested",
                "go to the counter for another shield",
            )
        })?;
        let answer = self.ask(
            "/api/id/certify",
            json!({
                "kind": order.kind.name(),
                "request": pem("CERTIFICATE REQUEST", order.request),
                "statement": pem("CERTIFICATE", &attestation.statement),
                "token": pem("CERTIFICATE", &attestation.token),
            }),
        )?;
        let certificate = answer["certificate"].as_str().unwrap_or_default();
        pem_or_der("CERTIFICATE", certificate.as_bytes()).map_err(|_| http::strange("it sent no certificate"))
    }

    fn stands(&mut self, certificate: &Certificate) -> Result<bool, Error> {
        Ok(self.standing.contains(&certificate.serial))
    }

    fn delivered(&mut self, _: &str, serials: &[String]) -> Result<(), Error> {
        self.ask("/api/id/deliver", json!({ "serials": serials })).map(drop)
    }

    fn withdraw(&mut self, serials: &[String]) -> Result<(), Error> {
        self.ask("/api/id/withdraw", json!({ "serials": serials })).map(drop)
    }
}
