//! TLS of the bank's own, version 1.3 only (RFC 8446): every browser of these years speaks it.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use base64ct::{Base64, Encoding};
use terminal::Failure;
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, Error, RootCertStore, ServerConfig,
        crypto::aws_lc_rs::{self, sign::any_supported_type},
        pki_types::{
            CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
            UnixTime, pem::PemObject,
        },
        server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
        sign::{CertifiedKey, SingleCertAndKey},
        time_provider::TimeProvider,
        version::TLS13,
    },
};
use zeroize::Zeroizing;

use crate::clock::{Clock, SECOND};

/// The certificate (DER) that a client has shown in TLS, with the proof of its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holder(pub(crate) Option<Vec<u8>>);

/// Who may show a certificate: whoever has one for clients that one of these authorities (DER) has signed, and that is valid by this clock.
#[derive(Clone)]
pub(crate) struct Holders {
    pub(crate) authorities: Vec<Vec<u8>>,
    pub(crate) clock: Clock,
}

fn wrong(path: &Path, why: impl std::fmt::Display, next: &str) -> Failure {
    Failure::new(format!("{} was not taken", path.display())).because(why).next(next)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let next = "give a PEM file of certificates, the server's own first";
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file::read(path)?).collect();
    let found = found.map_err(|_| wrong(path, "it is not a whole PEM file", next))?;
    if found.is_empty() { Err(wrong(path, "it holds no certificate", next)) } else { Ok(found) }
}

/// What answers in TLS. Both files are read again when they have changed, so that a new certificate needs no
/// new start: connections that are open go on, and the next ones get the new certificate.
pub(crate) struct Doorkeeper {
    certificate: PathBuf,
    key: PathBuf,
    /// [`None`]: nobody is asked for a certificate.
    holders: Option<Holders>,
    now: Mutex<(Stamp, TlsAcceptor)>,
}

/// What changes when somebody writes a file or puts another one in its place: device, inode, size, and time of the last change.
type Stamp = [Option<(u64, u64, u64, i64, i64)>; 2];

impl Doorkeeper {
    pub(crate) fn new(certificate: &Path, key: &Path, holders: Option<Holders>) -> Result<Self, Failure> {
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let now = (stamp(&certificate, &key), acceptor(&certificate, &key, holders.as_ref())?);
        Ok(Self { certificate, key, holders, now: Mutex::new(now) })
    }

    /// As the files were read last.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Reads the files again, if they have changed. Whether they have.
    ///
    /// # Errors
    /// They do not belong together yet, or one of them is none: the former ones stay, and the next call reads again.
    pub(crate) fn renew(&self) -> Result<bool, Failure> {
        let found = stamp(&self.certificate, &self.key);
        if self.now.lock().unwrap_or_else(PoisonError::into_inner).0 == found {
            return Ok(false);
        }
        let read = acceptor(&self.certificate, &self.key, self.holders.as_ref())?;
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (found, read);
        Ok(true)
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.dev(), found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
    })
}

/// Whom a listener asks for a certificate. Whoever has none yet comes in as well.
fn clients(holders: Option<&Holders>) -> Result<Arc<dyn ClientCertVerifier>, Failure> {
    let Some(Holders { authorities, .. }) = holders else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned().map(CertificateDer::from));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    // A store without an authority is refused here.
    verifier.allow_unauthenticated().build().map_err(|fault| Failure::new("TLS was not begun").because(fault))
}

type Form = fn(&[u8]) -> PrivateKeyDer<'_>;

/// What PEM calls a private key without a passphrase, and what stands in it (RFC 5208, RFC 5915, RFC 8017).
const KEYS: [(&str, Form); 3] = [
    ("PRIVATE KEY", |der| PrivatePkcs8KeyDer::from(der).into()),
    ("EC PRIVATE KEY", |der| PrivateSec1KeyDer::from(der).into()),
    ("RSA PRIVATE KEY", |der| PrivatePkcs1KeyDer::from(der).into()),
];

