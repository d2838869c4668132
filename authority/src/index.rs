//! The index of a CA in a folder: what it has issued and revoked, in a versioned file with a checksum. An index that is damaged or of an
//! unknown version is refused, and never overwritten.
//!
//! The checksum is SHA-256 of the file with 64 zeros in the checksum's place. The checksum tells damage, not malice: whoever
//! may write the file can compute a new checksum.

use std::{collections::HashSet, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{Error, Reason, certificate::hex, certificate_kind::Kind};
use file::{Access, Writing};

/// The version of the file that this program writes.
pub const VERSION: u32 = 2;
/// The version without a checksum, which is read, and written anew as [`VERSION`] at the next change.
const FORMER: u32 = 1;
/// What stands in the checksum's place while it is computed.
const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// [`VERSION`].
    pub version: u32,
    /// In the file only.
    #[serde(default)]
    checksum: Option<String>,
    /// The number of the CRL last written, from 1 (RFC 5280, 5.2.3: it only grows).
    pub crl_number: u64,
    /// Where verifiers fetch the CRL: the distribution point of all certificates, or of those for payment.
    pub crl_url: String,
    /// Where verifiers fetch the CRL of the issuer for authentication; `None` where one issuer issues all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_crl_url: Option<String>,
    /// All certificates, oldest first.
    pub certificates: Vec<Entry>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its serial number, upper-case hexadecimal.
    pub serial: String,
    /// Which of the two.
    pub kind: Kind,
    /// Its subject, for people.
    pub subject: String,
    /// The holder's name and ID at the bank; `None` in an entry of the former version.
    #[serde(default)]
    pub holder: Option<Holder>,
    /// SHA-256 of its SubjectPublicKeyInfo, upper-case hexadecimal.
    pub key: String,
    /// When it was issued.
    #[serde(with = "time::serde::rfc3339")]
    pub issued_at: OffsetDateTime,
    /// The last moment of its validity.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
    /// The token that it was issued for, when that is known.
    pub token: Option<String>,
    /// When it was read back from the token; `None` while that is not known.
    #[serde(with = "time::serde::rfc3339::option")]
    pub delivered_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
    /// Why it was revoked.
    pub reason: Option<Revocation>,
}

/// Whom a certificate names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// CN.
    pub name: String,
    /// serialNumber of the subject.
    pub user_id: String,
}

/// Why a certificate is revoked (RFC 5280, 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// No reason given.
    Unspecified,
    /// The token is lost, or its PIN is known to others.
    KeyCompromise,
    /// The holder's name or ID has changed.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// It is no longer needed, or never reached its token.
    CessationOfOperation,
    /// The holder may no longer use it.
    PrivilegeWithdrawn,
    /// Nobody knows yet whether it stands: a bank has restored its books, and has not confirmed its token.
    CertificateHold,
}

