//! A bank's certification authority in a folder: its key, its certificate, its index, its CRL.
//!
//! ```text
//! ca.pem       the certificate: P-256 or SM2, self-signed, pathlen 0, keyCertSign and cRLSign
//! ca-key.pem   the key: PKCS #8, encrypted with a passphrase unless told otherwise
//! crl.pem      the CRL last issued; crl.der is the same for web servers (RFC 5280, 4.2.1.13: DER over http)
//! index.json   what was issued and revoked
//! lock         held while the index changes, so that two processes never lose each other's entries
//! ```
//!
//! A CA of SM2 has a second issuer, of P-256, whose files have the same names with `authentication-` before them. The first one
//! issues certificates for payment then, and the second one those for authentication (docs/decisions/0051-two-issuers.md).
//!
//! The index is written before a certificate leaves the CA, so that the index knows every certificate. A revocation is
//! in the index before it is in the CRL.

pub mod ocsp;
mod signers;
mod rule;
mod published;
mod folder;
mod sign;
mod signer;

use std::path::{Path, PathBuf};

use file::Writing;
use time::OffsetDateTime;

pub use folder::{DEFAULT_AUTHENTICATION_CRL_URL, DEFAULT_CRL_URL, found, found_for_trial};
pub use sign::{Founding, dated};
pub use signers::Signers;

use crate::{
    Error, Reason,
    certificate::Certificate,
    certificate_kind::Kind,
    index::{Entry, Index, Revocation},
    issuer::{Issuer, Order},
    moment::{self, Validity},
    subject::Subject,
};
use folder::{INDEX, Lock};
use published::Published;
use signer::{Charge, MAIN, Sealed, Signer};

/// How long a CRL is good for, in days, unless told otherwise.
pub const CRL_DAYS: u32 = 30;

/// An opened CA.
pub struct Authority {
    folder: PathBuf,
    signers: Signers,
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

    /// Finds the CA in `folder`. Its keys stay closed, so that nobody is asked for a passphrase for nothing.
    ///
    /// # Errors
    /// There is no CA, others may read its key or write its folder, or a file is damaged.
    pub fn find(folder: &Path) -> Result<Closed, Error> {
        if !folder.join(MAIN.certificate).exists() {
            return Err(Error::new(
                Reason::Missing,
                format!("there is no CA in {}", folder.display()),
                format!("it has no {}", MAIN.certificate),
                format!("cert-tool ca init --dir {}", folder.display()),
            ));
        }
        file::check_closed(folder, "700")?;
        file::check_closed(&folder.join(INDEX), "600")?;
        let two = Index::load(&folder.join(INDEX))?.authentication_crl_url.is_some();
        let find = |&charge| Sealed::find(folder, charge);
        let issuers = Charge::of(two).iter().map(find).collect::<Result<Vec<_>, Error>>()?;
        let own = Charge::of(two).iter().zip(&issuers).map(|(charge, issuer)| (*charge, &issuer.certificate));
        index(folder, own)?;
        Ok(Closed { folder: folder.to_path_buf(), issuers })
    }

    /// The index as it is on the disk now.
    ///
    /// # Errors
    /// As [`Index::load`], and when a CRL in the folder knows more than the index.
    pub fn index(&self) -> Result<Index, Error> {
        index(&self.folder, self.signers.all().map(|signer| (signer.charge, &signer.certificate)))
    }

