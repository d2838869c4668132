//! Whom and what the CA does not certify, whatever the request says.

use time::OffsetDateTime;

use super::{refused, signer::Signer};
use crate::{
    Error,
    certificate_kind::Kind,
    csr::Request,
    index::{Entry, Holder, Revocation},
    signature::name,
    subject::Subject,
};

/// A key has one use and one holder. With a key that both pays and authenticates, a login could be turned into a payment.
pub(super) fn one_holder_a_key(entries: &[Entry], key: &str, kind: Kind, subject: &str) -> Result<(), Error> {
    let same = entries.iter().filter(|entry| entry.key == key);
    for entry in same {
        if entry.kind != kind {
            let why = format!("its key has a certificate for {} already ({})", entry.kind, entry.serial);
            return Err(refused(why));
        }
        if entry.subject != subject {
            return Err(refused(format!("its key is certified for “{}” already", entry.subject)));
        }
        if entry.reason == Some(Revocation::KeyCompromise) {
            return Err(refused(format!("its key was revoked as compromised ({})", entry.serial)));
        }
    }
    Ok(())
}

/// A certificate for a key of the CA's own would let its holder issue, or the CA pay.
pub(super) fn not_our_own<'a>(
    public_key: &[u8],
    mut signers: impl Iterator<Item = &'a Signer>,
) -> Result<(), Error> {
    if signers.any(|signer| public_key == signer.certificate.public_key) {
        return Err(refused("its key is the CA's own".into()));
    }
    Ok(())
}

/// An issuer certifies keys of its own key's algorithm: whoever verifies a payment knows the payment's algorithm by the CA
/// (docs/decisions/0051-two-issuers.md).
pub(super) fn of_the_issuers_algorithm(request: &Request, kind: Kind, signer: &Signer) -> Result<(), Error> {
    let own = signer.key.public().algorithm;
    if request.algorithm == own {
        return Ok(());
    }
    let [found, wanted] = [request.algorithm, own].map(|algorithm| name(algorithm).unwrap_or("no algorithm"));
    Err(refused(format!(
        "its key is of {found}, and this CA certifies keys for {kind} of {wanted} alone (cert-tool ca init --algorithm makes a CA of \
         another algorithm)"
    )))
}

/// An ID has one name as long as a certificate for it stands: a bank's backend knows the payer by the ID alone.
pub(super) fn one_name_an_id(entries: &[Entry], subject: &Subject, now: OffsetDateTime) -> Result<(), Error> {
    let stands = |entry: &&Entry| entry.revoked_at.is_none() && entry.not_after >= now;
    let other = entries.iter().filter(stands).find(|entry| match &entry.holder {
        Some(holder) => is_same_id(&holder.user_id, &subject.user_id) && holder.name != subject.name,
        // An entry of the former version has the subject as people see it.
        None => {
            let ending = format!(", serialNumber={}", subject.user_id);
            let named = format!("CN={}{ending}", subject.name);
            entry.subject.ends_with(&ending) && !entry.subject.ends_with(&named)
        }
    });
    match other {
        None => Ok(()),
        Some(entry) => Err(refused(format!(
            "the ID {} has a certificate for “{}” ({}), and is asked for “{}”: revoke that one first if the name has changed",
            subject.user_id, entry.subject, entry.serial, subject.name
        ))),
    }
}

/// X.520, 6.2.9 and X.500's matching rule: neither case nor runs of spaces tell PrintableStrings apart.
fn is_same_id(one: &str, other: &str) -> bool {
    let words = |id: &str| id.split_whitespace().map(str::to_ascii_lowercase).collect::<Vec<_>>();
    words(one) == words(other)
}

impl From<&Subject> for Holder {
    fn from(subject: &Subject) -> Self {
        Self { name: subject.name.clone(), user_id: subject.user_id.clone() }
    }
}