impl Index {
    /// The index of a new CA: nothing issued, CRL number 1.
    pub fn new(crl_url: String, authentication_crl_url: Option<String>) -> Self {
        let certificates = Vec::new();
        Self {
            version: VERSION,
            checksum: None,
            crl_number: 1,
            crl_url,
            authentication_crl_url,
            certificates,
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`Reason::Damaged`], or the disk's fault.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let damaged = |why: String| {
            let what = format!("{} was not read", path.display());
            let next = "nothing was changed; put the file back from a copy, or use the program that wrote it";
            Error::new(Reason::Damaged, what, why, next)
        };
        let bytes = file::read(path)?;
        // The version comes first: a newer file may have any other fields.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(&bytes)
            .map_err(|fault| damaged(format!("it is not an index of certificates ({fault})")))?;
        if version != VERSION && version != FORMER {
            return Err(damaged(format!("it has version {version}, and this program knows {VERSION}")));
        }
        let mut index: Self =
            serde_json::from_slice(&bytes).map_err(|fault| damaged(format!("it is damaged ({fault})")))?;
        let good = match index.checksum.take() {
            Some(checksum) => version == VERSION && is_of(&checksum, &bytes),
            None => version == FORMER,
        };
        if !good {
            return Err(damaged("it is damaged (its checksum is wrong)".into()));
        }
        index.check().map_err(|why| damaged(format!("it is damaged ({why})")))?;
        Ok(Self { version: VERSION, ..index })
    }

    /// What holds of every index that this program writes.
    fn check(&self) -> Result<(), String> {
        let mut serials = HashSet::new();
        for entry in &self.certificates {
            let serial = &entry.serial;
            let digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
            if serial.is_empty() || !serial.len().is_multiple_of(2) || !serial.bytes().all(digit) {
                return Err("a serial number is none".into());
            }
            if !serials.insert(serial) {
                return Err(format!("serial number {serial} is there twice"));
            }
            if entry.revoked_at.is_some() != entry.reason.is_some() {
                return Err(format!("certificate {serial} is half revoked"));
            }
            if [Some(entry.issued_at), entry.revoked_at].into_iter().flatten().any(|date| date.year() < 1970)
            {
                return Err(format!("certificate {serial} is older than certificates are"));
            }
        }
        Ok(())
    }

    /// Writes the file, durably, for its owner only.
    ///
    /// # Errors
    /// The disk's fault; the former file is untouched then.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        self.save_by(file::write, path)
    }

    /// As [`Self::save`], by this way of writing.
    pub(crate) fn save_by(&self, write: Writing, path: &Path) -> Result<(), Error> {
        let whole = Self { checksum: Some(NO_CHECKSUM.into()), ..self.clone() };
        let text = serde_json::to_string_pretty(&whole).map_err(|fault| {
            Error::new(
                Reason::Invalid,
                "the index was not written",
                fault,
                "tell the authors of this program",
            )
        })?;
        let text = text + "\n";
        // The checksum comes before anything that a person has named.
        let text = text.replacen(NO_CHECKSUM, &hex(&Sha256::digest(text.as_bytes())), 1);
        Ok(write(path, text.as_bytes(), Access::Owner, true)?)
    }

    /// The entry with this serial number.
    pub fn find(&self, serial: &str) -> Option<&Entry> {
        self.certificates.iter().find(|entry| entry.serial == serial)
    }
}

/// Whether this is the checksum of these bytes, in which it stands.
fn is_of(checksum: &str, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let whole = text.replacen(checksum, NO_CHECKSUM, 1);
    checksum.len() == NO_CHECKSUM.len() && hex(&Sha256::digest(whole.as_bytes())) == checksum
}

impl Entry {
    /// Whether it was neither read back from its token nor revoked.
    pub fn is_on_its_way(&self) -> bool {
        self.delivered_at.is_none() && self.revoked_at.is_none()
    }

    /// Revokes it; a second revocation changes nothing.
    pub fn revoke(&mut self, now: OffsetDateTime, reason: Revocation) {
        if self.revoked_at.is_none() {
            self.revoked_at = Some(now);
            self.reason = Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn travels_and_refuses_what_it_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.json");
        let mut index = Index::new(
            "http://crl.bank.example/ca.crl".into(),
            Some("http://crl.bank.example/9a.crl".into()),
        );
        index.certificates.push(Entry {
            serial: "0A".into(),
            kind: Kind::Payment,
            subject: "张三".into(),
            holder: Some(Holder { name: "张三".into(), user_id: "6222".into() }),
            key: "00".into(),
            issued_at: datetime!(2026-11-23 00:00:00 UTC),
            not_after: datetime!(2027-11-23 00:00:00 UTC),
            token: None,
            delivered_at: None,
            revoked_at: None,
            reason: None,
        });
        index.certificates[0].revoke(datetime!(2026-11-24 00:00:00 UTC), Revocation::KeyCompromise);
        index.certificates[0].revoke(datetime!(2026-11-25 00:00:00 UTC), Revocation::Unspecified);
        assert_eq!(index.certificates[0].reason, Some(Revocation::KeyCompromise));
        index.save(&path).unwrap();
        assert_eq!(Index::load(&path).unwrap(), index);

        let whole = std::fs::read_to_string(&path).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone().into_bytes();
                changed[at] ^= 1 << bit;
                std::fs::write(&path, &changed).unwrap();
                assert_eq!(Index::load(&path).unwrap_err().reason(), Reason::Damaged, "byte {at}, bit {bit}");
            }
        }
        let newer = whole.replace("\"version\": 2", "\"version\": 3, \"new\": 3");
        for text in [&newer, "", "{}", &whole[..whole.len() / 2]] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Index::load(&path).unwrap_err().reason(), Reason::Damaged);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), *text);
        }
    }
}
