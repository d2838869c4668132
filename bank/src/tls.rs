//! TLS of the bank's own, version 1.3 only (RFC 8446): every browser of these years speaks it.

use std::{path::Path, sync::Arc};

use terminal::Failure;
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, Error, RootCertStore, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

fn wrong(path: &Path, why: impl std::fmt::Display, next: &str) -> Failure {
    Failure::new(format!("{} was not taken", path.display())).because(why).next(next)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let next = "give a PEM file of certificates, the server's own first";
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file::read(path)?).collect();
    let found = found.map_err(|_| wrong(path, "it is not a whole PEM file", next))?;
    if found.is_empty() { Err(wrong(path, "it holds no certificate", next)) } else { Ok(found) }
}

/// What answers the customers' and the tellers' TLS: the certificate with its chain, and its key, which is closed to others.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    file::check_private(key, "600")?;
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&file::read_secret(key)?).map_err(|_| {
        wrong(key, "it holds no private key", "give a PEM file of one key without a passphrase")
    })?;
    let made = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|versions| versions.with_no_client_auth().with_single_cert(chain, private));
    let mut config = made.map_err(|fault| {
        let why = match fault {
            Error::InconsistentKeys(_) => "it is not the key of the certificate".to_owned(),
            other => other.to_string(),
        };
        wrong(key, why, "give the certificate and the key that belong together")
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// What asks a counter elsewhere, whose certificate one of these authorities has signed.
pub(crate) fn connector(authorities: &Path) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    // A system's list has some that are of no use for TLS: these are left out.
    let (taken, _) = roots.add_parsable_certificates(certificates(authorities)?);
    if taken == 0 {
        return Err(wrong(
            authorities,
            "it holds no authority",
            "say --ca with the authority of the counter",
        ));
    }
    let made = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|fault| Failure::new("TLS was not begun").because(fault))?;
    let mut config = made.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
