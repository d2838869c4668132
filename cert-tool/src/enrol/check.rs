//! What is checked before anything changes, and what came from the CA before it is installed.

use authority::{
    certificate::{Certificate, display_name},
    certificate_kind::Kind,
    csr,
    issuer::Issuer,
    moment,
    signature::name,
    subject::Subject,
};
use terminal::{Failure, Reason};
use wire::{algorithm::KeyAlgorithm, shield::Information};

use super::{Enrolled, Enrolment, Wish};
use crate::{
    readiness,
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

/// What the token holds.
pub(super) fn held(token: &mut dyn Token) -> Result<Former, Failure> {
    let mut held = |kind: Kind| -> Result<Option<Certificate>, Failure> {
        let der = token.certificate(kind.container())?;
        // A certificate that cannot be read counts as no ID, so that its holder can enrol again over it.
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
) -> Result<Decision, Failure> {
    let unit = readiness::unit(information);
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
        return Err(Failure::of(
            Reason::OtherHolder,
            format!("token {} was not enrolled: it carries the personal ID of {other}", information.serial),
            format!("the ID asked for is that of {subject}"),
            "plug in the right token, or say --replace to replace that ID for good",
        )
        .with_state("nothing was changed on the token"));
    }
    // Whoever answers in the bank's place has a CA of its own, and would take the ID away: the holder says so, or it does not happen.
    if let Some(payment) = former[0].as_ref().filter(|former| !issuer.has_issued(Kind::Payment, former)) {
        return Err(Failure::of(
            Reason::IssuerRefused,
            format!("token {} was not enrolled: it carries a personal ID of another CA", information.serial),
            format!(
                "that ID is certified by “{}”, and this bank is “{}” or has another key",
                display_name(&payment.issuer),
                display_name(&issuer.certificate(Kind::Payment).subject)
            ),
            "ask the bank whether its former CA is trusted no more; then say --replace to replace that ID for good",
        )
        .with_state("nothing was changed on the token"));
    }
    match kept(issuer, information, former, &subject)? {
        Some(enrolled) => Ok(Decision::Keep(Box::new(enrolled))),
        None => Ok(Decision::Make(subject)),
    }
}

/// Refuses a token whose keys the CA does not certify, before a key is made.
pub(super) fn certified(issuer: &dyn Issuer, information: &Information) -> Result<(), Failure> {
    let of = |algorithm: Option<KeyAlgorithm>| algorithm.and_then(name).unwrap_or("no algorithm");
    for kind in Kind::ALL {
        let (own, certified) = (token::algorithm(kind, information), issuer.algorithm(kind));
        if certified != Some(own) {
            return Err(Failure::of(
                Reason::IssuerRefused,
                format!("token {} was not enrolled", information.serial),
                format!("its {kind} keys are of {}, and the CA certifies keys of {}", of(Some(own)), of(certified)),
                format!(
                    "name a CA of that algorithm (cert-tool ca init --algorithm {} makes one), or plug in a token of another brand",
                    information.algorithm.name()
                ),
            )
            .with_state("nothing was changed on the token"));
        }
    }
    Ok(())
}

/// Decides on a renewal: it is for the person whose good ID the token has.
fn renewed(
    issuer: &mut dyn Issuer,
    information: &Information,
    former: &Former,
    holder: Option<Subject>,
    unit: Option<String>,
) -> Result<Decision, Failure> {
    let refuse = |reason: Reason, why: String| {
        Err(Failure::of(
            reason,
            format!("the personal ID on token {} was not renewed", information.serial),
            why,
            "make a new ID with cert-tool enrol (with --replace where an ID is there)",
        )
        .with_state("nothing was changed on the token"))
    };
    let (Some(subject), Some(payment)) = (holder, &former[0]) else {
        return refuse(Reason::NotEnrolled, "the token carries no personal ID".into());
    };
    if !issuer.has_issued(Kind::Payment, payment) {
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
) -> Result<Option<Enrolled>, Failure> {
    let [Some(payment), Some(authentication)] = former else { return Ok(None) };
    let now = moment::now();
    for (kind, certificate) in [(Kind::Payment, payment), (Kind::Authentication, authentication)] {
        let good = certificate.holder().as_ref() == Some(subject)
            && certificate.is_of(kind)
            && certificate.valid_at(now)
            && issuer.has_issued(kind, certificate);
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

/// Checks that the CA issued what was asked for. A CA may be far away, and is trusted no further than this check goes.
pub(super) fn issued(
    certificate: &Certificate,
    kind: Kind,
    request: &[u8],
    subject: &Subject,
    root: &Certificate,
) -> Result<(), Failure> {
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
        Some((_, why)) => Err(Failure::of(
            Reason::IssuerRefused,
            format!("the {kind} certificate that the CA issued was refused"),
            format!("{why}: “{}”", display_name(&certificate.subject)),
            "check the clock of this computer, and tell the bank",
        )),
    }
}
