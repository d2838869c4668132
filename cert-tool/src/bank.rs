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
    moment::{self, Validity},
    subject::Subject,
    succession::Former,
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
    /// The issuers that the bank has had before, and what they say of those two.
    former: Vec<(Kind, Former)>,
}

/// The issuers that the bank has had before, where it names any. What cannot be read says nothing.
fn former(answer: &Value) -> Vec<(Kind, Former)> {
    let of = |kind: Kind| {
        let all = answer["former"][kind.name()].as_array().into_iter().flatten();
        all.filter_map(move |one| {
            let [ca, link] =
                [&one["ca"], &one["link"]].map(|pem| pem.as_str().unwrap_or_default().as_bytes());
            Some((kind, Former::read(ca, link).ok()?))
        })
    };
    Kind::ALL.into_iter().flat_map(of).collect()
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
        let former = former(&answer);
        Ok(Self { server, words, subject, serial, standing, payment, authentication, former })
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

    /// A bank that has changed the keys of its CA names the former issuers, each with what it says of the present one. Whoever answers in the
    /// bank's place has no such statement.
    fn has_issued(&self, kind: Kind, certificate: &Certificate) -> bool {
        let (now, own) = (moment::now(), self.certificate(kind));
        let of_kind = self.former.iter().filter(|(of, _)| *of == kind);
        certificate.issued_by(own)
            || of_kind.into_iter().any(|(_, former)| former.has_issued(certificate, own, now))
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

#[cfg(test)]
mod tests {
    use super::*;
    use authority::{
        ca::{Founding, Signers},
        csr,
        index::Index,
        signature::PublicKey,
        subject::DEFAULT_ORGANISATION,
    };
    use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
    use wire::algorithm::KeyAlgorithm;

    fn signers(name: &str) -> Signers {
        let folder = tempfile::tempdir().unwrap();
        let founding = Founding {
            name,
            organisation: DEFAULT_ORGANISATION,
            algorithm: KeyAlgorithm::P256,
            crl_url: "http://crl.bank.example/ca.crl",
            authentication_crl_url: "http://crl.bank.example/9a.crl",
            validity: Validity::Days(10),
        };
        Signers::found(&folder.path().join("ca"), &founding, None).unwrap();
        Signers::open(&folder.path().join("ca"), None).unwrap()
    }

    fn subject() -> Subject {
        let organisation = DEFAULT_ORGANISATION.to_owned();
        Subject { organisation, unit: None, name: "张三".into(), user_id: "6222".into() }
    }

    fn issued(signers: &Signers) -> Certificate {
        let (key, subject) = (KeyPair::generate().unwrap(), subject());
        let public = PublicKey::parse(&key.subject_public_key_info()).unwrap();
        let info = csr::info(&subject, &public).unwrap();
        let request = csr::signed(&info, public.algorithm, &key.sign(&info).unwrap()).unwrap();
        let (kind, validity) = (Kind::Payment, Validity::Days(1));
        let order = Order { request: &request, kind, subject: &subject, validity, token: None };
        let mut page = Index::new("http://crl.bank.example/ca.crl".into(), None);
        Certificate::parse(&signers.issue(&order, &mut page, moment::now()).unwrap()).unwrap()
    }

    fn bank(own: &Signers, answer: &Value) -> Bank {
        let certificate = own.certificate(Kind::Payment).clone();
        Bank {
            server: Server::parse("http://127.0.0.1:1", Path::new("")).unwrap(),
            words: Words { reference: String::new(), code: Zeroizing::default() },
            subject: subject(),
            serial: String::new(),
            standing: Vec::new(),
            payment: certificate.clone(),
            authentication: certificate,
            former: former(answer),
        }
    }

    #[test]
    fn a_bank_with_new_keys_has_issued_what_its_former_ones_have() {
        let [old, new, thief] = ["CA", "CA 2", "CA"].map(signers);
        let own = issued(&old);
        let ca = |signers: &Signers| signers.certificate(Kind::Payment).pem();
        let said = |by: &Signers| {
            let link = by.link(Kind::Payment, new.certificate(Kind::Payment), moment::now()).unwrap();
            pem("CERTIFICATE", &link)
        };
        let told =
            |ca: String, link: String| json!({ "former": { "payment": [{ "ca": ca, "link": link }] } });
        let takes = |answer: &Value| bank(&new, answer).has_issued(Kind::Payment, &own);
        assert!(takes(&told(ca(&old), said(&old))));
        assert!(bank(&new, &json!({})).has_issued(Kind::Payment, &issued(&new)));
        let answer = told(ca(&old), said(&old));
        assert!(!bank(&new, &answer).has_issued(Kind::Authentication, &own), "it is said of payments");
        // Whoever answers in the bank's place has not the key that signed the holder's certificate.
        for answer in [
            json!({}),
            json!({ "former": "all" }),
            json!({ "former": { "payment": [{}, 7, { "ca": "x", "link": ca(&old) }] } }),
            told(ca(&old), said(&thief)),
            told(ca(&thief), said(&thief)),
            told(ca(&old), ca(&old)),
            told(ca(&old), own.pem()),
        ] {
            assert!(!takes(&answer), "{answer}");
        }
    }
}
