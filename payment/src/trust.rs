//! The bank's CA: paths, revocation, and the memory of paths found before.

use aws_lc_rs::digest::{Context, SHA256};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    Reason,
    anchor::{self, Anchor},
    certificate::Leaf,
    link::{Link, Window},
    path::{self, Path},
    revocation::Revocation,
    trust_error::TrustError,
};

/// How many sets of certificates are remembered: about 1 KiB each.
const MAX_REMEMBERED: usize = 65_536;

pub(crate) struct Trust {
    anchors: Vec<Anchor>,
    revocation: Revocation,
    /// By SHA-256 of a document's certificates. Besides the time, a path depends on anchors and CRLs, which never change here.
    remembered: RwLock<HashMap<[u8; 32], Arc<Trusted>>>,
}

/// A certificate with a path to an anchor, for as long as nothing on the path expires.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) leaf: Leaf,
    window: Window,
}

impl Trust {
    /// Reads CA certificates and CRLs, each PEM (any number) or DER (one). `skew` is how many seconds the CA's clock
    /// may be ahead.
    pub(crate) fn new(ca: &[u8], crls: &[&[u8]], skew: u64) -> Result<Self, TrustError> {
        let anchors = anchor::read(ca)?;
        let revocation = Revocation::read(crls, &anchors, skew)?;
        Ok(Self { anchors, revocation, remembered: RwLock::default() })
    }

    /// Whether revocation is checked: without any CRL it is not.
    pub(crate) const fn has_crls(&self) -> bool {
        !self.revocation.is_empty()
    }

    /// The CRLs that no CA of the file signed, for people.
    pub(crate) fn foreign_crls(&self) -> Vec<String> {
        self.revocation.foreign().map(|crl| crl.describe()).collect()
    }

    /// The certificate, if it is for payments and has a path at this time. `all` are the document's certificates, with
    /// the leaf among them.
    pub(crate) fn check(&self, leaf: &[u8], all: &[&[u8]], at: u64) -> Result<Arc<Trusted>, Reason> {
        let key = name_set(leaf, all);
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(trusted) = remembered
            && trusted.window.contains(&at)
        {
            return Ok(trusted);
        }
        let trusted = Arc::new(Trusted { leaf: Leaf::read(leaf)?, window: self.path(leaf, all, at)? });
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, Arc::clone(&trusted));
        Ok(trusted)
    }

    /// Finds a good path, and for how long it stays good. When every path is bad, the reason is that of the path that passed
    /// most checks.
    fn path(&self, leaf: &[u8], all: &[&[u8]], at: u64) -> Result<Window, Reason> {
        let others = all.iter().filter(|other| **other != leaf);
        let others = others.map(|other| Link::read(other)).collect::<Result<Vec<_>, _>>()?;
        let leaf = Link::read(leaf)?;
        let mut nearest = Reason::CertificateUntrusted;
        for path in path::all(&leaf, &others, &self.anchors) {
            match self.judge(&path, at) {
                Ok(window) => return Ok(window),
                Err(reason) if how_far(reason) > how_far(nearest) => nearest = reason,
                Err(_) => {}
            }
        }
        Err(nearest)
    }

    fn judge(&self, path: &Path<'_>, at: u64) -> Result<Window, Reason> {
        path.check(at)?;
        let mut windows: Vec<Window> = path.steps().map(|(link, _)| link.window.clone()).collect();
        windows.push(path.anchor.link.window.clone());
        if self.has_crls() {
            let mut answers: Vec<_> =
                path.steps().map(|(link, by)| self.revocation.check(link, by, at)).collect();
            answers.push(self.revocation.check_anchor_at(&path.anchor.link, at));
            // A certificate that is known to be revoked does not become unknown because another CA's CRL is old.
            if answers.contains(&Err(Reason::CertificateRevoked)) {
                return Err(Reason::CertificateRevoked);
            }
            windows.append(&mut answers.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        let from = windows.iter().map(|window| *window.start()).max().unwrap_or(0);
        let until = windows.iter().map(|window| *window.end()).min().unwrap_or(0);
        Ok(from..=until)
    }
}

/// How many checks a path passed before it was refused. By that measure one reason is given, whatever the order of the paths.
const fn how_far(reason: Reason) -> u8 {
    match reason {
        Reason::CertificateUntrusted => 0,
        Reason::AlgorithmRefused => 1,
        Reason::IssuerNotCa(_) => 2,
        Reason::IssuerKeyUsage(_) => 3,
        Reason::IssuerPurpose(_) => 4,
        Reason::IssuerPathLength(_) => 5,
        Reason::CertificateExpired => 7,
        Reason::CertificateNotYetValid => 8,
        Reason::CertificateRevoked => 9,
        Reason::RevocationUnknown => 10,
        Reason::CrlNotYetValid => 11,
        Reason::CrlExpired => 12,
        _ => 6,
    }
}

/// DER says where each certificate ends, so that no two sets have one name.
fn name_set(leaf: &[u8], all: &[&[u8]]) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    digest.update(leaf);
    all.iter().filter(|other| **other != leaf).for_each(|other| digest.update(other));
    let mut name = [0; 32];
    name.copy_from_slice(digest.finish().as_ref());
    name
}