/// Does something with the private key of a PEM file; [`None`] where the file has none. Nothing of the key is left in memory: the readers of
/// rustls leave it there, in base64 and in DER.
fn with_key<T>(pem: &[u8], act: impl FnOnce(&PrivateKeyDer<'_>) -> T) -> Option<T> {
    let text = std::str::from_utf8(pem).ok()?;
    let section = |label: &str| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        rest.split_once(&format!("-----END {label}-----")).map(|(section, _)| section)
    };
    let (section, form) = KEYS.iter().find_map(|(label, form)| section(label).map(|found| (found, form)))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(section.len()));
    bytes.extend(section.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    Base64::decode_in_place(&mut bytes).ok().map(|der| act(&form(der)))
}

/// The certificate with its chain, and its key, which is closed to others.
fn acceptor(certificate: &Path, key: &Path, holders: Option<&Holders>) -> Result<TlsAcceptor, Failure> {
    file::check_private(key, "600")?;
    let chain = certificates(certificate)?;
    let signer =
        with_key(&file::read_secret(key)?, any_supported_type).and_then(Result::ok).ok_or_else(|| {
            wrong(key, "it holds no private key", "give a PEM file of one key without a passphrase")
        })?;
    let own = CertifiedKey::new(chain, signer);
    let clients = clients(holders)?;
    let clock = holders.map_or_else(Clock::default, |holders| holders.clock.clone());
    let (provider, time) = (Arc::new(aws_lc_rs::default_provider()), Arc::new(ByClock(clock)));
    let made = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])
        .and_then(|versions| own.keys_match().map(|()| versions));
    let versions = made.map_err(|fault| {
        let why = match fault {
            Error::InconsistentKeys(_) => "it is not the key of the certificate".to_owned(),
            other => other.to_string(),
        };
        wrong(key, why, "give the certificate and the key that belong together")
    })?;
    let resolver = Arc::new(SingleCertAndKey::from(own));
    let mut config = versions.with_client_cert_verifier(clients).with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if holders.is_some() {
        // A session that is resumed shows the former certificate again, without a proof of its key and whatever its end.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whether a certificate elsewhere is valid now, the bank's clock says.
#[derive(Debug)]
struct ByClock(Clock);

impl TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now() / SECOND).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// What asks a server elsewhere, whose certificate one of these authorities has signed.
pub(crate) fn connector(authorities: &Path, clock: &Clock) -> Result<TlsConnector, Failure> {
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
    let (provider, time) = (Arc::new(aws_lc_rs::default_provider()), Arc::new(ByClock(clock.clone())));
    let made = ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])
        .map_err(|fault| Failure::new("TLS was not begun").because(fault))?;
    let mut config = made.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::{any_supported_type, with_key};

    /// As openssl writes keys of all three forms, and what is none.
    #[test]
    fn a_key_is_read_from_each_form_of_pem() {
        let folder = tempfile::tempdir().expect("a folder");
        let openssl = |words: &[&str]| {
            let path = folder.path().join("key.pem");
            let done = std::process::Command::new("openssl").args(words).arg("-out").arg(&path).output();
            assert!(done.expect("openssl").status.success(), "{words:?}");
            std::fs::read(path).expect("written")
        };
        let is_key = |pem: &[u8]| with_key(pem, any_supported_type).is_some_and(|key| key.is_ok());
        let curve = ["ecparam", "-name", "prime256v1", "-genkey"];
        let with_parameters = openssl(&curve);
        assert!(with_parameters.starts_with(b"-----BEGIN EC PARAMETERS-----"));
        let pkcs8 = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        assert!(is_key(&with_parameters) && is_key(&pkcs8));
        assert!(is_key(&openssl(&["genrsa", "-traditional"])));
        let text = String::from_utf8(pkcs8).expect("text");
        assert!(is_key(text.replace('\n', "\r\n").as_bytes()), "lines of Windows");
        for wrong in [
            text.replace("-----END", "----END"),
            text.replace('M', "!"),
            text.replace("PRIVATE", "PUBLIC"),
            String::new(),
        ] {
            assert!(!is_key(wrong.as_bytes()), "{wrong}");
        }
        assert!(!is_key(b"\xff"));
    }
}
