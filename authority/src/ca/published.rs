//! The CRL that lies in the CA's folder, as a witness of what was revoked. An index that knows less than the CRL was damaged,
//! or is an old copy that was put back. A new CRL made of such an index would let a revoked certificate pay again.

use std::path::Path;

use const_oid::db::rfc5280::ID_CE_CRL_NUMBER;
use der::{Decode, Encode, asn1::UintRef};
use time::OffsetDateTime;
use x509_cert::crl::{CertificateList, TbsCertList};

use super::{folder::INDEX, sign::SKEW, signer::Files};
use crate::{
    Error, Reason,
    certificate::{Certificate, hex, pem_or_der},
    index::Index,
    moment,
    signature::PublicKey,
};

/// What the CRL says.
pub(super) struct Published {
    number: u64,
    /// thisUpdate.
    pub(super) this_update: OffsetDateTime,
    revoked: Vec<String>,
    files: &'static Files,
}

impl Published {
    /// Reads the CRL in these files; `None` where there is no CRL that this issuer has signed. The index is the truth, and the next
    /// CRL is made of the index.
    pub(super) fn read(folder: &Path, files: &'static Files, issuer: &Certificate) -> Option<Self> {
        [files.crl, files.crl_der].into_iter().find_map(|name| {
            let der = pem_or_der("X509 CRL", &file::read(&folder.join(name)).ok()?).ok()?;
            parse(&der, files, issuer)
        })
    }

    /// That it is not from the future, but for what clocks differ by.
    ///
    /// # Errors
    /// [`Reason::Invalid`].
    pub(super) fn check_clock(&self, now: OffsetDateTime) -> Result<(), Error> {
        if self.this_update <= now + SKEW {
            return Ok(());
        }
        let Files { crl, crl_der, .. } = self.files;
        Err(Error::new(
            Reason::Invalid,
            "no CRL was issued",
            format!(
                "the former one is from {}, and this computer's clock says {}: one of the two times is wrong",
                moment::display(self.this_update),
                moment::display(now)
            ),
            format!(
                "set the clock; if it was wrong when {crl} was issued, move {crl} and {crl_der} out of the folder, run cert-tool \
                 ca crl and give verifiers the new CRL in place of that one"
            ),
        ))
    }

    /// Whether the index knows all of this.
    ///
    /// # Errors
    /// [`Reason::Damaged`].
    pub(super) fn check(&self, index: &Index, folder: &Path) -> Result<(), Error> {
        let damaged = |why: String| {
            let what = format!("the CA in {} was not used", folder.display());
            let next = format!("put {INDEX} back from a newer copy; nothing was changed");
            Err(Error::new(Reason::Damaged, what, why, next))
        };
        let crl = self.files.crl;
        let revoked = |serial: &str| index.find(serial).is_some_and(|entry| entry.revoked_at.is_some());
        if let Some(serial) = self.revoked.iter().find(|serial| !revoked(serial)) {
            return damaged(format!(
                "{crl} lists certificate {serial} as revoked, and {INDEX} does not know of that: it is damaged, or an old copy"
            ));
        }
        if index.crl_number < self.number {
            return damaged(format!(
                "{crl} has number {}, and {INDEX} knows of {} only: it is an old copy",
                self.number, index.crl_number
            ));
        }
        Ok(())
    }
}

fn parse(der: &[u8], files: &'static Files, issuer: &Certificate) -> Option<Published> {
    let list: CertificateList = CertificateList::from_der(der).ok()?;
    let tbs: &TbsCertList = &list.tbs_cert_list;
    let key = PublicKey::parse(&issuer.public_key)?;
    if !key.verify(&list.signature_algorithm, &tbs.to_der().ok()?, list.signature.as_bytes()?) {
        return None;
    }
    let number = tbs.crl_extensions.iter().flatten().find(|found| found.extn_id == ID_CE_CRL_NUMBER)?;
    let number = UintRef::from_der(number.extn_value.as_bytes()).ok()?;
    let number = number
        .as_bytes()
        .iter()
        .try_fold(0_u64, |sum, byte| sum.checked_mul(256).map(|sum| sum + u64::from(*byte)))?;
    let this_update = OffsetDateTime::from(tbs.this_update.to_system_time());
    let revoked = tbs.revoked_certificates.iter().flatten();
    let revoked = revoked.map(|entry| hex(entry.serial_number.as_bytes())).collect();
    Some(Published { number, this_update, revoked, files })
}
