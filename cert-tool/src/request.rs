//! A certification request signed on the token: the private key never leaves it.
//!
//! The whole CertificationRequestInfo goes to the token, which shows the subject, hashes and signs. No digest crosses the line: the
//! token would not take a digest.

use authority::{
    attestation::Attestation, certificate_kind::Kind, csr, signature::PublicKey, subject::Subject,
};
use terminal::{Failure, secret::Secret};
use wire::{algorithm::KeyAlgorithm, shield::Information};

use crate::{
    progress::{Progress, Step},
    readiness,
    token::{self, Token},
};

/// Has the token sign a request for its pending key, whose public key (tag 7F49) GENERATE gave. The PIN is
/// verified right before, because the payment key wants that each time. Gives the request, DER; its proof of
/// possession was checked.
///
/// # Errors
/// The token refused or is gone, or what it signed does not fit the key.
pub fn make(
    token: &mut dyn Token,
    pin: &Secret,
    (kind, algorithm): (Kind, KeyAlgorithm),
    public_key: &[u8],
    subject: &Subject,
) -> Result<Vec<u8>, Failure> {
    let key = PublicKey { algorithm, point: token::point(algorithm, public_key)? };
    let info = csr::info(subject, &key)?;
    token.verify(pin.bytes())?;
    let signature = token.sign_request(kind.container(), &info)?;
    let request = csr::signed(&info, key.algorithm, &signature)?;
    csr::check_for(&request, subject)?;
    Ok(request)
}

/// Makes a pending key and a request for it, after all checks: the step `cert-tool request`. A test token's request
/// says so in its subject.
///
/// # Errors
/// As [`make`], and what [`readiness::check`] refuses.
pub fn prepare(
    token: &mut dyn Token,
    pin: &mut dyn FnMut(&Information) -> Result<Secret, Failure>,
    kind: Kind,
    subject: &Subject,
    progress: &mut dyn Progress,
) -> Result<Vec<u8>, Failure> {
    let information = token.information()?;
    progress.step(&Step::Found(&information));
    readiness::check(&information, None)?;
    let subject = Subject { unit: readiness::unit(&information), ..subject.clone() };
    subject.check()?;
    let pin = pin(&information)?;
    pin.check_form(information.pin_length)?;
    token.verify(pin.bytes())?;
    progress.step(&Step::PinVerified);
    let algorithm = token::algorithm(kind, &information);
    let key = token.generate(kind.container(), algorithm)?;
    progress.step(&Step::Generated(kind));
    progress.step(&Step::Signing { kind, subject: &subject, shown: information.generation > 1 });
    make(token, &pin, (kind, algorithm), &key, &subject)
        .map_err(|error| error.with_state("the certificates and keys in use on the token are untouched"))
}

/// A request for a pending key, and what the token says of that key.
#[derive(Clone, Debug)]
pub struct Attested {
    /// What the key is for.
    pub kind: Kind,
    /// The request, DER.
    pub request: Vec<u8>,
    /// The token's statement; `None` from a token that cannot attest.
    pub attestation: Option<Attestation>,
}

/// Makes both pending keys of a personal ID and a request for each key, for an authority that is far away: what comes back goes to
/// [`crate::install::install_checked`]. The caller has checked the token ([`readiness::check`]) and knows its PIN.
///
/// # Errors
/// As [`make`].
pub fn prepare_both(
    token: &mut dyn Token,
    pin: &Secret,
    information: &Information,
    subject: &Subject,
    progress: &mut dyn Progress,
) -> Result<[Attested; 2], Failure> {
    let subject = Subject { unit: readiness::unit(information), ..subject.clone() };
    subject.check()?;
    token.verify(pin.bytes())?;
    progress.step(&Step::PinVerified);
    let mut key = |kind: Kind| {
        let algorithm = token::algorithm(kind, information);
        let key = token.generate(kind.container(), algorithm)?;
        progress.step(&Step::Generated(kind));
        // Before anybody is asked to press OK.
        let attestation = token.attest_pending(kind.container())?;
        Ok::<_, Failure>((key, attestation))
    };
    let keys = [key(Kind::Payment)?, key(Kind::Authentication)?];
    let mut attested = |kind: Kind, (key, attestation): (Vec<u8>, Option<Attestation>)| {
        progress.step(&Step::Signing { kind, subject: &subject, shown: information.generation > 1 });
        let algorithm = token::algorithm(kind, information);
        let request = make(token, pin, (kind, algorithm), &key, &subject)?;
        Ok::<_, Failure>(Attested { kind, request, attestation })
    };
    let [payment, authentication] = keys;
    Ok([attested(Kind::Payment, payment)?, attested(Kind::Authentication, authentication)?])
}
