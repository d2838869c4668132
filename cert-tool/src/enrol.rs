//! The self-download: from a plugged token to a personal ID on it, in one step.
//!
//! Nothing is changed before everything that can be checked was checked. New keys are *pending*: until both
//! certificates are installed, in one command, the former ID stays as it is and works. So an interruption at any
//! step costs nothing but the attempt; the next run makes new pending keys. A certificate that was issued and
//! never reached the token is revoked at once where that is known ([`Issuer::withdraw`]). Where the line broke in
//! the very moment of installing it is not known, and the certificate stays good: revoking it could take the
//! holder's only ID. It is revoked when the next enrolment of that token succeeds ([`Issuer::delivered`]).

mod check;

use authority::{
    attestation::{self, Attestation, Expected, Factory},
    certificate::Certificate,
    certificate_kind::Kind,
    csr,
    issuer::{Issuer, Order},
    moment::Validity,
    subject::Subject,
};
use terminal::{Failure, secret::Secret};
use wire::shield::Information;

pub use crate::progress::{Progress, Silent, Step};

use crate::{
    install::{self, Known},
    readiness, request,
    token::{self, Token},
};

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Enrolment<'a> {
    /// Who is to hold the ID.
    pub wish: Wish<'a>,
    /// The brand that the token must be of, when that matters.
    pub brand: Option<&'a str>,
    /// How long the certificates are valid.
    pub validity: Validity,
    /// The factory whose tokens alone are served: both keys must be attested as made on one of them. `None` asks for
    /// no attestation.
    pub factory: Option<&'a Factory>,
}

/// Who is to hold the ID.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// This person. When the token has a good ID of the same person, nothing is done.
    Enrol {
        /// CN.
        name: &'a str,
        /// The user's ID at the bank.
        user_id: &'a str,
        /// Make a new ID even if the token has a good one, or somebody else's.
        replace: bool,
    },
    /// The person whose ID the token has: the same subject with new keys.
    Renew,
}

/// A personal ID on its token.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// The token.
    pub information: Information,
    /// Whom the ID names.
    pub subject: Subject,
    /// The payment key's certificate.
    pub payment: Certificate,
    /// 9A's certificate.
    pub authentication: Certificate,
    /// False when the token had this ID already and nothing was done.
    pub changed: bool,
    /// What went wrong without harm to the ID.
    pub warnings: Vec<String>,
}

/// Enrols: checks, makes both keys pending, has both requests signed on the token, has both certificates issued,
/// installs them in one command, reads them back and compares. The PIN is asked for once, after the checks.
///
/// # Errors
/// What happened, why, how things stand now (nearly always: the former ID is untouched), what to do next.
pub fn enrol(
    token: &mut dyn Token,
    issuer: &mut dyn Issuer,
    enrolment: &Enrolment<'_>,
    pin: &mut dyn FnMut(&Information) -> Result<Secret, Failure>,
    progress: &mut dyn Progress,
) -> Result<Enrolled, Failure> {
    let information = token.information()?;
    progress.step(&Step::Found(&information));
    readiness::check(&information, enrolment.brand)?;
    let former = check::held(token)?;
    let untouched = check::untouched(&former);
    let subject = match check::decide(issuer, enrolment, &information, &former)? {
        check::Decision::Make(subject) => subject,
        check::Decision::Keep(enrolled) => {
            progress.step(&Step::Kept(&enrolled.subject));
            return Ok(keep(issuer, *enrolled));
        }
    };
    check::certified(issuer, &information)?;
    issuer.ready(&subject, enrolment.validity).map_err(|error| Failure::from(error).with_state(untouched))?;
    let pin = pin(&information).map_err(|error| error.with_state(untouched))?;
    pin.check_form(information.pin_length).map_err(|error| error.with_state(untouched))?;

    let factory = enrolment.factory;
    let mut attempt =
        Attempt { token, issuer, progress, information: &information, factory, issued: Vec::new() };
    let certificates = match attempt.prepare(&subject, enrolment.validity, &pin) {
        Ok(certificates) => certificates,
        Err(error) => return Err(attempt.withdraw(error.with_state(untouched))),
    };
    attempt.deliver(subject, certificates, untouched, former[0].is_some())
}

/// Keeps the ID that is on the token. If the answer to its installation was lost, the CA learns now that the ID arrived.
fn keep(issuer: &mut dyn Issuer, mut enrolled: Enrolled) -> Enrolled {
    let serials = [&enrolled.payment, &enrolled.authentication].map(|certificate| certificate.serial.clone());
    enrolled.warnings.extend(record(issuer, &enrolled.information, &serials));
    enrolled
}

/// Tells the CA what arrived; gives the warning when it could not be recorded.
fn record(issuer: &mut dyn Issuer, information: &Information, serials: &[String]) -> Option<String> {
    let fault = issuer.delivered(&information.serial, serials).err()?;
    Some(format!(
        "the ID is installed and good, but the CA could not record it: {} ({})",
        fault.what(),
        fault.why()
    ))
}

/// An enrolment under way.
struct Attempt<'a> {
    token: &'a mut dyn Token,
    issuer: &'a mut dyn Issuer,
    progress: &'a mut dyn Progress,
    information: &'a Information,
    factory: Option<&'a Factory>,
    issued: Vec<String>,
}

