//! Certificates: the register of the bank's CA. A row is written in the transaction that spends the authorisation code, and never
//! removed.

use authority::{certificate_kind::Kind, index};
use time::OffsetDateTime;

use super::{from_row, statements};
use crate::{
    clock::{Moment, SECOND},
    database::Connection,
    error::{Error, Result},
};

statements! {
    ADD = "INSERT INTO certificate (serial, kind, shield, reference, subject, holder, user_id, key_digest, fingerprint, der,
           issued_at, not_after, generation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    CONCERNING = "SELECT serial, kind, subject, holder, user_id, key_digest, issued_at, not_after, delivered_at, revoked_at,
                  reason FROM certificate WHERE key_digest = $1 OR user_id = $2 ORDER BY issued_at, serial";
    REVOKED = "SELECT c.serial, c.kind, c.subject, c.holder, c.user_id, c.key_digest, c.issued_at, c.not_after, c.delivered_at,
               COALESCE(c.revoked_at, s.suspended_at) AS revoked_at, COALESCE(c.reason, 'certificate-hold') AS reason
               FROM certificate c JOIN shield s ON s.id = c.shield
               WHERE c.generation = $1
               AND (c.revoked_at IS NOT NULL OR (s.suspended_at IS NOT NULL AND s.state IN ('bound', 'delivered')))
               ORDER BY c.serial";
    STANDING = "SELECT serial, kind, subject, holder, user_id, key_digest, issued_at, not_after, delivered_at, revoked_at,
                reason FROM certificate WHERE shield = $1 AND revoked_at IS NULL ORDER BY issued_at, serial";
    FIND = "SELECT c.serial, s.customer, s.state, c.delivered_at, c.revoked_at, c.not_after, s.suspended_at
            FROM certificate c JOIN shield s ON s.id = c.shield WHERE c.serial = $1 AND c.fingerprint = $2";
    STATUS = "SELECT COALESCE(c.revoked_at, s.suspended_at) AS at,
              COALESCE(c.reason, CASE WHEN s.suspended_at IS NULL THEN NULL ELSE 'certificate-hold' END) AS why
              FROM certificate c JOIN shield s ON s.id = c.shield WHERE c.serial = $1 AND c.kind = $2 AND c.generation = $3";
    DELIVER = "UPDATE certificate SET delivered_at = COALESCE(delivered_at, $1)
               WHERE serial = $2 AND shield = $3 AND revoked_at IS NULL";
    WITHDRAW = "UPDATE certificate SET revoked_at = $1, reason = 'cessation-of-operation'
                WHERE serial = $2 AND shield = $3 AND delivered_at IS NULL AND revoked_at IS NULL";
    REVOKE_ON_THE_WAY = "UPDATE certificate SET revoked_at = $1, reason = 'superseded'
                         WHERE shield = $2 AND kind = $3 AND delivered_at IS NULL AND revoked_at IS NULL";
    REVOKE_FORMER = "UPDATE certificate SET revoked_at = $1, reason = 'superseded'
                     WHERE shield = $2 AND serial <> $3 AND serial <> $4 AND revoked_at IS NULL";
    REVOKE_ALL = "UPDATE certificate SET revoked_at = $1, reason = $2 WHERE shield = $3 AND revoked_at IS NULL";
    SUPERSEDE = "UPDATE certificate SET revoked_at = $1, reason = 'superseded' WHERE serial = $2 AND revoked_at IS NULL";
    REVOKE_GENERATION = "UPDATE certificate SET revoked_at = $1, reason = 'privilege-withdrawn'
                         WHERE generation = $2 AND revoked_at IS NULL";
    OF_GENERATION = "SELECT COUNT(*) FROM certificate WHERE generation = $1 AND not_after > $2";
    OF_CODE = "SELECT kind, serial FROM certificate WHERE reference = $1 AND revoked_at IS NULL";
    OF_KEY = "SELECT reference, der FROM certificate WHERE key_digest = $1 AND shield = $2 AND revoked_at IS NULL";
    COUNT_OF = "SELECT COUNT(*) FROM certificate WHERE reference = $1";
    SHOWN = "SELECT serial, kind, shield, reference, not_after, delivered_at, revoked_at FROM certificate
             WHERE serial = $1 AND fingerprint = $2";
    SUCCESSOR = "SELECT n.der FROM certificate c JOIN certificate n ON n.key_digest = c.key_digest AND n.shield = c.shield
                 WHERE c.serial = $1 AND c.reason = 'superseded' AND n.revoked_at IS NULL";
    COUNT_REVOCATIONS = "UPDATE crl_head SET revocations = revocations + $1 WHERE id = 1";
    COUNT_PAYMENT = "UPDATE certificate SET payments = payments + 1
                     WHERE serial = $1 AND fingerprint = $2 AND kind = 'payment' AND delivered_at IS NOT NULL
                     AND revoked_at IS NULL AND not_after > $3
                     AND EXISTS (SELECT 1 FROM shield s WHERE s.id = certificate.shield AND s.customer = $4
                                 AND s.state = 'delivered' AND s.suspended_at IS NULL)";
}

