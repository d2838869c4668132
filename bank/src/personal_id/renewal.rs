//! Renewal by EST with the same key (RFC 7030, 4.2.2): the holder shows the certificate for authentication in TLS, whose key is on the
//! shield, and asks for another one. Nothing has to be attested again: the books know the key.

use authority::{certificate::Certificate, certificate_kind::Kind, csr};

use super::{RENEWAL, Signed, add, fingerprint, held, sign};
use crate::{
    bank::Bank,
    books::{
        audit,
        certificate::{self, Shown},
        customer,
        shield::{self, Shield},
    },
    error::{Error, Refusal, Result},
};

/// One code and the renewals after it have so many certificates. A bank whose certificates live for years meets no such end; one whose
/// certificates may be renewed as soon as they are issued does.
const MOST: i64 = 40;

/// Issues another certificate for the key of the one that was shown (DER), whose place it takes. Who lost the answer shows the former
/// certificate again, and gets the same.
///
/// # Errors
/// The certificate that was shown is not one of this bank that stands, it is too early, or the request is for another subject, key or use.
pub(crate) async fn renew(
    bank: &Bank,
    shown: &[u8],
    asked: Option<Kind>,
    request: Vec<u8>,
) -> Result<Vec<u8>> {
    let own = Certificate::parse(shown).map_err(|_| Refusal::NoCertificate)?;
    let mut db = bank.database.connection().await?;
    let former = certificate::shown(&mut db, &own.serial, &fingerprint(shown)).await?;
    let former = former.filter(Shown::authenticates).ok_or(Refusal::NoCertificate)?;
    let missing = || Error::Broken("a certificate is on a shield that is not there".into());
    let shield = shield::find(&mut db, &former.shield).await?.ok_or_else(missing)?;
    let holder = customer::by_id(&mut db, &shield.customer).await?.ok_or_else(missing)?;
    drop(db);
    check_in_use(&shield)?;
    // The handshake has judged that too, but a connection may be older than the end of its certificate.
    if bank.clock.now() > former.not_after {
        return Err(Refusal::CertificateExpired.into());
    }
    let subject = bank.shields()?.subject(&holder.name, &shield.user_id);
    let wish = csr::check_for(&request, &subject).map_err(|_| Refusal::RequestRefused)?;
    if wish.subject != own.subject || asked == Some(Kind::Payment) {
        return Err(Refusal::RequestRefused.into());
    }
    if wish.public_key != own.public_key {
        return Err(Refusal::OtherKey.into());
    }
    if former.is_revoked() {
        return successor(bank, &former).await;
    }
    if bank.clock.now() < former.not_after - RENEWAL.0 {
        return Err(Refusal::NotYetRenewed.into());
    }
    let mut db = bank.database.connection().await?;
    if certificate::count_of(&mut db, &former.reference).await? >= MOST {
        return Err(Refusal::TooManyTries.into());
    }
    drop(db);
    let key = (request, own.public_key.as_slice());
    let signed = sign(bank, &shield, Kind::Authentication, key, subject).await?;
    if record(bank, &shield, &former, &signed).await? {
        Ok(signed.der)
    } else {
        successor(bank, &former).await
    }
}

fn check_in_use(shield: &Shield) -> Result<()> {
    let refusal = match shield {
        shield if !shield.is_held() => Refusal::ShieldEnded,
        shield if shield.is_suspended() => Refusal::ShieldSuspended,
        shield if !shield.is_delivered() => Refusal::ShieldNotDelivered,
        _ => return Ok(()),
    };
    Err(refusal.into())
}

/// The certificate that has taken the place of this one, for the same key.
async fn successor(bank: &Bank, former: &Shown) -> Result<Vec<u8>> {
    let mut db = bank.database.connection().await?;
    Ok(certificate::successor(&mut db, &former.serial).await?.ok_or(Refusal::CertificateRevoked)?)
}

/// Writes the renewal down, in one transaction. Whether the former certificate stood until then.
async fn record(bank: &Bank, shield: &Shield, former: &Shown, signed: &Signed) -> Result<bool> {
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    held(&mut work, shield).await?;
    signed.count(&mut work).await?;
    if !certificate::supersede(&mut work, &former.serial, now).await? {
        return Ok(false);
    }
    for entry in &signed.page.new {
        add(&mut work, entry, shield, &former.reference, signed).await?;
        // Its key is on the shield already.
        certificate::deliver(&mut work, &entry.serial, &shield.id, now).await?;
        let actor = format!("customer:{}", shield.customer);
        audit::add(&mut work, now, &actor, "certificate-renewed", &former.serial, &entry.serial).await?;
    }
    work.commit().await?;
    Ok(true)
}
