//! Installing certificates, and making sure that they are there. What the token holds afterwards is read back. Only what was
//! read back counts: the answer to the command may be lost.

use authority::{certificate::Certificate, certificate_kind::Kind, signature::PublicKey};
use card::Error;
use terminal::{Failure, Reason, secret::Secret};
use wire::{algorithm::KeyAlgorithm, apdu::StatusWord, shield::Information};

use crate::{
    progress::{Progress, Step},
    readiness,
    token::{self, Token},
};

/// What is known about the token after an installation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It holds what it held before.
    Former,
    /// It holds the former or the new certificates, all of one kind (INSTALL CERTIFICATES promises that), now or
    /// once it is plugged in again.
    Nothing,
}

/// An installation that failed.
#[derive(Debug)]
pub struct NotInstalled {
    /// What to tell people.
    pub failure: Failure,
    /// What the token holds now.
    pub known: Known,
}

/// Installs the certificates in one command, reads them back and compares.
///
/// # Errors
/// The token does not hold them now, or it is not known what it holds.
pub fn install(token: &mut dyn Token, certificates: &[(Kind, &Certificate)]) -> Result<(), NotInstalled> {
    let items: Vec<_> = certificates.iter().map(|(kind, c)| (kind.container(), c.der.as_slice())).collect();
    let answer = match token.install(&items) {
        Err(error) if is_final(&error) => {
            return Err(NotInstalled { failure: error.into(), known: Known::Former });
        }
        answer => answer,
    };
    let held = read_back(token, certificates);
    let failure = match (answer, held) {
        // An answer that was lost on the way matters no more once the certificates are there.
        (_, Ok(true)) => return Ok(()),
        (Err(error), _) => in_doubt(error),
        (Ok(()), Err(error)) => not_read_back(error),
        (Ok(()), Ok(false)) => Failure::of(
            Reason::NotTheSame,
            "the token holds other certificates than the ones sent to it",
            "what was read back differs from what was installed",
            "do not use this token; run cert-tool show and take it to the bank",
        ),
    };
    Err(NotInstalled { failure, known: Known::Nothing })
}

