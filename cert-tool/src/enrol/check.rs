//! What is checked before anything changes, and what came from the CA before it is installed.

use wire::shield::Information;

use super::{Enrolled, Enrolment, Wish};
use crate::{
    Error, Reason,
    certificate::{Certificate, display_name},
    csr,
    issuer::Issuer,
    kind::Kind,
    moment,
    secret::Secret,
    subject::{Subject, TEST_UNIT},
    token::{self, Token},
};

/// The certificates on the token before: payment, then authentication.
pub(super) type Former = [Option<Certificate>; 2];

/// What to do.
pub(super) enum Decision {
    /// Make an ID of this subject.
    Make(Subject),
    /// The token has it.
    Keep(Box<Enrolled>),
}

/// The token must be fit for enrolment. Gives what it holds.
pub(super) fn token(
    token: &mut dyn Token,
    information: &Information,
    brand: Option<&str>,
) -> Result<Former, Error> {
    let serial = &information.serial;
    let refuse = |reason, what: String, why: &str, next: &str| {
        Err(Error::new(reason, what, why.to_string(), next.to_string())
            .with_state("nothing was changed on the token"))
    };
    if let Some(brand) = brand.filter(|brand| *brand != information.brand) {
        return refuse(
            Reason::OtherBrand,
            format!("token {serial} was refused: it is a {}", information.brand),
            &format!("the brand asked for is {brand}"),
            "plug in the right token, or say --brand with the brand of this one",
        );
    }
    if !information.has(Information::HEALTHY) {
        return refuse(
            Reason::TokenFault,
            format!("token {serial} was refused: it failed its self-test"),
            "a token whose self-test failed does not work",
            "unplug it and plug it in; if it stays so, it has to be replaced",
        );
    }
    if information.tries[0] == 0 {
        return refuse(
            Reason::PinBlocked,
            format!("the PIN of token {serial} is blocked"),
            "no tries are left",
            "have it unblocked at the bank's counter (ushield pin unblock, with the PUK)",
        );
    }
    if information.has(Information::FACTORY_PIN) {
        return Err(token::factory_pin().with_state("nothing was changed on the token"));
    }
    let mut held = |kind: Kind| -> Result<Option<Certificate>, Error> {
        let der = token.certificate(kind.container())?;
        // What cannot be read is no ID; enrolling over it is the way out.
        Ok(der.and_then(|der| Certificate::parse(&der).ok()))
    };
    Ok([held(Kind::Payment)?, held(Kind::Authentication)?])
}

/// How things stand as long as nothing was installed.
pub(super) fn untouched(former: &Former) -> &'static str {
    match former[0] {
        Some(_) => "the former personal ID on the token is untouched and works as before",
        None => "the token had no personal ID and has none now",
    }
}

/// Whether there is something to do, and for whom.
pub(super) fn decide(
    issuer: &mut dyn Issuer,
    enrolment: &Enrolment<'_>,
    information: &Information,
    former: &Former,
) -> Result<Decision, Error> {
    let unit = information.has(Information::TEST_TOKEN).then(|| TEST_UNIT.to_string());
    let holder = former[0].as_ref().and_then(Certificate::holder);
    let (name, user_id, replace) = match enrolment.wish {
        Wish::Enrol { name, user_id, replace } => (name, user_id, replace),
        Wish::Renew => return renewed(issuer, information, former, holder, unit),
    };
    let organisation = issuer.organisation().to_string();
    let subject = Subject { organisation, unit, name: name.into(), user_id: user_id.into() };
    subject.check()?;
    if replace {
        return Ok(Decision::Make(subject));
    }
    if let Some(other) = holder.filter(|holder| *holder != subject) {
        return Err(Error::new(
            Reason::OtherHolder,
            format!("token {} was not enrolled: it carries the personal ID of {other}", information.serial),
            format!("the ID asked for is that of {subject}"),
            "plug in the right token, or say --replace to replace that ID for good",
        )
        .with_state("nothing was changed on the token"));
    }
    match kept(issuer, information, former, &subject)? {
        Some(enrolled) => Ok(Decision::Keep(Box::new(enrolled))),
        None => Ok(Decision::Make(subject)),
    }
}

/// A renewal is for the one whose good ID the token has.
fn renewed(
    issuer: &mut dyn Issuer,
    information: &Information,
    former: &Former,
    holder: Option<Subject>,
    unit: Option<String>,
) -> Result<Decision, Error> {
    let refuse = |reason, why: String| {
        Err(Error::new(
            reason,
            format!("the personal ID on token {} was not renewed", information.serial),
            why,
            "cert-tool enrol makes a new ID (with --replace over an ID that is there)",
        )
        .with_state("nothing was changed on the token"))
    };
    let (Some(subject), Some(payment)) = (holder, &former[0]) else {
        return refuse(Reason::NotEnrolled, "the token carries no personal ID".into());
    };
    if !payment.issued_by(issuer.certificate()) {
        return refuse(Reason::IssuerRefused, format!("{subject} was certified by another CA"));
    }
    if !issuer.stands(payment)? {
        return refuse(Reason::IssuerRefused, format!("certificate {} is revoked", payment.serial));
    }
    Ok(Decision::Make(Subject { unit, ..subject }))
}

/// The ID that the token has, when it is this subject's and good in both halves.
fn kept(
    issuer: &mut dyn Issuer,
    information: &Information,
    former: &Former,
    subject: &Subject,
) -> Result<Option<Enrolled>, Error> {
    let [Some(payment), Some(authentication)] = former else { return Ok(None) };
    let now = moment::now();
    for (kind, certificate) in [(Kind::Payment, payment), (Kind::Authentication, authentication)] {
        let good = certificate.holder().as_ref() == Some(subject)
            && certificate.is_of(kind)
            && certificate.valid_at(now)
            && certificate.issued_by(issuer.certificate());
        if !good || !issuer.stands(certificate)? {
            return Ok(None);
        }
    }
    Ok(Some(Enrolled {
        information: information.clone(),
        subject: subject.clone(),
        payment: payment.clone(),
        authentication: authentication.clone(),
        changed: false,
        warnings: Vec::new(),
    }))
}

/// A PIN that the token cannot have costs no try.
pub(super) fn pin(pin: &Secret, information: &Information) -> Result<(), Error> {
    let [shortest, longest] = information.pin_length.map(usize::from);
    if (shortest..=longest).contains(&pin.bytes().len()) {
        return Ok(());
    }
    Err(Error::new(
        Reason::Invalid,
        "the PIN was not sent to the token",
        format!("this token's PINs have {shortest} to {longest} characters"),
        "run the same command with the right PIN; no try was spent",
    ))
}

/// What the CA issued must be what was asked for: a remote CA is trusted no further than that.
pub(super) fn issued(
    certificate: &Certificate,
    kind: Kind,
    request: &[u8],
    subject: &Subject,
    root: &Certificate,
) -> Result<(), Error> {
    let key = csr::check(request)?.public_key;
    let rules = [
        (certificate.issued_by(root), "it is not signed by the CA"),
        (certificate.public_key == key, "it is for another key"),
        (certificate.subject == subject.attributes(), "it names somebody else"),
        (certificate.is_of(kind), "its usage is not the one asked for"),
        (certificate.valid_at(moment::now()), "it is not valid now"),
    ];
    match rules.into_iter().find(|(kept, _)| !kept) {
        None => Ok(()),
        Some((_, why)) => Err(Error::new(
            Reason::IssuerRefused,
            format!("the {kind} certificate that the CA issued was refused"),
            format!("{why}: “{}”", display_name(&certificate.subject)),
            "check the clock of this computer, and tell the bank",
        )),
    }
}
