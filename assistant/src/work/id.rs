//! The personal ID: keys and requests made on the shield, and the bank's certificates installed there.

use authority::{
    certificate::{Certificate, pem},
    certificate_kind::Kind,
    moment,
    subject::Subject,
};
use cert_tool::{
    install::install_checked,
    progress::Step,
    readiness,
    request::{Attested, prepare_both},
};
use serde::Deserialize;
use serde_json::{Value, json};
use terminal::{Failure, secret::Secret};
use wire::shield::{Container, Information};

use super::{Bench, Ended, Kept, Phase};
use crate::{shield::Opened, trouble::Trouble};

/// For whom the bank wants to issue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Applicant {
    /// O.
    pub organisation: String,
    /// CN.
    pub name: String,
    /// The user's ID at the bank.
    pub user_id: String,
    /// Make a new ID even if the shield has a good one, or somebody else's.
    #[serde(default)]
    pub replace: bool,
}

impl Applicant {
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            organisation: self.organisation.clone(),
            unit: None,
            name: self.name.clone(),
            user_id: self.user_id.clone(),
        }
    }
}

/// Makes keys and requests: for the applicant, or for the holder whose ID the shield has.
pub(super) fn enrol(bench: &Bench<'_>, applicant: Option<&Applicant>) -> Ended {
    let Opened { mut card, information } = bench.open()?;
    readiness::check(&information, None)?;
    let held = bench.on(&mut card, |shield| Ok(shield.certificate(Container::Payment)?))?;
    let held = held.and_then(|der| Certificate::parse(&der).ok());
    let subject = match applicant {
        Some(applicant) => wanted(applicant, held.as_ref(), &information)?,
        None => held
            .as_ref()
            .and_then(Certificate::holder)
            .ok_or_else(|| Trouble::plain("not-enrolled", "the shield has no personal ID to renew"))?,
    };
    let what = match applicant {
        Some(_) => bench.line("下载个人证书", "Download a personal ID"),
        None => bench.line("更新个人证书", "Renew the personal ID"),
    };
    let whose = format!("{}: {} ({})", bench.line("客户", "Holder"), subject.name, subject.user_id);
    let pin = bench.pin(vec![what, whose], &information)?;
    let mut hear = |step: &Step<'_>| hear(bench, step);
    let [payment, authentication] =
        bench.on(&mut card, |shield| Ok(prepare_both(shield, &pin, &information, &subject, &mut hear)?))?;
    let result = json!({
        "serial": information.serial,
        "brand": information.brand,
        "former": held.map(|held| held.serial),
        "payment": told(&payment),
        "authentication": told(&authentication),
    });
    Ok((result, Some(Kept { pin, serial: information.serial })))
}

/// Whom the new ID is to name, unless the shield has an ID that must not be lost.
fn wanted(
    applicant: &Applicant,
    held: Option<&Certificate>,
    information: &Information,
) -> Result<Subject, Trouble> {
    let subject = Subject { unit: readiness::unit(information), ..applicant.subject() };
    let Some(held) = held.filter(|_| !applicant.replace) else { return Ok(subject) };
    if held.holder().as_ref().is_some_and(|holder| *holder != subject) {
        return Err(Trouble::plain("other-holder", "the shield carries the ID of somebody else"));
    }
    if held.valid_at(moment::now()) {
        return Err(Trouble::plain("has_id", "the shield has a good ID already"));
    }
    Ok(subject)
}

/// A request and what the shield says of its key, as the bank reads them.
fn told(attested: &Attested) -> Value {
    let certificate = |der: &Vec<u8>| pem("CERTIFICATE", der);
    let attestation = attested.attestation.as_ref();
    json!({
        "request": pem("CERTIFICATE REQUEST", &attested.request),
        "statement": attestation.map(|attestation| certificate(&attestation.statement)),
        "token": attestation.map(|attestation| certificate(&attestation.token)),
    })
}

/// Installs the certificates for the keys that wait, both or none. The PIN of the enrolment is used where it was kept for this
/// shield; else the holder is asked again.
pub(super) fn install(
    bench: &Bench<'_>,
    certificates: &[Certificate; 2],
    kept: Option<Kept>,
) -> Result<Value, Trouble> {
    let Opened { mut card, information } = bench.open()?;
    let kept = kept.filter(|kept| kept.serial == information.serial);
    let [payment, authentication] = certificates;
    let items = [(Kind::Payment, payment), (Kind::Authentication, authentication)];
    // The library asks for the PIN after its checks. Why there was none is told to the page with its own code.
    let mut refused = None;
    let mut kept = kept.map(|kept| kept.pin);
    let mut ask = |information: &Information| -> Result<Secret, Failure> {
        if let Some(pin) = kept.take() {
            return Ok(pin);
        }
        let what = bench.line("写入个人证书", "Install the personal ID");
        bench.pin(vec![what], information).map_err(|trouble| {
            refused = Some(trouble);
            Failure::new("the PIN was not given")
        })
    };
    let mut hear = |step: &Step<'_>| hear(bench, step);
    let done = bench.on(&mut card, |shield| Ok(install_checked(shield, &mut ask, &items, &mut hear)?));
    if let Some(trouble) = refused {
        return Err(trouble);
    }
    done?;
    let told = |certificate: &Certificate| json!({ "serial": certificate.serial, "not_after": certificate.not_after.unix_timestamp() });
    Ok(json!({
        "serial": information.serial,
        "payment": told(payment),
        "authentication": told(authentication),
    }))
}

/// A step of the library's is a phase for the page.
fn hear(bench: &Bench<'_>, step: &Step<'_>) {
    bench.ear.phase(match step {
        Step::Signing { shown: true, .. } | Step::Installing { shown: true, .. } => Phase::Shield,
        _ => Phase::Working,
    });
}
