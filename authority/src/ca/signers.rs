//! The issuers of a CA with their keys open, and without books: what the CA certifies, and what it signs. A CA in a folder has these, and so
//! has a bank, whose books are tables of its own.

use std::path::Path;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{
    folder, refused, rule, sign,
    signer::{Charge, MAIN, Sealed, Signer},
};
use crate::{
    Error, Reason,
    certificate::{Certificate, display_name, hex},
    certificate_kind::Kind,
    csr,
    index::Entry,
    issuer::Order,
    moment::{self, Validity},
    register::Register,
    subject::{DEFAULT_ORGANISATION, Subject, TEST_UNIT},
};

/// The issuers of a CA, opened: one for all certificates, or one for each kind.
pub struct Signers {
    organisation: String,
    /// The issuer of certificates for payment, and of all where there is one issuer.
    pub(super) main: Signer,
    /// The issuer of certificates for authentication, where there are two.
    second: Option<Signer>,
}

impl Signers {
    /// Makes the keys and certificates of a CA in `folder`, and no books: no index and no CRL.
    ///
    /// # Errors
    /// As [`super::found`].
    pub fn found(
        folder: &Path,
        founding: &sign::Founding<'_>,
        passphrase: Option<&[u8]>,
    ) -> Result<(), Error> {
        folder::found_signers(folder, founding, passphrase)
    }

    /// Opens what [`Self::found`] has made.
    ///
    /// # Errors
    /// There is nothing, others may read a key or write a certificate, the passphrase is wrong or missing, or a file is damaged.
    pub fn open(folder: &Path, passphrase: Option<&[u8]>) -> Result<Self, Error> {
        Self::open_by_any(folder, &Vec::from_iter(passphrase))
    }

    /// As [`Self::open`], by whichever of these passphrases opens a key: a change of the passphrase may have been interrupted between two keys.
    ///
    /// # Errors
    /// As [`Self::open`]; where no passphrase opens a key, what the first one was told.
    pub fn open_by_any(folder: &Path, passphrases: &[&[u8]]) -> Result<Self, Error> {
        if !folder.join(MAIN.certificate).exists() {
            return Err(Error::new(
                Reason::Missing,
                format!("there is no CA in {}", folder.display()),
                format!("it has no {}", MAIN.certificate),
                "put the folder back from the backup",
            ));
        }
        file::check_closed(folder, "700")?;
        let two = folder.join(Charge::Authentication.files().certificate).exists();
        let sealed = Charge::of(two).iter().map(|&charge| Sealed::find(folder, charge));
        Self::unseal(sealed.collect::<Result<_, Error>>()?, folder, passphrases)
    }

    /// Closes the keys in `folder`, which any of the former passphrases opens, by another one. Each file is written whole; after an interruption
    /// between two of them [`Self::open_by_any`] still opens both.
    ///
    /// # Errors
    /// As [`Self::open_by_any`]; the new passphrase is soon guessed; or the disk's fault.
    pub fn close_again(folder: &Path, former: &[&[u8]], new: &[u8]) -> Result<(), Error> {
        folder::check_passphrase(new)?;
        for signer in Self::open_by_any(folder, former)?.all() {
            let key = signer.key.pem(Some(new))?;
            file::write(&folder.join(signer.charge.files().key), key.as_bytes(), file::Access::Owner, true)?;
        }
        Ok(())
    }

    /// Opens the keys, the main issuer's first.
    pub(super) fn unseal(sealed: Vec<Sealed>, folder: &Path, passphrases: &[&[u8]]) -> Result<Self, Error> {
        let mut opened = sealed.into_iter().map(|issuer| issuer.open(folder, passphrases));
        let main = opened.next().unwrap_or_else(|| Err(refused("it has no issuer".into())))?;
        let second = opened.next().transpose()?;
        let subject = &main.certificate.subject;
        let organisation = subject
            .iter()
            .find(|(oid, _)| *oid == const_oid::db::rfc4519::O)
            .map_or_else(|| DEFAULT_ORGANISATION.to_string(), |(_, text)| text.clone());
        drop(opened);
        Ok(Self { organisation, main, second })
    }

    /// The organisation that its certificates name.
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// The CA's own certificate, under which it issues certificates of this kind.
    pub fn certificate(&self, kind: Kind) -> &Certificate {
        &self.of(kind).certificate
    }

    /// Whether this CA issued the certificate, with the key that it has for the certificate's kind or for the other.
    pub fn issued(&self, certificate: &Certificate) -> bool {
        self.all().any(|signer| certificate.issued_by(&signer.certificate))
    }

    /// The issuers, the main one first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Signer> {
        std::iter::once(&self.main).chain(&self.second)
    }

    /// The issuer of certificates of this kind.
    pub(super) fn of(&self, kind: Kind) -> &Signer {
        self.second.as_ref().filter(|signer| signer.charge.covers(kind)).unwrap_or(&self.main)
    }

    /// Refuses now what [`Self::issue`] would refuse later, whatever the request.
    ///
    /// # Errors
    /// The subject or the validity is not one that this CA certifies.
    pub fn ready(&self, subject: &Subject, validity: Validity, now: OffsetDateTime) -> Result<(), Error> {
        self.all().try_for_each(|signer| self.not_after(signer, subject, validity, now).map(drop))
    }

    /// Judges an order by all rules, signs the certificate, and writes it on the page. The certificate, DER.
    ///
    /// # Errors
    /// The CA refuses the request; then the page is as it was.
    pub fn issue(
        &self,
        order: &Order<'_>,
        page: &mut dyn Register,
        now: OffsetDateTime,
    ) -> Result<Vec<u8>, Error> {
        let signer = self.of(order.kind);
        let not_after = self.not_after(signer, order.subject, order.validity, now)?;
        let request = csr::check_for(order.request, order.subject)?;
        rule::of_the_issuers_algorithm(&request, order.kind, signer)?;
        rule::not_our_own(&request.public_key, self.all())?;
        let key = hex(&Sha256::digest(&request.public_key));
        let subject = display_name(&request.subject);
        rule::one_holder_a_key(page.entries(), &key, order.kind, &subject)?;
        rule::one_name_an_id(page.entries(), order.subject, now)?;
        let der = sign::certificate(signer, order, &request, &*page, now, not_after)?;
        page.record(Entry {
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
        Ok(der)
    }

    /// What the issuer of this kind says of another one that takes its place ([`crate::succession`]), DER.
    ///
    /// # Errors
    /// The successor's certificate is none.
    pub fn link(&self, kind: Kind, successor: &Certificate, now: OffsetDateTime) -> Result<Vec<u8>, Error> {
        sign::link(self.of(kind), successor, now)
    }

    /// Whether one issuer issues certificates of both kinds.
    pub const fn is_one(&self) -> bool {
        self.second.is_none()
    }

    /// The CRL of the issuer of this kind, DER: all that is revoked on the page and that this issuer issued.
    ///
    /// # Errors
    /// A moment that no CRL holds.
    pub fn crl(
        &self,
        kind: Kind,
        page: &dyn Register,
        this_update: OffsetDateTime,
        next_update: OffsetDateTime,
    ) -> Result<Vec<u8>, Error> {
        sign::crl(self.of(kind), page, this_update, next_update)
    }

    /// Checks the rules that do not depend on the request, and gives the last moment of the certificate's validity.
    fn not_after(
        &self,
        signer: &Signer,
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
        if not_after > signer.certificate.not_after {
            return Err(refused(format!(
                "it would end on {}, after the CA's own certificate ({})",
                moment::display(not_after),
                moment::display(signer.certificate.not_after)
            )));
        }
        Ok(not_after)
    }
}
