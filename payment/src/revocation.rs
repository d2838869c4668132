//! What the CRLs say of a certificate. The order in which CRLs are given means nothing. Source: RFC 5280, 5 and 6.3; the reasons
//! are in docs/decisions/0018-revocation.md.
//!
//! CRLs belong together when they have one issuer name and one key signed them. The newest of
//! those whose time has come tells whether the CA still publishes. Every one of them can revoke, because a serial number that was
//! revoked once stays revoked.

use rustls_pki_types::CertificateRevocationListDer;
use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    Reason,
    anchor::{Anchor, read_all},
    crl::{Crl, Entry},
    link::{Link, Window},
    signature::PublicKey,
    trust_error::TrustError,
};

/// How many issuers below the anchors are remembered.
const MAX_REMEMBERED: usize = 256;

/// An issuer's name, DER, and its key.
type Issuer = (Vec<u8>, PublicKey);

/// All CRLs that the bank gave.
pub(crate) struct Revocation {
    /// Oldest first.
    crls: Vec<Arc<Crl>>,
    anchors: HashMap<Issuer, Group>,
    /// The anchors that their issuers' CRLs list, by DER, each with those CRLs.
    above: HashMap<Vec<u8>, Group>,
    /// Issuers below the anchors. Their certificates came in documents.
    remembered: RwLock<HashMap<Issuer, Group>>,
    skew: u64,
}

/// The CRLs of one issuer, oldest first.
#[derive(Clone)]
struct Group {
    crls: Arc<Vec<Arc<Crl>>>,
    /// Whether a certificate of the CA file lets the key sign CRLs.
    permitted: bool,
    /// Two CRLs of the group contradict each other, so that nothing is known by the group.
    doubtful: bool,
}

impl Revocation {
    /// Reads CRLs, each file PEM (any number) or DER (one). `skew` is in seconds.
    pub(crate) fn read(files: &[&[u8]], anchors: &[Anchor], skew: u64) -> Result<Self, TrustError> {
        let mut crls = Vec::new();
        for file in files {
            let lists = read_all::<CertificateRevocationListDer<'static>>(file).map_err(TrustError::Crl)?;
            if lists.is_empty() {
                return Err(TrustError::Crl("there is none".into()));
            }
            for list in lists {
                crls.push(Arc::new(Crl::read(&list).map_err(TrustError::Crl)?));
            }
        }
        crls.sort_by(|one, other| age(one, other).then_with(|| one.signed.bytes.cmp(&other.signed.bytes)));
        let mut revocation = Self {
            crls,
            anchors: HashMap::new(),
            above: HashMap::new(),
            remembered: RwLock::default(),
            skew,
        };
        for anchor in anchors {
            revocation.add_anchor(&anchor.link)?;
        }
        for anchor in anchors {
            let by = anchors.iter().find(|by| anchor.link.issued_by(&by.link));
            by.map_or(Ok(()), |by| revocation.check_anchor(&anchor.link, &by.link))?;
        }
        Ok(revocation)
    }

    /// Whether there is any CRL.
    pub(crate) const fn is_empty(&self) -> bool {
        self.crls.is_empty()
    }

    fn add_anchor(&mut self, anchor: &Link) -> Result<(), TrustError> {
        let group = self.group(anchor);
        if let Some((one, other)) = contradiction(&group.crls) {
            return Err(TrustError::CrlContradiction(contradicts(one, other)));
        }
        let known = self.anchors.entry(issuer(anchor)).or_insert(group);
        known.permitted |= anchor.may_sign_crls();
        Ok(())
    }

    /// Refuses an anchor that another CA of the file revoked. An anchor on hold is noted: the time of the verification is not known
    /// yet, and [`Self::check_anchor_at`] tells whether the hold was lifted by then.
    fn check_anchor(&mut self, anchor: &Link, by: &Link) -> Result<(), TrustError> {
        let Some(group) = self.anchors.get(&issuer(by)).filter(|group| group.permitted) else {
            return Ok(());
        };
        if let Some(crl) = group.revokes(&anchor.serial, |_| true) {
            let (certificate, crl) = (anchor.describe(), crl.describe());
            return Err(TrustError::Revoked { certificate, crl });
        }
        if group.crls.iter().any(|crl| crl.entry(&anchor.serial).is_some()) {
            self.above.insert(anchor.der.clone(), group.clone());
        }
        Ok(())
    }

    /// Whether the anchor is on no hold at this time, and for how long that answer is right.
    pub(crate) fn check_anchor_at(&self, anchor: &Link, at: u64) -> Result<Window, Reason> {
        let Some(group) = self.above.get(&anchor.der) else { return Ok(0..=u64::MAX) };
        if group.revokes(&anchor.serial, |crl| self.moment(crl) <= at).is_some() {
            return Err(Reason::CertificateRevoked);
        }
        // The answer is right from the newest CRL on whose time has come: one of them lifted the hold.
        let come = group.crls.iter().map(|crl| self.moment(crl)).filter(|moment| *moment <= at);
        Ok(come.max().unwrap_or(0)..=u64::MAX)
    }

