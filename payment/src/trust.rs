//! The bank's CA: paths, revocation, and the memory of paths found before.

use der::Decode;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    pem::PemObject,
};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath, anchor_from_trusted_cert, aws_lc_rs,
};
use wire::payment::PAYMENT_PURPOSE;
use x509_cert::crl::CertificateList;

use crate::{
    Reason,
    certificate::{Leaf, Window, fingerprint, window},
};

/// Why a CA certificate or a CRL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No CA certificate, or one that cannot be read.
    #[error("no CA certificate can be read from the CA file ({0}); give the bank's ca.pem, or its DER")]
    Ca(String),
    /// A CRL that cannot be read.
    #[error("the CRL cannot be read ({0}); give the CA's crl.pem, or its DER")]
    Crl(String),
}

/// What a CA may sign certificates and CRLs with.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    aws_lc_rs::ECDSA_P256_SHA256,
    aws_lc_rs::ECDSA_P256_SHA384,
    aws_lc_rs::ECDSA_P384_SHA256,
    aws_lc_rs::ECDSA_P384_SHA384,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
];

/// How many certificates are remembered: about 1 KiB each.
const MAX_REMEMBERED: usize = 65_536;

pub(crate) struct Trust {
    anchors: Vec<(TrustAnchor<'static>, Window)>,
    crls: Vec<CertRevocationList<'static>>,
    /// When the first of the CRLs expires.
    crls_until: u64,
    /// By SHA-256 of the certificate. What a path depends on besides the time (anchors, CRLs) never changes here.
    remembered: RwLock<HashMap<[u8; 32], Arc<Trusted>>>,
}

/// A certificate with a path to an anchor, for as long as nothing on the path expires.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) leaf: Leaf,
    window: Window,
}

impl Trust {
    /// Reads CA certificates and CRLs, each PEM (any number) or DER (one).
    pub(crate) fn new(ca: &[u8], crls: &[&[u8]]) -> Result<Self, TrustError> {
        let anchors = read_all::<CertificateDer<'static>>(ca)
            .and_then(|all| if all.is_empty() { Err("there is none".into()) } else { Ok(all) })
            .and_then(|all| all.iter().map(anchor).collect())
            .map_err(TrustError::Ca)?;
        let mut trust =
            Self { anchors, crls: Vec::new(), crls_until: u64::MAX, remembered: RwLock::default() };
        for file in crls {
            let lists = read_all::<CertificateRevocationListDer<'static>>(file).map_err(TrustError::Crl)?;
            if lists.is_empty() {
                return Err(TrustError::Crl("there is none".into()));
            }
            for list in lists {
                trust.add_crl(&list).map_err(TrustError::Crl)?;
            }
        }
        Ok(trust)
    }

    fn add_crl(&mut self, list: &[u8]) -> Result<(), String> {
        let owned = OwnedCertRevocationList::from_der(list).map_err(|error| format!("{error:?}"))?;
        let parsed =
            CertificateList::<x509_cert::certificate::Rfc5280>::from_der(list).map_err(|e| e.to_string())?;
        let until = parsed.tbs_cert_list.next_update.ok_or("it does not say when the next one comes")?;
        self.crls_until = self.crls_until.min(until.to_unix_duration().as_secs());
        self.crls.push(owned.into());
        Ok(())
    }

    /// The certificate, if it is for payments and has a path at this time.
    pub(crate) fn check(&self, leaf: &[u8], others: &[&[u8]], at: u64) -> Result<Arc<Trusted>, Reason> {
        let key = fingerprint(leaf);
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(trusted) = remembered
            && trusted.window.contains(&at)
        {
            return Ok(trusted);
        }
        let trusted = Arc::new(Trusted { leaf: Leaf::read(leaf)?, window: self.path(leaf, others, at)? });
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, Arc::clone(&trusted));
        Ok(trusted)
    }

    /// Finds a path, and how long it holds.
    fn path(&self, leaf: &[u8], others: &[&[u8]], at: u64) -> Result<Window, Reason> {
        let bytes = CertificateDer::from(leaf);
        let end_entity = EndEntityCert::try_from(&bytes).map_err(|_| Reason::CertificateMalformed)?;
        let others: Vec<_> =
            others.iter().filter(|other| **other != leaf).map(|other| CertificateDer::from(*other)).collect();
        let anchors: Vec<_> = self.anchors.iter().map(|(anchor, _)| anchor.clone()).collect();
        let crls: Vec<_> = self.crls.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|builder| {
            builder
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let time = UnixTime::since_unix_epoch(Duration::from_secs(at));
        // The leaf's purposes were checked more strictly; an issuer that has any must have this one.
        let purpose = KeyUsage::required_if_present(PAYMENT_PURPOSE_BYTES);
        let path = end_entity
            .verify_for_usage(ALGORITHMS, &anchors, &others, time, purpose, revocation, None)
            .map_err(|error| reason(&error))?;
        self.path_window(leaf, &path, at)
    }

    fn path_window(&self, leaf: &[u8], path: &VerifiedPath<'_>, at: u64) -> Result<Window, Reason> {
        let mut windows = vec![window(leaf)?, 0..=self.crls_until];
        for issuer in path.intermediate_certificates() {
            windows.push(window(&issuer.der())?);
        }
        // webpki does not look at an anchor's own dates.
        let (_, anchor) = self
            .anchors
            .iter()
            .find(|(anchor, _)| anchor == path.anchor())
            .ok_or(Reason::CertificateUntrusted)?;
        if at < *anchor.start() {
            return Err(Reason::CertificateNotYetValid);
        }
        if at > *anchor.end() {
            return Err(Reason::CertificateExpired);
        }
        windows.push(anchor.clone());
        let from = windows.iter().map(|window| *window.start()).max().unwrap_or(0);
        let until = windows.iter().map(|window| *window.end()).min().unwrap_or(0);
        Ok(from..=until)
    }
}

const PAYMENT_PURPOSE_BYTES: &[u8] = PAYMENT_PURPOSE.as_bytes();

fn anchor(certificate: &CertificateDer<'static>) -> Result<(TrustAnchor<'static>, Window), String> {
    let anchor = anchor_from_trusted_cert(certificate).map_err(|error| format!("{error:?}"))?.to_owned();
    let window = window(certificate).map_err(|_| "it is not an X.509 certificate in DER")?;
    Ok((anchor, window))
}

/// PEM with any number of sections, or one DER.
fn read_all<T: PemObject + From<Vec<u8>>>(bytes: &[u8]) -> Result<Vec<T>, String> {
    if bytes.first() == Some(&0x30) {
        return Ok(vec![T::from(bytes.to_vec())]);
    }
    T::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn reason(error: &Error) -> Reason {
    match error {
        Error::CertExpired { .. } | Error::InvalidCertValidity => Reason::CertificateExpired,
        Error::CertNotValidYet { .. } => Reason::CertificateNotYetValid,
        Error::CertRevoked => Reason::CertificateRevoked,
        Error::CrlExpired { .. } => Reason::CrlExpired,
        Error::UnknownRevocationStatus
        | Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => Reason::RevocationUnknown,
        Error::CaUsedAsEndEntity => Reason::CertificatePurpose,
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => Reason::CertificateMalformed,
        _ => Reason::CertificateUntrusted,
    }
}