/// A certificate, as the rules and the CRL look at it.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) serial: String,
    kind: String,
    subject: String,
    holder: String,
    user_id: String,
    key_digest: String,
    pub(crate) issued_at: Moment,
    pub(crate) not_after: Moment,
    pub(crate) delivered_at: Option<Moment>,
    revoked_at: Option<Moment>,
    reason: Option<String>,
}
from_row!(Certificate {
    serial,
    kind,
    subject,
    holder,
    user_id,
    key_digest,
    issued_at,
    not_after,
    delivered_at,
    revoked_at,
    reason
});

impl Certificate {
    pub(crate) fn kind(&self) -> Kind {
        if self.kind == Kind::Payment.name() { Kind::Payment } else { Kind::Authentication }
    }

    /// The row as the CA's rules read it.
    pub(crate) fn entry(&self) -> Result<index::Entry> {
        let moment = |at: Moment| {
            OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND))
                .map_err(|_| Error::Broken(format!("certificate {} has no date", self.serial)))
        };
        Ok(index::Entry {
            serial: self.serial.clone(),
            kind: self.kind(),
            subject: self.subject.clone(),
            holder: Some(index::Holder { name: self.holder.clone(), user_id: self.user_id.clone() }),
            key: self.key_digest.clone(),
            issued_at: moment(self.issued_at)?,
            not_after: moment(self.not_after)?,
            token: None,
            delivered_at: self.delivered_at.map(moment).transpose()?,
            revoked_at: self.revoked_at.map(moment).transpose()?,
            reason: self.reason.as_deref().map(reason).transpose()?,
        })
    }
}

/// Why a whole shield's certificates are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The shield is lost: somebody else may have it.
    Lost,
    /// Another shield takes its place.
    Replaced,
}

impl Why {
    const fn name(self) -> &'static str {
        match self {
            Self::Lost => "key-compromise",
            Self::Replaced => "superseded",
        }
    }
}

/// The reasons that this file writes.
fn reason(name: &str) -> Result<index::Revocation> {
    match name {
        "key-compromise" => Ok(index::Revocation::KeyCompromise),
        "superseded" => Ok(index::Revocation::Superseded),
        "cessation-of-operation" => Ok(index::Revocation::CessationOfOperation),
        "certificate-hold" => Ok(index::Revocation::CertificateHold),
        "privilege-withdrawn" => Ok(index::Revocation::PrivilegeWithdrawn),
        _ => Err(Error::Broken("a certificate in the database is revoked for no known reason".into())),
    }
}

/// Where a new certificate belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) shield: &'a str,
    /// The code that it is issued for.
    pub(crate) reference: &'a str,
    /// SHA-256 of the DER, in hexadecimal.
    pub(crate) fingerprint: &'a str,
    pub(crate) der: &'a [u8],
    /// The generation of the CA's keys that has issued it.
    pub(crate) generation: i64,
}

fn milliseconds(at: OffsetDateTime) -> Moment {
    at.unix_timestamp().saturating_mul(SECOND)
}

pub(crate) async fn add(db: &mut Connection, entry: &index::Entry, place: Place<'_>) -> Result<()> {
    let none = index::Holder { name: String::new(), user_id: String::new() };
    let holder = entry.holder.as_ref().unwrap_or(&none);
    let add = sqlx::query(ADD).bind(&entry.serial).bind(entry.kind.name()).bind(place.shield);
    let add = add.bind(place.reference).bind(&entry.subject).bind(&holder.name).bind(&holder.user_id);
    let add = add.bind(&entry.key).bind(place.fingerprint).bind(place.der.to_vec());
    let add = add.bind(milliseconds(entry.issued_at)).bind(milliseconds(entry.not_after));
    add.bind(place.generation).execute(db).await?;
    Ok(())
}

/// What the rules of issuing look at: all certificates of this key, and all of this ID.
pub(crate) async fn concerning(db: &mut Connection, key: &str, user_id: &str) -> Result<Vec<Certificate>> {
    Ok(sqlx::query_as(CONCERNING).bind(key).bind(user_id).fetch_all(db).await?)
}