    /// When the CRL begins to count, in seconds since 1970. The CA's clock may be ahead by the skew.
    fn moment(&self, crl: &Crl) -> u64 {
        crl.this_update.saturating_sub(self.skew)
    }

    /// The CRLs that no anchor signed. A CA below may have signed them, whose certificate comes in a document.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Arc<Crl>> {
        let ours = |crl: &Crl| {
            self.anchors
                .values()
                .any(|group| group.crls.iter().any(|known| known.signed.bytes == crl.signed.bytes))
        };
        self.crls.iter().filter(move |crl| !ours(crl))
    }

    /// The CRLs that this issuer's key signed.
    fn group(&self, by: &Link) -> Group {
        let signed = |crl: &&Arc<Crl>| crl.issuer == by.subject && crl.is_signed_by(&by.key);
        let mut crls: Vec<_> = self.crls.iter().filter(signed).cloned().collect();
        // Two signatures over one list make one CRL. The sorted list has equal ones side by side.
        crls.dedup_by(|one, other| one.signed.bytes == other.signed.bytes);
        let doubtful = contradiction(&crls).is_some();
        Group { crls: Arc::new(crls), permitted: false, doubtful }
    }

    fn group_of(&self, by: &Link) -> Group {
        let key = issuer(by);
        if let Some(group) = self.anchors.get(&key) {
            return group.clone();
        }
        let known = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let group = self.group(by);
            let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(key, group.clone());
            group
        })
    }

    /// Whether the certificate, which `by` issued, is not revoked at this time, and for how long that answer is right.
    pub(crate) fn check(&self, certificate: &Link, by: &Link, at: u64) -> Result<Window, Reason> {
        let group = self.group_of(by);
        if !(group.permitted || by.may_sign_crls()) || group.doubtful {
            return Err(Reason::RevocationUnknown);
        }
        if group.revokes(&certificate.serial, |crl| self.moment(crl) <= at).is_some() {
            return Err(Reason::CertificateRevoked);
        }
        self.freshness(&group.crls, certificate, at)
    }

    /// Whether a current CRL covers the certificate, and for how long that answer is right.
    fn freshness(&self, crls: &[Arc<Crl>], certificate: &Link, at: u64) -> Result<Window, Reason> {
        let moment = |crl: &Arc<Crl>| self.moment(crl);
        let covering = || crls.iter().filter(|crl| crl.scope.covers(certificate));
        let mut newest: Vec<&Arc<Crl>> = Vec::new();
        for crl in covering().filter(|crl| moment(crl) <= at) {
            newest.retain(|older| older.scope != crl.scope);
            newest.push(crl);
        }
        match newest.iter().map(|crl| crl.next_update).max() {
            None if covering().next().is_some() => Err(Reason::CrlNotYetValid),
            None => Err(Reason::RevocationUnknown),
            Some(until) if until <= at => Err(Reason::CrlExpired),
            // The answer stays the same until another CRL begins to count.
            Some(until) => {
                let from = crls.iter().map(moment).filter(|moment| *moment <= at).max().unwrap_or(0);
                let next = crls.iter().map(moment).filter(|moment| *moment > at).min().unwrap_or(u64::MAX);
                Ok(from..=until.min(next).saturating_sub(1))
            }
        }
    }
}

impl Group {
    /// The CRL by which a serial number is revoked, or held and not freed by a newer one whose time has come.
    fn revokes(&self, serial: &[u8], come: impl Fn(&Crl) -> bool) -> Option<&Crl> {
        let revoking = self.crls.iter().enumerate().find(|(index, crl)| match crl.entry(serial) {
            None => false,
            Some(Entry::Revoked) => true,
            Some(Entry::Held) => !self.crls[index + 1..]
                .iter()
                .any(|newer| newer.scope == crl.scope && come(newer) && newer.entry(serial).is_none()),
        });
        revoking.map(|(_, crl)| &**crl)
    }
}

fn issuer(link: &Link) -> Issuer {
    (link.subject.clone(), link.key.clone())
}

/// Oldest first. Of two CRLs of one second the lower number comes first.
fn age(one: &Crl, other: &Crl) -> Ordering {
    (one.this_update, &one.number).cmp(&(other.this_update, &other.number))
}

/// Two CRLs of one scope that cannot both be right, in a list that is sorted by age (5.2.3).
fn contradiction(crls: &[Arc<Crl>]) -> Option<(&Crl, &Crl)> {
    crls.iter().enumerate().find_map(|(index, newer)| {
        let older = || {
            let differs = |older: &&Arc<Crl>| older.signed.bytes != newer.signed.bytes;
            crls[..index].iter().rev().filter(|older| older.scope == newer.scope).filter(differs)
        };
        let out_of_turn = older()
            .find(|older| older.number.is_some())
            .filter(|older| newer.number.is_some() && older.number >= newer.number);
        let of_one_moment = older().next().filter(|older| {
            older.this_update == newer.this_update && (older.number.is_none() || newer.number.is_none())
        });
        out_of_turn.or(of_one_moment).map(|older| (&**older, &**newer))
    })
}

fn contradicts(one: &Crl, other: &Crl) -> String {
    format!(
        "{} contradicts {}: their numbers and times do not rise together, or one number has two contents",
        one.describe(),
        other.describe()
    )
}