impl Attempt<'_> {
    /// All that leaves the former ID as it is: keys, requests, certificates. In the order of [`Kind::ALL`].
    fn prepare(
        &mut self,
        subject: &Subject,
        validity: Validity,
        pin: &Secret,
    ) -> Result<[Certificate; 2], Failure> {
        self.token.verify(pin.bytes())?;
        self.progress.step(&Step::PinVerified);
        let mut keys = Vec::new();
        for kind in Kind::ALL {
            keys.push(self.token.generate(kind.container(), token::algorithm(kind, self.information))?);
            self.progress.step(&Step::Generated(kind));
        }
        // Before anybody is asked to press OK.
        let attestations = [self.attest(Kind::Payment)?, self.attest(Kind::Authentication)?];
        let mut requests = Vec::new();
        for (kind, key) in Kind::ALL.into_iter().zip(&keys) {
            let shown = self.information.generation > 1;
            self.progress.step(&Step::Signing { kind, subject, shown });
            let kind = (kind, token::algorithm(kind, self.information));
            requests.push(request::make(self.token, pin, kind, key, subject)?);
        }
        for ((kind, request), attestation) in Kind::ALL.into_iter().zip(&requests).zip(&attestations) {
            self.check_attested(kind, request, attestation.as_ref())?;
        }
        let [payment, authentication] =
            [(&*requests[0], &attestations[0]), (&*requests[1], &attestations[1])];
        let certificates = [
            self.issue(Kind::Payment, payment, subject, validity)?,
            self.issue(Kind::Authentication, authentication, subject, validity)?,
        ];
        // The token wants the PIN verified before it installs, and it may have been reset while a person read its screen.
        self.token.verify(pin.bytes())?;
        Ok(certificates)
    }

    /// The token's statement on its pending key, where attestation is asked for: here, or by the issuer.
    fn attest(&mut self, kind: Kind) -> Result<Option<Attestation>, Failure> {
        let Some(factory) = self.factory else {
            let wanted = self.issuer.wants_attestation();
            return if wanted { Ok(self.token.attest_pending(kind.container())?) } else { Ok(None) };
        };
        let attestation = self.token.attest_pending(kind.container())?;
        let Some(found) = &attestation else {
            attestation::check(factory, None, &self.expected(kind, &[]))?;
            return Ok(None);
        };
        // The request, which names the key, does not exist yet. So the statement is checked for the key that it names itself.
        let public_key = Certificate::parse(&found.statement).map_or(Vec::new(), |found| found.public_key);
        attestation::check(factory, Some(found), &self.expected(kind, &public_key))?;
        self.progress.step(&Step::Attested(kind));
        Ok(attestation)
    }

    /// The key that is attested is the one in the request.
    fn check_attested(
        &self,
        kind: Kind,
        request: &[u8],
        attestation: Option<&Attestation>,
    ) -> Result<(), Failure> {
        let Some(factory) = self.factory else { return Ok(()) };
        let key = csr::check(request)?.public_key;
        Ok(attestation::check(factory, attestation, &self.expected(kind, &key))?)
    }

    fn expected<'k>(&'k self, kind: Kind, public_key: &'k [u8]) -> Expected<'k> {
        Expected { container: kind.container(), public_key, serial: Some(&self.information.serial) }
    }

    fn issue(
        &mut self,
        kind: Kind,
        (request, attestation): (&[u8], &Option<Attestation>),
        subject: &Subject,
        validity: Validity,
    ) -> Result<Certificate, Failure> {
        let token = Some(self.information.serial.as_str());
        let order = Order { request, kind, subject, validity, token };
        let der = self.issuer.issue_attested(&order, attestation.as_ref())?;
        let certificate = Certificate::parse(&der)?;
        self.issued.push(certificate.serial.clone());
        check::issued(&certificate, kind, request, subject, self.issuer.certificate(kind))?;
        self.progress.step(&Step::Issued(kind, &certificate));
        Ok(certificate)
    }

    /// From here on the former ID is at stake.
    fn deliver(
        mut self,
        subject: Subject,
        certificates: [Certificate; 2],
        untouched: &str,
        replaces: bool,
    ) -> Result<Enrolled, Failure> {
        let [payment, authentication] = certificates;
        let shown = replaces && self.information.generation > 1;
        self.progress.step(&Step::Installing { payment: &payment, shown });
        let items = [(Kind::Payment, &payment), (Kind::Authentication, &authentication)];
        if let Err(undone) = install::install(self.token, &items) {
            return Err(match undone.known {
                Known::Former => self.withdraw(undone.failure.with_state(untouched)),
                Known::Nothing => self.leave(undone.failure),
            });
        }
        self.progress.step(&Step::Compared);
        let warnings = record(self.issuer, self.information, &self.issued).into_iter().collect();
        let information = self.information.clone();
        Ok(Enrolled { information, subject, payment, authentication, changed: true, warnings })
    }

    /// The certificates did not arrive, and that is known.
    fn withdraw(&mut self, failure: Failure) -> Failure {
        if self.issued.is_empty() {
            return failure;
        }
        let serials = self.issued.join(", ");
        match self.issuer.withdraw(&self.issued) {
            Ok(()) => failure.with_state(format!("what was issued for this attempt is revoked again ({serials})")),
            Err(fault) => failure.with_state(format!(
                "what was issued for this attempt ({serials}) is not revoked yet: {} ({}); cert-tool ca revoke does it",
                fault.what(),
                fault.why()
            )),
        }
    }

    /// Whether the certificates arrived is not known.
    fn leave(&mut self, failure: Failure) -> Failure {
        failure.with_state(format!(
            "the certificates issued ({}) stay good; the next enrolment of this token that succeeds revokes them \
             if they did not arrive. See what is there with cert-tool show",
            self.issued.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests;
