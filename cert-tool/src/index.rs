//! What a CA has issued and revoked: a versioned file. One that is damaged or of an unknown version is refused,
//! never overwritten.

use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    Error, Reason,
    file::{self, Access},
    kind::Kind,
};

/// The version of the file that this program writes.
pub const VERSION: u32 = 1;

/// The index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// [`VERSION`].
    pub version: u32,
    /// The number of the CRL last written, from 1 (RFC 5280, 5.2.3: it only grows).
    pub crl_number: u64,
    /// Where verifiers fetch the CRL: the distribution point of all certificates.
    pub crl_url: String,
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

/// Why a certificate is revoked (RFC 5280, 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
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
}

impl Index {
    /// The index of a new CA: nothing issued, CRL number 1.
    pub fn new(crl_url: String) -> Self {
        Self { version: VERSION, crl_number: 1, crl_url, certificates: Vec::new() }
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
        if version != VERSION {
            return Err(damaged(format!("it has version {version}, and this program knows {VERSION}")));
        }
        serde_json::from_slice(&bytes).map_err(|fault| damaged(format!("it is damaged ({fault})")))
    }

    /// Writes the file, durably, for its owner only.
    ///
    /// # Errors
    /// The disk's fault; the former file is untouched then.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|fault| {
            Error::new(
                Reason::Invalid,
                "the index was not written",
                fault,
                "tell the authors of this program",
            )
        })?;
        bytes.push(b'\n');
        file::write(path, &bytes, Access::Owner, true)
    }

    /// The entry with this serial number.
    pub fn find(&self, serial: &str) -> Option<&Entry> {
        self.certificates.iter().find(|entry| entry.serial == serial)
    }
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
        let mut index = Index::new("http://crl.bank.example/ca.crl".into());
        index.certificates.push(Entry {
            serial: "0A".into(),
            kind: Kind::Payment,
            subject: "张三".into(),
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
        let newer = whole.replace("\"version\": 1", "\"version\": 2, \"new\": 3");
        for text in [&newer, "", "{}", &whole[..whole.len() / 2]] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Index::load(&path).unwrap_err().reason(), Reason::Damaged);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), *text);
        }
    }
}
