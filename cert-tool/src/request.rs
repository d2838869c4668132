//! A certification request signed on the token: the private key never leaves it.
//!
//! `rcgen` writes the CertificationRequestInfo and hands the whole of it to a remote key. The remote key hands it on to the
//! token, which shows the subject, hashes and signs. No digest crosses the line: the token would not take a digest.

use std::cell::RefCell;

use authority::{certificate_kind::Kind, csr, signature, subject::Subject};
use card::Error;
use rcgen::{CertificateParams, PublicKeyData, SignatureAlgorithm};
use terminal::{Failure, Reason, secret::Secret};
use wire::{
    Malformed,
    algorithm::KeyAlgorithm,
    shield::{Container, Information},
};

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
    let mut params = CertificateParams::default();
    params.distinguished_name = subject.distinguished_name()?;
    let key = RemoteKey {
        point: token::point(algorithm, public_key)?,
        written: signature::written(algorithm)
            .ok_or_else(|| Malformed::new("public key", "is of an algorithm that is not certified"))
            .map_err(Error::from)?,
        container: kind.container(),
        pin,
        line: RefCell::new(Line { token, refused: None }),
    };
    let request = match params.serialize_request(&key) {
        Ok(request) => request.der().to_vec(),
        Err(other) => {
            return Err(match key.line.into_inner().refused {
                Some(error) => error.into(),
                None => Failure::of(
                    Reason::WrongKey,
                    "the request was not made",
                    other,
                    "run the same command again, which makes another key",
                ),
            });
        }
    };
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

/// The key on the token, as `rcgen` wants one.
struct RemoteKey<'a> {
    point: Vec<u8>,
    written: &'static SignatureAlgorithm,
    container: Container,
    pin: &'a Secret,
    line: RefCell<Line<'a>>,
}

/// The token, and why it refused: `rcgen` has one error for all remote keys, so the token's own error is kept here.
struct Line<'a> {
    token: &'a mut dyn Token,
    refused: Option<Error>,
}

impl PublicKeyData for RemoteKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.written
    }
}

impl rcgen::SigningKey for RemoteKey<'_> {
    fn sign(&self, info: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut line = self.line.borrow_mut();
        let signed =
            line.token.verify(self.pin.bytes()).and_then(|()| line.token.sign_request(self.container, info));
        signed.map_err(|error| {
            line.refused = Some(error);
            rcgen::Error::RemoteKeyError
        })
    }
}
