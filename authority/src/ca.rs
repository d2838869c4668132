//! A bank's certification authority in a folder: its key, its certificate, its index, its CRL.
//!
//! ```text
//! ca.pem       the certificate: P-256, self-signed, pathlen 0, keyCertSign and cRLSign
//! ca-key.pem   the key: PKCS #8, encrypted with a passphrase unless told otherwise
//! crl.pem      the CRL last issued; crl.der is the same for web servers (RFC 5280, 4.2.1.13: DER over http)
//! index.json   what was issued and revoked
//! lock         held while the index changes, so that two processes never lose each other's entries
//! ```
//!
//! The index is written before a certificate leaves the CA, so that the index knows every certificate. A revocation is
//! in the index before it is in the CRL.

mod rule;
mod published;
mod folder;
mod signer;
mod sign;

use std::path::{Path, PathBuf};

use der::{Decode, Tag, Tagged};
use file::Writing;
use rcgen::Issuer as Signer;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

pub use folder::{DEFAULT_CRL_URL, found, found_for_trial};
pub use sign::Founding;

use crate::{
    Error, Reason,
    certificate::{Certificate, display_name, hex},
    csr,
    index::{Entry, Index, Revocation},
    issuer::{Issuer, Order},
    key,
    moment::{self, Validity},
    signature::PrivateKey,
    subject::{DEFAULT_ORGANISATION, Subject, TEST_UNIT, writable},
};
use folder::{CERTIFICATE, CRL, INDEX, KEY, Lock};
use published::Published;

/// How long a CRL is good for, in days, unless told otherwise.
pub const CRL_DAYS: u32 = 30;

/// An opened CA.
pub struct Authority {
    folder: PathBuf,
    certificate: Certificate,
    organisation: String,
    signer: Signer<'static, PrivateKey>,
    /// How its files are written: durably, but for a CA that ends with its process.
    write: Writing,
}

impl Authority {
    /// Finds the CA in `folder`, and opens its key: [`Self::find`], then [`Closed::open`].
    ///
    /// # Errors
    /// As both.
    pub fn open(folder: &Path, passphrase: Option<&[u8]>) -> Result<Self, Error> {
        Self::find(folder)?.open(passphrase)
    }

    /// Finds the CA in `folder`. Its key stays closed, so that nobody is asked for a passphrase for nothing.
    ///
    /// # Errors
    /// There is no CA, others may read its key or write its folder, or a file is damaged.
    pub fn find(folder: &Path) -> Result<Closed, Error> {
        if !folder.join(CERTIFICATE).exists() {
            return Err(Error::new(
                Reason::Missing,
                format!("there is no CA in {}", folder.display()),
                format!("it has no {CERTIFICATE}"),
                format!("cert-tool ca init --dir {}", folder.display()),
            ));
        }
        file::check_closed(folder, "700")?;
        file::check_closed(&folder.join(CERTIFICATE), "644")?;
        file::check_closed(&folder.join(INDEX), "600")?;
        let certificate = Certificate::parse(&file::read(&folder.join(CERTIFICATE))?)?;
        index(folder, &certificate)?;
        let path = folder.join(KEY);
        let pem = Zeroizing::new(file::read(&path)?);
        file::check_private(&path, "600")?;
        let encrypted = key::is_encrypted(&pem)?;
        Ok(Closed { folder: folder.to_path_buf(), certificate, pem, encrypted })
    }

    /// The index as it is on the disk now.
    ///
    /// # Errors
    /// As [`Index::load`], and when the CRL in the folder knows more than the index.
    pub fn index(&self) -> Result<Index, Error> {
        index(&self.folder, &self.certificate)
    }

    /// Where the CA's certificate in PEM lies.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// Where the CRL in PEM lies.
    pub fn crl_path(&self) -> PathBuf {
        self.folder.join(CRL)
    }

    /// Revokes a certificate by its serial number and issues the CRL anew.
    ///
    /// # Errors
    /// It is unknown here, or was revoked before, or the disk's fault.
    pub fn revoke(&mut self, serial: &str, reason: Revocation) -> Result<Entry, Error> {
        self.change(|index, now| {
            let refuse = |why: String, next: &str| {
                Err(Error::new(Reason::Invalid, "nothing was revoked", why, next.to_string()))
            };
            let Some(entry) = index.certificates.iter_mut().find(|entry| entry.serial == serial) else {
                return refuse(
                    format!("this CA has issued no certificate with serial number {serial}"),
                    "check the number (cert-tool show --file CERT) and the CA's folder",
                );
            };
            if let Some(before) = entry.revoked_at {
                return refuse(
                    format!("{serial} was revoked on {}", moment::display(before)),
                    "nothing needs to be done; cert-tool ca crl issues the CRL anew",
                );
            }
            entry.revoke(sign::dated(now), reason);
            Ok(entry.clone())
        })
    }

