//! A certification request signed on the token: the private key never leaves it.
//!
//! The whole CertificationRequestInfo goes to the token, which shows the subject, hashes and signs. No digest crosses the line: the
//! token would not take a digest.

use authority::{certificate_kind::Kind, csr, signature::PublicKey, subject::Subject};
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