/// All of a generation of the CA's keys that are revoked.
pub(crate) async fn revoked(db: &mut Connection, generation: i64) -> Result<Vec<Certificate>> {
    Ok(sqlx::query_as(REVOKED).bind(generation).fetch_all(db).await?)
}

/// All certificates of this shield that are not revoked, oldest first.
pub(crate) async fn standing(db: &mut Connection, shield: &str) -> Result<Vec<Certificate>> {
    Ok(sqlx::query_as(STANDING).bind(shield).fetch_all(db).await?)
}

/// What is known of a certificate that signed a payment.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) customer: String,
    shield: String,
    delivered_at: Option<Moment>,
    revoked_at: Option<Moment>,
    pub(crate) not_after: Moment,
    suspended_at: Option<Moment>,
}

impl Known {
    /// Whether its shield waits to be confirmed.
    pub(crate) const fn is_suspended(&self) -> bool {
        self.suspended_at.is_some()
    }

    /// Whether it was revoked, or its shield was taken back.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked_at.is_some() || !matches!(self.shield.as_str(), "bound" | "delivered")
    }

    pub(crate) fn is_delivered(&self) -> bool {
        self.delivered_at.is_some() && self.shield == "delivered"
    }
}

/// The certificate of this serial number and fingerprint, and whose it is.
pub(crate) async fn find(db: &mut Connection, serial: &str, fingerprint: &str) -> Result<Option<Known>> {
    type Row = (String, String, String, Option<Moment>, Option<Moment>, Moment, Option<Moment>);
    let row: Option<Row> = sqlx::query_as(FIND).bind(serial).bind(fingerprint).fetch_optional(db).await?;
    Ok(row.map(|(_, customer, shield, delivered_at, revoked_at, not_after, suspended_at)| Known {
        customer,
        shield,
        delivered_at,
        revoked_at,
        not_after,
        suspended_at,
    }))
}

/// What an outsider is told of this serial number of a generation's: [`None`] where no such certificate was issued, else when and why it was revoked.
pub(crate) async fn status(
    db: &mut Connection,
    serial: &str,
    kind: Kind,
    generation: i64,
) -> Result<Option<Option<(OffsetDateTime, index::Revocation)>>> {
    type Row = (Option<Moment>, Option<String>);
    let find = sqlx::query_as(STATUS).bind(serial).bind(kind.name()).bind(generation);
    let row: Option<Row> = find.fetch_optional(db).await?;
    match row {
        None => Ok(None),
        Some((Some(at), Some(why))) => {
            let at = OffsetDateTime::from_unix_timestamp(at.div_euclid(SECOND))
                .map_err(|_| Error::Broken(format!("certificate {serial} has no date")))?;
            Ok(Some(Some((at, reason(&why)?))))
        }
        Some(_) => Ok(Some(None)),
    }
}

/// It is on its shield. Whether it is this shield's, and not revoked.
pub(crate) async fn deliver(db: &mut Connection, serial: &str, shield: &str, now: Moment) -> Result<bool> {
    let deliver = sqlx::query(DELIVER).bind(now).bind(serial).bind(shield);
    Ok(deliver.execute(db).await?.rows_affected() == 1)
}

/// So many certificates more are on the list, or off it: the next list is another one.
pub(crate) async fn count_revocations(db: &mut Connection, changed: u64) -> Result<()> {
    counted(db, changed).await.map(drop)
}

async fn counted(db: &mut Connection, revoked: u64) -> Result<u64> {
    if revoked > 0 {
        let count = i64::try_from(revoked).unwrap_or(i64::MAX);
        sqlx::query(COUNT_REVOCATIONS).bind(count).execute(db).await?;
    }
    Ok(revoked)
}

/// It never reached its shield. How many were revoked.
pub(crate) async fn withdraw(db: &mut Connection, serial: &str, shield: &str, now: Moment) -> Result<u64> {
    let withdraw = sqlx::query(WITHDRAW).bind(now).bind(serial).bind(shield);
    let revoked = withdraw.execute(&mut *db).await?.rows_affected();
    counted(db, revoked).await
}

/// Revokes what was issued for this shield and never arrived. How many.
pub(crate) async fn revoke_on_the_way(
    db: &mut Connection,
    shield: &str,
    kind: Kind,
    now: Moment,
) -> Result<u64> {
    let revoke = sqlx::query(REVOKE_ON_THE_WAY).bind(now).bind(shield).bind(kind.name());
    let revoked = revoke.execute(&mut *db).await?.rows_affected();
    counted(db, revoked).await
}