    /// Issues the CRL anew, good for so many days; its number.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn issue_crl(&mut self, days: u32) -> Result<u64, Error> {
        let _lock = Lock::take(&self.folder)?;
        let mut index = self.index()?;
        self.write_crl(&mut index, moment::now(), days)
    }

    /// Changes the index under the lock, then issues the CRL.
    fn change<T>(
        &mut self,
        edit: impl FnOnce(&mut Index, OffsetDateTime) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _lock = Lock::take(&self.folder)?;
        let (mut index, now) = (self.index()?, moment::now());
        let changed = edit(&mut index, now)?;
        index.save_by(self.write, &self.folder.join(INDEX))?;
        self.write_crl(&mut index, now, CRL_DAYS).map_err(|fault| {
            fault.with_state("the index knows of the revocation, the CRL not yet: cert-tool ca crl issues it")
        })?;
        Ok(changed)
    }

    /// The CRL's number is spent in the index before the CRL is written, so that no two CRLs share a number. A clock that was
    /// set back a little does not make the newer CRL look older than the former one. After a CRL from the future no CRL is
    /// issued: every later CRL would be from the future too, and no verifier would take it.
    fn write_crl(&self, index: &mut Index, now: OffsetDateTime, days: u32) -> Result<u64, Error> {
        let former = Published::read(&self.folder, &self.certificate);
        former.as_ref().map_or(Ok(()), |former| former.check_clock(now))?;
        let this_update = former.map_or(sign::dated(now), |former| former.this_update.max(sign::dated(now)));
        index.crl_number = index.crl_number.saturating_add(1);
        let next_update = Validity::Days(days).not_after(now.max(this_update))?;
        let crl = sign::crl(&self.signer, index, this_update, next_update)?;
        index.save_by(self.write, &self.folder.join(INDEX))?;
        folder::write_crl(self.write, &self.folder, &crl, true)?;
        Ok(index.crl_number)
    }

    /// Checks the rules that do not depend on the request, and gives the last moment of the certificate's validity.
    fn not_after(
        &self,
        subject: &Subject,
        validity: Validity,
        now: OffsetDateTime,
    ) -> Result<OffsetDateTime, Error> {
        subject.check()?;
        if subject.organisation != self.organisation {
            return Err(refused(format!(
                "the subject says “{}”, and this CA certifies for “{}” only",
                subject.organisation, self.organisation
            )));
        }
        if subject.unit.as_deref().is_some_and(|unit| unit != TEST_UNIT) {
            return Err(refused("the subject has a unit that this CA does not certify".into()));
        }
        let not_after = validity.not_after(now)?;
        if not_after > self.certificate.not_after {
            return Err(refused(format!(
                "it would end on {}, after the CA's own certificate ({})",
                moment::display(not_after),
                moment::display(self.certificate.not_after)
            )));
        }
        Ok(not_after)
    }
}

/// A CA that was found, and whose key is not opened yet.
pub struct Closed {
    folder: PathBuf,
    certificate: Certificate,
    pem: Zeroizing<Vec<u8>>,
    encrypted: bool,
}

impl Closed {
    /// Whether the key is encrypted, so that [`Self::open`] wants a passphrase.
    pub const fn wants_passphrase(&self) -> bool {
        self.encrypted
    }

    /// Opens the key. A key that is not encrypted needs no passphrase.
    ///
    /// # Errors
    /// The passphrase is wrong or missing, the key is damaged, or key and certificate do not belong together.
    pub fn open(self, passphrase: Option<&[u8]>) -> Result<Authority, Error> {
        let Self { folder, certificate, pem, .. } = self;
        let key = PrivateKey::parse(&pem, passphrase)?;
        if rcgen::PublicKeyData::subject_public_key_info(&key) != certificate.public_key {
            return Err(Error::new(
                Reason::WrongKey,
                format!("the CA in {} was not opened", folder.display()),
                format!("{KEY} is not the key of {CERTIFICATE}"),
                "put the two files of one CA there; nothing was changed",
            ));
        }
        check_writable(&certificate)?;
        let signer = signer::signer(&certificate.der, key)?;
        let organisation = certificate
            .subject
            .iter()
            .find(|(oid, _)| *oid == const_oid::db::rfc4519::O)
            .map_or_else(|| DEFAULT_ORGANISATION.to_string(), |(_, text)| text.clone());
        Ok(Authority { folder, certificate, organisation, signer, write: file::write })
    }
}

