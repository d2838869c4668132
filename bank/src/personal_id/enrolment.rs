//! Enrolment by EST (RFC 7030, 4.2). The protocol carries a request and nothing else, and a shield signs no request with attributes, because
//! its screen shows none. So what the shield says of its key comes before the request, and stays in the books.
//!
//! ```text
//! attest   the code, and the shield's statement → the books know the key
//! enrol    the code, and a request for that key → its certificate; with the second certificate the code is spent, and the shield pays
//! ```
//!
//! EST has no word for “it is on the shield”, so the answer is the delivery. Whoever never got the answer asks again with the same request.

use authority::{attestation::Attestation, certificate::Certificate, certificate_kind::Kind, csr};

use super::{Again, Granted, deliver, digest, held, issue};
use crate::{
    bank::Bank,
    books::{attested, audit, authorisation, certificate},
    error::{Refusal, Result},
};

/// Takes a shield's statement on one of its keys into the books: the statement itself says what the key is for.
///
/// # Errors
/// The code is spent or has been used too often, or no trusted factory's shield of the bound serial number says so.
pub(crate) async fn attest(bank: &Bank, granted: &Granted, attestation: &Attestation) -> Result<()> {
    let statement = Certificate::parse(&attestation.statement).map_err(|_| Refusal::NotAttested)?;
    let (shields, key) = (bank.shields()?, statement.public_key);
    let check = |kind| {
        let checked =
            shields.check_attested(kind, &key, &granted.shield.serial, attestation, bank.clock.date());
        checked.map(|()| kind)
    };
    let kind = check(Kind::Payment).or_else(|_| check(Kind::Authentication))?;
    let known =
        attested::kind(&mut *bank.database.connection().await?, &digest(&key), &granted.shield.id).await?;
    if known == Some(kind) {
        return Ok(());
    }
    if granted.authorisation.is_spent() {
        return Err(Refusal::IdDelivered.into());
    }
    let (mut work, now) = (bank.database.begin().await?, bank.clock.now());
    held(&mut work, &granted.shield).await?;
    if !authorisation::count(&mut work, &granted.authorisation.reference, now).await? {
        return Err(Refusal::CodeWrong.into());
    }
    if attested::add(&mut work, &digest(&key), kind, &granted.shield.id, now).await? {
        let actor = granted.actor();
        audit::add(&mut work, now, &actor, "key-attested", &granted.shield.serial, kind.name()).await?;
    }
    work.commit().await?;
    Ok(())
}

/// Issues the certificate of a key that the shield has attested, or gives the one that the key got by this code. The subject is the books'.
///
/// # Errors
/// The request is refused, its key was not attested or is for the other certificate, or the code is spent.
pub(crate) async fn enrol(
    bank: &Bank,
    granted: &Granted,
    asked: Option<Kind>,
    request: Vec<u8>,
) -> Result<Vec<u8>> {
    let subject = granted.subject(bank.shields()?);
    let key = csr::check_for(&request, &subject).map_err(|_| Refusal::RequestRefused)?.public_key;
    let mut db = bank.database.connection().await?;
    let kind = attested::kind(&mut db, &digest(&key), &granted.shield.id).await?;
    let kind = kind.ok_or(Refusal::NotAttested)?;
    if asked.is_some_and(|asked| asked != kind) {
        return Err(Refusal::RequestRefused.into());
    }
    let known = certificate::of_key(&mut db, &digest(&key), &granted.shield.id).await?;
    drop(db);
    let der = match known {
        Some((reference, der)) if reference == granted.authorisation.reference => der,
        _ if granted.authorisation.is_spent() => return Err(Refusal::IdDelivered.into()),
        _ => issue(bank, granted, kind, (request, &key), Again::TheSame).await?,
    };
    finish(bank, granted).await?;
    Ok(der)
}

/// The code is spent once both certificates were issued for it.
async fn finish(bank: &Bank, granted: &Granted) -> Result<()> {
    if granted.authorisation.is_spent() {
        return Ok(());
    }
    let mut db = bank.database.connection().await?;
    let issued = certificate::of_code(&mut db, &granted.authorisation.reference).await?;
    drop(db);
    let of =
        |kind: Kind| issued.iter().find(|(name, _)| name == kind.name()).map(|(_, serial)| serial.clone());
    match Kind::ALL.map(of) {
        [Some(payment), Some(authentication)] => deliver(bank, granted, &[payment, authentication]).await,
        _ => Ok(()),
    }
}