/// The certificate's key has another certificate from now on. Whether it stood until now.
pub(crate) async fn supersede(db: &mut Connection, serial: &str, now: Moment) -> Result<bool> {
    let supersede = sqlx::query(SUPERSEDE).bind(now).bind(serial);
    let revoked = supersede.execute(&mut *db).await?.rows_affected();
    Ok(counted(db, revoked).await? == 1)
}

/// The kinds and serial numbers of what was issued for this code and stands.
pub(crate) async fn of_code(db: &mut Connection, reference: &str) -> Result<Vec<(String, String)>> {
    Ok(sqlx::query_as(OF_CODE).bind(reference).fetch_all(db).await?)
}

/// The certificate of this shield's key that stands: the code that it was issued for, and its DER.
pub(crate) async fn of_key(
    db: &mut Connection,
    key: &str,
    shield: &str,
) -> Result<Option<(String, Vec<u8>)>> {
    Ok(sqlx::query_as(OF_KEY).bind(key).bind(shield).fetch_optional(db).await?)
}

/// A certificate that somebody has shown, with the proof of its key.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) serial: String,
    kind: String,
    pub(crate) shield: String,
    pub(crate) reference: String,
    pub(crate) not_after: Moment,
    delivered_at: Option<Moment>,
    revoked_at: Option<Moment>,
}
from_row!(Shown { serial, kind, shield, reference, not_after, delivered_at, revoked_at });

impl Shown {
    /// Whether it says who its holder is: of this kind, and on its shield.
    pub(crate) fn authenticates(&self) -> bool {
        self.kind == Kind::Authentication.name() && self.delivered_at.is_some()
    }

    pub(crate) const fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }
}

/// The certificate of this serial number and fingerprint, where the bank has issued it.
pub(crate) async fn shown(db: &mut Connection, serial: &str, fingerprint: &str) -> Result<Option<Shown>> {
    Ok(sqlx::query_as(SHOWN).bind(serial).bind(fingerprint).fetch_optional(db).await?)
}

/// How many certificates one code and the renewals after it have.
pub(crate) async fn count_of(db: &mut Connection, reference: &str) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(COUNT_OF).bind(reference).fetch_one(db).await?;
    Ok(count)
}

/// The certificate (DER) that has taken the place of this one for the same key, where nothing worse has happened to both.
pub(crate) async fn successor(db: &mut Connection, serial: &str) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = sqlx::query_as(SUCCESSOR).bind(serial).fetch_optional(db).await?;
    Ok(row.map(|(der,)| der))
}

/// Revokes all of this shield but these two, whose keys have taken the place of the former ones. How many.
pub(crate) async fn revoke_former(
    db: &mut Connection,
    shield: &str,
    kept: [&str; 2],
    now: Moment,
) -> Result<u64> {
    let revoke = sqlx::query(REVOKE_FORMER).bind(now).bind(shield).bind(kept[0]).bind(kept[1]);
    let revoked = revoke.execute(&mut *db).await?.rows_affected();
    counted(db, revoked).await
}

/// Revokes all of this shield. How many.
pub(crate) async fn revoke_all(db: &mut Connection, shield: &str, why: Why, now: Moment) -> Result<u64> {
    let revoke = sqlx::query(REVOKE_ALL).bind(now).bind(why.name()).bind(shield);
    let revoked = revoke.execute(&mut *db).await?.rows_affected();
    counted(db, revoked).await
}

/// Revokes all that a generation of the CA's keys has issued. How many.
pub(crate) async fn revoke_generation(db: &mut Connection, generation: i64, now: Moment) -> Result<u64> {
    let revoke = sqlx::query(REVOKE_GENERATION).bind(now).bind(generation);
    let revoked = revoke.execute(&mut *db).await?.rows_affected();
    counted(db, revoked).await
}

/// How many certificates of a generation of the CA's keys have not ended, revoked or not: verifiers ask for their list until then.
pub(crate) async fn of_generation(db: &mut Connection, generation: i64, now: Moment) -> Result<i64> {
    let (count,): (i64,) = sqlx::query_as(OF_GENERATION).bind(generation).bind(now).fetch_one(db).await?;
    Ok(count)
}

/// Counts a payment, in the posting's transaction, and holds the row: a revocation comes before the payment or after it. Whether the
/// certificate stands at this moment, and is on this customer's shield.
pub(crate) async fn count_payment(
    db: &mut Connection,
    serial: &str,
    fingerprint: &str,
    customer: &str,
    now: Moment,
) -> Result<bool> {
    let count = sqlx::query(COUNT_PAYMENT).bind(serial).bind(fingerprint).bind(now).bind(customer);
    Ok(count.execute(db).await?.rows_affected() == 1)
}
