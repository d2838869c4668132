//! Installing certificates and making sure: what the token holds afterwards is read back, and that alone counts,
//! whatever the answer to the command was or whether it arrived.

use crate::{
    Error, Reason,
    certificate::Certificate,
    kind::Kind,
    token::{self, Token},
};

/// What is known about the token after an installation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It holds what it held before.
    Former,
    /// It could not be asked: it holds the former or the new certificates, all of one kind (INSTALL CERTIFICATES
    /// promises that).
    Nothing,
}

/// An installation that failed.
#[derive(Debug)]
pub struct Failure {
    /// What to tell people.
    pub error: Error,
    /// What the token holds now.
    pub known: Known,
}

/// Installs the certificates in one command, reads them back and compares.
///
/// # Errors
/// The token does not hold them now, or could not be asked.
pub fn install(token: &mut dyn Token, certificates: &[(Kind, &Certificate)]) -> Result<(), Failure> {
    let nothing = |error: Error| Failure { error, known: Known::Nothing };
    let mut former = Vec::new();
    for (kind, _) in certificates {
        let known = Known::Former;
        former.push(
            token
                .certificate(kind.container())
                .map_err(|fault| Failure { error: Error::from(fault), known })?,
        );
    }
    let items: Vec<_> = certificates.iter().map(|(kind, c)| (kind.container(), c.der.as_slice())).collect();
    let answer = token.install(&items);
    let mut held = Vec::new();
    for (kind, _) in certificates {
        match (token.certificate(kind.container()), &answer) {
            (Ok(certificate), _) => held.push(certificate),
            (Err(_), Err(fault)) => return Err(nothing(in_doubt(fault.clone().into()))),
            (Err(fault), Ok(())) => return Err(nothing(not_read_back(fault.into()))),
        }
    }
    let is_new = held.iter().zip(certificates).all(|(held, (_, new))| held.as_ref() == Some(&new.der));
    match answer {
        // An answer that was lost on the way matters no more once the certificates are there.
        _ if is_new => Ok(()),
        Err(fault) if held == former => Err(Failure { error: fault.into(), known: Known::Former }),
        _ => Err(nothing(Error::new(
            Reason::NotTheSame,
            "the token holds other certificates than the ones sent to it",
            "what was read back differs from what was installed",
            "do not use this token; run cert-tool show and take it to the bank",
        ))),
    }
}

/// Refuses a certificate that is not for the token's pending key, before anything is sent.
///
/// # Errors
/// [`Reason::WrongKey`], or the token is gone.
pub fn check_pending(token: &mut dyn Token, kind: Kind, certificate: &Certificate) -> Result<(), Error> {
    let pending = token.pending_public_key(kind.container())?;
    let point = pending.as_deref().map(token::point).transpose()?;
    let certified = crate::certificate::p256_key(&certificate.public_key)
        .map(|key| key.to_sec1_point(false).as_bytes().to_vec());
    let why = match point {
        Some(point) if Some(&point) == certified.as_ref() => return Ok(()),
        Some(_) => "it is for another key than the one that waits on this token",
        None => "no key waits on this token for a certificate",
    };
    Err(Error::new(
        Reason::WrongKey,
        format!("the {kind} certificate was not installed"),
        why,
        "take the certificate of the last request made on this token, or run cert-tool enrol for all steps",
    )
    .with_state("nothing was changed on the token"))
}

fn in_doubt(error: Error) -> Error {
    error.with_state(
        "the token was lost while it installed: it holds the former personal ID or the new one, whole, never a mixture",
    )
}

fn not_read_back(error: Error) -> Error {
    error.with_state("the token said that the new personal ID is installed, but it could not be read back")
}