    /// Where the CA's certificate in PEM lies: that of the issuer for payment, which verifiers of payments are given.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join(MAIN.certificate)
    }

    /// Where the CRL in PEM lies that verifiers of payments are given.
    pub fn crl_path(&self) -> PathBuf {
        self.folder.join(MAIN.crl)
    }

    /// Where the certificate in PEM lies of the issuer for authentication. It is [`Self::certificate_path`] where one issuer issues
    /// all.
    pub fn authentication_certificate_path(&self) -> PathBuf {
        self.folder.join(self.signers.of(Kind::Authentication).charge.files().certificate)
    }

    /// Where the CRL in PEM lies of the issuer for authentication. It is [`Self::crl_path`] where one issuer issues all.
    pub fn authentication_crl_path(&self) -> PathBuf {
        self.folder.join(self.signers.of(Kind::Authentication).charge.files().crl)
    }

    /// Whether this CA issued the certificate, with the key that it has for the certificate's kind or for the other.
    pub fn issued(&self, certificate: &Certificate) -> bool {
        self.signers.issued(certificate)
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
            entry.revoke(dated(now), reason);
            Ok(entry.clone())
        })
    }

    /// Issues the CRL anew, good for so many days; its number. Two issuers' CRLs have one number.
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

    /// The CRL's number is spent in the index before the CRL is written, so that no two CRLs of an issuer share a number. A clock
    /// that was set back a little does not make the newer CRL look older than the former one. After a CRL from the future no CRL is
    /// issued: every later CRL would be from the future too, and no verifier would take it.
    fn write_crl(&self, index: &mut Index, now: OffsetDateTime, days: u32) -> Result<u64, Error> {
        let mut this_update = dated(now);
        for signer in self.signers.all() {
            if let Some(former) = Published::read(&self.folder, signer.charge.files(), &signer.certificate) {
                former.check_clock(now)?;
                this_update = this_update.max(former.this_update);
            }
        }
        index.crl_number = index.crl_number.saturating_add(1);
        let next_update = Validity::Days(days).not_after(now.max(this_update))?;
        let crl = |signer: &Signer| sign::crl(signer, index, this_update, next_update);
        let crls = self.signers.all().map(crl).collect::<Result<Vec<_>, Error>>()?;
        index.save_by(self.write, &self.folder.join(INDEX))?;
        for (signer, crl) in self.signers.all().zip(&crls) {
            folder::write_crl(self.write, &self.folder, signer.charge.files(), crl, true)?;
        }
        Ok(index.crl_number)
    }
}

/// A CA that was found, and whose keys are not opened yet.
pub struct Closed {
    folder: PathBuf,
    /// The main issuer first.
    issuers: Vec<Sealed>,
}

impl Closed {
    /// Whether a key is encrypted, so that [`Self::open`] wants a passphrase.
    pub fn wants_passphrase(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.encrypted)
    }

    /// Opens the keys. A key that is not encrypted needs no passphrase.
    ///
    /// # Errors
    /// The passphrase is wrong or missing, a key is damaged, or key and certificate do not belong together.
    pub fn open(self, passphrase: Option<&[u8]>) -> Result<Authority, Error> {
        let Self { folder, issuers } = self;
        let signers = Signers::unseal(issuers, &folder, &Vec::from_iter(passphrase))?;
        Ok(Authority { folder, signers, write: file::write })
    }
}

impl Issuer for Authority {
    fn certificate(&self, kind: Kind) -> &Certificate {
        self.signers.certificate(kind)
    }

    fn organisation(&self) -> &str {
        self.signers.organisation()
    }

    fn ready(&mut self, subject: &Subject, validity: Validity) -> Result<(), Error> {
        self.signers.ready(subject, validity, moment::now())?;
        let _lock = Lock::take(&self.folder)?;
        self.index().map(drop)
    }

    fn issue(&mut self, order: &Order<'_>) -> Result<Vec<u8>, Error> {
        let _lock = Lock::take(&self.folder)?;
        let mut index = self.index()?;
        let der = self.signers.issue(order, &mut index, moment::now())?;
        index.save_by(self.write, &self.folder.join(INDEX))?;
        Ok(der)
    }

    fn stands(&mut self, certificate: &Certificate) -> Result<bool, Error> {
        let known = self.index()?.find(&certificate.serial).is_some_and(|entry| entry.revoked_at.is_none());
        Ok(known && self.issued(certificate))
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
                entry.revoke(dated(now), Revocation::Superseded);
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
                entry.revoke(dated(now), Revocation::CessationOfOperation);
            }
            Ok(())
        })
    }
}

/// The index, which must know all that the CRLs in the folder say. The CRLs are read first, because a process that changes index
/// and CRLs writes the index first.
fn index<'a>(
    folder: &Path,
    issuers: impl Iterator<Item = (Charge, &'a Certificate)>,
) -> Result<Index, Error> {
    let read = |(charge, issuer): (Charge, &Certificate)| Published::read(folder, charge.files(), issuer);
    let published: Vec<_> = issuers.filter_map(read).collect();
    let index = Index::load(&folder.join(INDEX))?;
    published.iter().try_for_each(|published| published.check(&index, folder))?;
    Ok(index)
}

fn refused(why: String) -> Error {
    Error::new(Reason::IssuerRefused, "the CA refused to issue", why, "correct it and run the command again")
}

#[cfg(test)]
pub(crate) mod tests;
