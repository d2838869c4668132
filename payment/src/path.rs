//! Certification paths. All paths are found and each is judged, so that the order of certificates means nothing. Source: RFC 5280, 6.1.

use rustls_pki_types::{CertificateDer, UnixTime};
use std::{cell::RefCell, collections::HashMap, time::Duration};
use webpki::{EndEntityCert, Error, KeyUsage};
use wire::payment::PAYMENT_PURPOSE;

use crate::{
    Reason, anchor::Anchor, certificate::fingerprint, link::Link, reason::PathCertificate,
    signature::ALGORITHMS,
};

/// Most paths that are looked at. An honest certificate has one path, or a few while a CA changes its key.
const MAX_PATHS: usize = 64;
const PAYMENT_PURPOSE_BYTES: &[u8] = PAYMENT_PURPOSE.as_bytes();

/// A signer's certificate, the CAs above it, and the anchor.
pub(crate) struct Path<'a> {
    pub(crate) leaf: &'a Link,
    /// From the issuer of the leaf upwards.
    pub(crate) authorities: Vec<&'a Link>,
    pub(crate) anchor: &'a Anchor,
}

/// All paths from the leaf to an anchor along names and signatures. No pair of name and key comes twice in one path.
pub(crate) fn all<'a>(leaf: &'a Link, others: &'a [Link], anchors: &'a [Anchor]) -> Vec<Path<'a>> {
    let search = Search { leaf, others, anchors, issued: RefCell::default() };
    let mut found = Vec::new();
    search.climb(&mut Vec::new(), &mut found);
    found
}

struct Search<'a> {
    leaf: &'a Link,
    others: &'a [Link],
    anchors: &'a [Anchor],
    /// Whether the second certificate issued the first, by the places of the two in memory. Each signature is checked once.
    issued: RefCell<HashMap<(*const Link, *const Link), bool>>,
}

impl<'a> Search<'a> {
    fn climb(&self, authorities: &mut Vec<&'a Link>, found: &mut Vec<Path<'a>>) {
        let head = authorities.last().copied().unwrap_or(self.leaf);
        for anchor in self.anchors.iter().filter(|anchor| self.issued(head, &anchor.link)) {
            if found.len() == MAX_PATHS {
                return;
            }
            found.push(Path { leaf: self.leaf, authorities: authorities.clone(), anchor });
        }
        for next in self.others.iter().filter(|next| self.issued(head, next)) {
            let same = |before: &&Link| before.subject == next.subject && before.key == next.key;
            if !same(&self.leaf) && !authorities.iter().any(same) {
                authorities.push(next);
                self.climb(authorities, found);
                authorities.pop();
            }
        }
    }

    fn issued(&self, head: &Link, by: &Link) -> bool {
        let pair = (std::ptr::from_ref(head), std::ptr::from_ref(by));
        *self.issued.borrow_mut().entry(pair).or_insert_with(|| head.issued_by(by))
    }
}

impl Path<'_> {
    /// The certificates, each with the one that issued it.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&Link, &Link)> {
        let issuers = self.authorities.iter().copied().chain([&self.anchor.link]);
        std::iter::once(self.leaf).chain(self.authorities.iter().copied()).zip(issuers)
    }

    /// Checks everything but revocation and the anchor's own rights. Those rights were checked when the CA file was read.
    pub(crate) fn check(&self, at: u64) -> Result<(), Reason> {
        self.check_algorithms()?;
        self.check_rights()?;
        self.check_by_webpki(at)?;
        // webpki does not look at an anchor's own dates.
        let valid = &self.anchor.link.window;
        if at < *valid.start() {
            return Err(Reason::CertificateNotYetValid);
        }
        if at > *valid.end() { Err(Reason::CertificateExpired) } else { Ok(()) }
    }

    /// All keys of a path are of SM2, or none is: a bank's issuer of SM2 certifies no key of another kind, and no other issuer
    /// certifies a key of SM2 (docs/decisions/0051-two-issuers.md).
    fn check_algorithms(&self) -> Result<(), Reason> {
        let of_sm2 = self.leaf.key.is_sm2();
        let mut issuers = self.steps().map(|(_, issuer)| issuer);
        if issuers.all(|issuer| issuer.key.is_sm2() == of_sm2) {
            Ok(())
        } else {
            Err(Reason::AlgorithmRefused)
        }
    }

    /// RFC 5280, 6.1.4 (k) to (n); webpki does not look at key usage.
    fn check_rights(&self) -> Result<(), Reason> {
        let wrong = |right: fn(&Link) -> bool, reason: fn(PathCertificate) -> Reason| {
            let index = self.authorities.iter().position(|link| !right(link))?;
            Some(reason(which(index, self.authorities[index])))
        };
        let rights = [
            wrong(|link| link.is_ca, Reason::IssuerNotCa),
            wrong(Link::may_sign_certificates, Reason::IssuerKeyUsage),
            wrong(Link::may_issue_for_payments, Reason::IssuerPurpose),
            self.too_long().map(|(index, link)| Reason::IssuerPathLength(which(index, link))),
        ];
        rights.into_iter().flatten().next().map_or(Ok(()), Err)
    }

    /// The first CA that allows fewer CAs below it than there are. Certificates that a CA issued to itself do not count.
    fn too_long(&self) -> Option<(usize, &Link)> {
        let mut below = 0;
        for (index, link) in self.authorities.iter().copied().chain([&self.anchor.link]).enumerate() {
            if link.path_length.is_some_and(|most| below > usize::from(most)) {
                return Some((index, link));
            }
            if !link.is_self_issued() {
                below += 1;
            }
        }
        None
    }

    /// Has webpki judge this one path: dates, names, critical extensions, and the signatures once more.
    fn check_by_webpki(&self, at: u64) -> Result<(), Reason> {
        let leaf = CertificateDer::from(&*self.leaf.der);
        let end_entity = EndEntityCert::try_from(&leaf).map_err(|_| Reason::CertificateMalformed)?;
        let authorities: Vec<_> =
            self.authorities.iter().map(|link| CertificateDer::from(&*link.der)).collect();
        let anchors = [self.anchor.trusted.clone()];
        let time = UnixTime::since_unix_epoch(Duration::from_secs(at));
        // The purposes of the leaf were checked more strictly before. An issuer that names purposes must name this one.
        let purpose = KeyUsage::required_if_present(PAYMENT_PURPOSE_BYTES);
        end_entity
            .verify_for_usage(ALGORITHMS, &anchors, &authorities, time, purpose, None, None)
            .map(drop)
            .map_err(|error| reason(&error))
    }
}

fn which(index: usize, link: &Link) -> PathCertificate {
    let place = u8::try_from(index.saturating_add(1)).unwrap_or(u8::MAX);
    PathCertificate { place, fingerprint: fingerprint(&link.der) }
}

fn reason(error: &Error) -> Reason {
    match error {
        Error::CertExpired { .. } | Error::InvalidCertValidity => Reason::CertificateExpired,
        Error::CertNotValidYet { .. } => Reason::CertificateNotYetValid,
        Error::CaUsedAsEndEntity => Reason::CertificatePurpose,
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => Reason::CertificateMalformed,
        _ => Reason::CertificateUntrusted,
    }
}