/// Whether the token holds exactly these certificates.
fn read_back(token: &mut dyn Token, certificates: &[(Kind, &Certificate)]) -> Result<bool, Error> {
    for (kind, certificate) in certificates {
        if token.certificate(kind.container())?.as_ref() != Some(&certificate.der) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the token refused before it wrote anything. A token whose storage failed may have written the command
/// down, and finishes it at the next power-up (docs/shield-applet.md).
fn is_final(error: &Error) -> bool {
    let unsure = [StatusWord::MEMORY_FAILURE, StatusWord::NO_MEMORY, StatusWord::FAULT];
    matches!(error, Error::Refused(word) if !unsure.contains(word))
}

/// Installs certificates that came from elsewhere, after all checks: the step `cert-tool install`.
///
/// # Errors
/// The token is not fit, a certificate is not for its pending key, the PIN is wrong, or as [`install`].
pub fn install_checked(
    token: &mut dyn Token,
    pin: &mut dyn FnMut(&Information) -> Result<Secret, Failure>,
    certificates: &[(Kind, &Certificate)],
    progress: &mut dyn Progress,
) -> Result<(), Failure> {
    let information = token.information()?;
    readiness::check(&information, None)?;
    for (kind, certificate) in certificates {
        check_pending(token, (*kind, token::algorithm(*kind, &information)), certificate)?;
    }
    let pin = pin(&information)?;
    pin.check_form(information.pin_length)?;
    if let Some((kind, payment)) = certificates.iter().find(|(kind, _)| *kind == Kind::Payment) {
        let replaces = token.certificate(kind.container())?.is_some();
        progress.step(&Step::Installing { payment, shown: replaces && information.generation > 1 });
    }
    token.verify(pin.bytes())?;
    install(token, certificates).map_err(|undone| match undone.known {
        Known::Former => {
            undone.failure.with_state("the certificates and keys in use on the token are untouched")
        }
        Known::Nothing => undone.failure,
    })
}

/// Refuses a certificate that is not for the token's pending key, before anything is sent.
///
/// # Errors
/// `wrong-key`, or the token is gone.
fn check_pending(
    token: &mut dyn Token,
    (kind, algorithm): (Kind, KeyAlgorithm),
    certificate: &Certificate,
) -> Result<(), Failure> {
    let pending = token.pending_public_key(kind.container())?;
    let point = pending.as_deref().map(|template| token::point(algorithm, template)).transpose()?;
    let certified = PublicKey::parse(&certificate.public_key)
        .filter(|key| key.algorithm == algorithm)
        .map(|key| key.point);
    let why = match point {
        Some(point) if Some(&point) == certified.as_ref() => return Ok(()),
        Some(_) => "it is for another key than the one that waits on this token",
        None => "no key waits on this token for a certificate",
    };
    Err(Failure::of(
        Reason::WrongKey,
        format!("the {kind} certificate was not installed"),
        why,
        "take the certificate of the last request made on this token, or run cert-tool enrol for all steps",
    )
    .with_state("nothing was changed on the token"))
}

fn in_doubt(error: Error) -> Failure {
    let failure = Failure::from(error);
    let why = format!("{} ({})", failure.what(), failure.why().unwrap_or_default());
    failure
        .renamed("it is not known whether the new personal ID was installed")
        .because(why)
        .next("unplug the token, plug it in and run the same command again: it looks at what is there first")
        .with_state(
            "once it is plugged in again the token holds the former personal ID or the new one, whole, never a mixture",
        )
}

fn not_read_back(error: Error) -> Failure {
    Failure::from(error)
        .with_state("the token said that the new personal ID is installed, but it could not be read back")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        progress::Silent,
        request,
        token::soft::{PIN, Soft},
    };
    use authority::{
        ca::{Authority, found_for_trial},
        issuer::{Issuer, Order},
        moment::Validity,
        subject::{DEFAULT_ORGANISATION, Subject, TEST_UNIT},
    };

    fn zhang() -> Subject {
        Subject {
            organisation: DEFAULT_ORGANISATION.into(),
            unit: Some(TEST_UNIT.into()),
            name: "张三".into(),
            user_id: "6222020200112233".into(),
        }
    }

    /// A CA without a passphrase.
    fn authority(folder: &std::path::Path) -> Authority {
        found_for_trial(folder, "U-shield Test CA", KeyAlgorithm::P256).unwrap()
    }

    /// The steps one by one: request, issue.
    fn certificate(token: &mut Soft, ca: &mut Authority, kind: Kind) -> Certificate {
        let wish = Subject { unit: None, ..zhang() };
        let request = request::prepare(token, &mut |_| Ok(PIN.into()), kind, &wish, &mut Silent).unwrap();
        let (subject, validity) = (zhang(), Validity::Days(1));
        let order = Order { request: &request, kind, subject: &subject, validity, token: None };
        Certificate::parse(&ca.issue(&order).unwrap()).unwrap()
    }

    #[test]
    fn step_by_step() {
        let parent = tempfile::tempdir().unwrap();
        let mut ca = authority(&parent.path().join("ca"));
        let mut token = Soft::new();
        let mut asked = 0;
        let mut pin = |_: &Information| {
            asked += 1;
            Ok(PIN.into())
        };
        let stale = certificate(&mut token, &mut ca, Kind::Payment);
        let payment = certificate(&mut token, &mut ca, Kind::Payment);
        let authentication = certificate(&mut token, &mut ca, Kind::Authentication);

        for wrong in [(Kind::Payment, &stale), (Kind::Authentication, &payment)] {
            let error = install_checked(&mut token, &mut pin, &[wrong], &mut Silent).unwrap_err();
            assert_eq!(
                (error.code(), error.state()),
                (Some("wrong-key"), Some("nothing was changed on the token"))
            );
        }
        let both = [(Kind::Payment, &payment), (Kind::Authentication, &authentication)];
        install_checked(&mut token, &mut pin, &both, &mut Silent).unwrap();
        assert_eq!(token.held(), both.map(|(_, certificate)| Some(certificate.der.clone())));
        token.check_whole();
        let error = install_checked(&mut token, &mut pin, &both, &mut Silent).unwrap_err();
        assert!(error.why().unwrap().contains("no key waits"), "{error}");
        assert_eq!(asked, 1, "the PIN is asked for after the checks");
    }

    #[test]
    fn a_token_that_holds_something_else_is_told() {
        let parent = tempfile::tempdir().unwrap();
        let mut ca = authority(&parent.path().join("ca"));
        let mut token = Soft::new();
        let payment = certificate(&mut token, &mut ca, Kind::Payment);
        token.forgetful = true;
        let undone = install(&mut token, &[(Kind::Payment, &payment)]).unwrap_err();
        assert_eq!((undone.failure.code(), undone.known), (Some("not-the-same"), Known::Nothing));
    }
}