impl Issuer for Authority {
    fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    fn organisation(&self) -> &str {
        &self.organisation
    }

    fn ready(&mut self, subject: &Subject, validity: Validity) -> Result<(), Error> {
        self.not_after(subject, validity, moment::now())?;
        let _lock = Lock::take(&self.folder)?;
        self.index().map(drop)
    }

    fn issue(&mut self, order: &Order<'_>) -> Result<Vec<u8>, Error> {
        let now = moment::now();
        let not_after = self.not_after(order.subject, order.validity, now)?;
        let request = csr::check_for(order.request, order.subject)?;
        rule::not_our_own(&request.public_key, &self.certificate)?;
        let _lock = Lock::take(&self.folder)?;
        let mut index = self.index()?;
        let key = hex(&Sha256::digest(&request.public_key));
        let subject = display_name(&request.subject);
        rule::one_holder_a_key(&index, &key, order.kind, &subject)?;
        rule::one_name_an_id(&index, order.subject, now)?;
        let der = sign::certificate(&self.signer, order, &request, &index.crl_url, now, not_after)?;
        index.certificates.push(Entry {
            serial: Certificate::parse(&der)?.serial,
            kind: order.kind,
            subject,
            holder: Some(order.subject.into()),
            key,
            issued_at: now,
            not_after,
            token: order.token.map(str::to_string),
            delivered_at: None,
            revoked_at: None,
            reason: None,
        });
        index.save_by(self.write, &self.folder.join(INDEX))?;
        Ok(der)
    }

    fn stands(&mut self, certificate: &Certificate) -> Result<bool, Error> {
        let known = self.index()?.find(&certificate.serial).is_some_and(|entry| entry.revoked_at.is_none());
        Ok(known && certificate.issued_by(&self.certificate))
    }

    fn delivered(&mut self, token: &str, serials: &[String]) -> Result<(), Error> {
        let _lock = Lock::take(&self.folder)?;
        let (mut index, now) = (self.index()?, moment::now());
        let before = index.clone();
        let mut lost = false;
        for entry in &mut index.certificates {
            if serials.contains(&entry.serial) {
                entry.delivered_at.get_or_insert(now);
            } else if entry.token.as_deref() == Some(token) && entry.is_on_its_way() {
                entry.revoke(sign::dated(now), Revocation::Superseded);
                lost = true;
            }
        }
        if index != before {
            index.save_by(self.write, &self.folder.join(INDEX))?;
        }
        if lost { self.write_crl(&mut index, now, CRL_DAYS).map(drop) } else { Ok(()) }
    }

    fn withdraw(&mut self, serials: &[String]) -> Result<(), Error> {
        if serials.is_empty() {
            return Ok(());
        }
        self.change(|index, now| {
            for entry in index.certificates.iter_mut().filter(|entry| serials.contains(&entry.serial)) {
                entry.revoke(sign::dated(now), Revocation::CessationOfOperation);
            }
            Ok(())
        })
    }
}

/// The index, which must know all that the CRL in the folder says. The CRL is read first, because a process that changes
/// both writes the index first.
fn index(folder: &Path, ca: &Certificate) -> Result<Index, Error> {
    let published = Published::read(folder, ca);
    let index = Index::load(&folder.join(INDEX))?;
    published.map_or(Ok(()), |published| published.check(&index, folder))?;
    Ok(index)
}

fn refused(why: String) -> Error {
    Error::new(Reason::IssuerRefused, "the CA refused to issue", why, "correct it and run the command again")
}

/// Refuses a CA whose name cannot be written into what the CA signs: the crate that writes certificates panics at a
/// PrintableString with a question mark.
fn check_writable(certificate: &Certificate) -> Result<(), Error> {
    let read = x509_cert::Certificate::from_der(&certificate.der).ok();
    let names = read.iter().flat_map(|read| read.tbs_certificate().subject().iter());
    let mut printable = names.filter(|attribute| attribute.value.tag() == Tag::PrintableString);
    if printable.all(|attribute| attribute.value.value().iter().all(|byte| writable(char::from(*byte)))) {
        return Ok(());
    }
    Err(Error::new(
        Reason::Invalid,
        "the CA was not opened",
        "a PrintableString in its name has a character, such as a question mark, that certificates are not written with here",
        "make a CA with another name: cert-tool ca init --dir DIR",
    ))
}

#[cfg(test)]
pub(crate) mod tests;
