//! What the bank needs for shields: its CA, the factories whose shields it trusts, and the verifier of signed orders.
//!
//! The keys lie in the folder `ca` of the bank's folder, closed by a passphrase from the file of secrets; the register is the table
//! `certificate` (`docs/decisions/0056-the-register-behind-a-trait.md`).

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use authority::{
    attestation::{self, Attestation, Expected, Factory},
    ca::ocsp::Responder,
    ca::{DEFAULT_AUTHENTICATION_CRL_URL, DEFAULT_CRL_URL, Founding, Signers},
    certificate_kind::Kind,
    index::Entry,
    issuer::Order,
    moment::Validity,
    register::Register,
    subject::{Subject, TEST_UNIT},
};
use payment::Verifier;
use terminal::Failure;
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use wire::algorithm::KeyAlgorithm;

use crate::{
    error::{Error, Refusal, Result},
    log,
};

/// The bank that certificates name.
const ORGANISATION: &str = "U-shield Test Bank";
/// The common name of the CA.
const NAME: &str = "U-shield Test Bank CA";
/// The CA's own certificates are good for so many days.
const CA_DAYS: u32 = 7305;

/// The CA, opened, and who is trusted.
pub(crate) struct Shields {
    signers: Arc<Signers>,
    /// Knows the CA's certificate and no CRL: whether a certificate stands is asked of its row, in the posting's transaction.
    pub(crate) verifier: Verifier,
    factories: Vec<Factory>,
    /// The responders of both kinds, in the order of [`Kind::ALL`], since somebody asked.
    responders: Mutex<[Option<Arc<Responder>>; 2]>,
}

/// A page of the register: the rows that were read, and what is to be written.
pub(crate) struct Page {
    pub(crate) read: Vec<Entry>,
    pub(crate) new: Vec<Entry>,
    /// Where the CRLs are, up to the last slash.
    pub(crate) crl_base: [String; 2],
    /// Where somebody answers by OCSP.
    ocsp: [String; 2],
    pub(crate) crl_number: u64,
}

impl Page {
    /// A page with these rows.
    pub(crate) fn of(read: Vec<Entry>, origin: &str, crl_number: u64) -> Self {
        let crl_base = Kind::ALL.map(|kind| format!("{origin}/crl/{}.crl", kind.name()));
        let ocsp = Kind::ALL.map(|kind| format!("{origin}/api/ocsp/{}", kind.name()));
        Self { read, new: Vec::new(), crl_base, ocsp, crl_number }
    }
}

impl Register for Page {
    fn entries(&self) -> &[Entry] {
        &self.read
    }

    fn record(&mut self, entry: Entry) {
        self.new.push(entry);
    }

    fn distribution_point(&self, kind: Kind) -> &str {
        let [payment, authentication] = &self.crl_base;
        if kind == Kind::Payment { payment } else { authentication }
    }

    fn responder(&self, kind: Kind) -> Option<&str> {
        let [payment, authentication] = &self.ocsp;
        Some(if kind == Kind::Payment { payment } else { authentication })
    }

    fn crl_number(&self) -> u64 {
        self.crl_number
    }
}

/// A certificate that is to be issued.
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) request: Vec<u8>,
    pub(crate) subject: Subject,
    pub(crate) serial: String,
    pub(crate) days: u32,
}

impl Shields {
    /// Founds the CA of a new bank.
    pub(crate) fn found(
        folder: &Path,
        algorithm: KeyAlgorithm,
        passphrase: Option<&[u8]>,
    ) -> std::result::Result<(), Failure> {
        let founding = Founding {
            name: NAME,
            organisation: ORGANISATION,
            algorithm,
            // Certificates name the bank's own address; these two stand for nothing here.
            crl_url: DEFAULT_CRL_URL,
            authentication_crl_url: DEFAULT_AUTHENTICATION_CRL_URL,
            validity: Validity::Days(CA_DAYS),
        };
        Ok(Signers::found(folder, &founding, passphrase)?)
    }

    /// Closes the CA's keys by another passphrase; they may be closed by any of the former ones.
    pub(crate) fn close_again(
        folder: &Path,
        former: &[&[u8]],
        new: &[u8],
    ) -> std::result::Result<(), Failure> {
        Ok(Signers::close_again(folder, former, new)?)
    }

    /// Opens the CA by any of these passphrases, or without one where the keys lie in clear, and reads the certificates of trusted factories: each file in `factories`.
    pub(crate) fn open(
        folder: &Path,
        passphrases: &[&[u8]],
        factories: &Path,
    ) -> std::result::Result<Self, Failure> {
        let signers = Signers::open_by_any(folder, passphrases)?;
        let verifier = Verifier::new(&signers.certificate(Kind::Payment).der, &[])
            .map_err(|fault| Failure::new("the bank's CA was not opened").because(fault))?;
        let mut trusted = Vec::new();
        if factories.is_dir() {
            let unread = |fault: std::io::Error| Failure::new("the factories were not read").because(fault);
            for entry in std::fs::read_dir(factories).map_err(unread)? {
                trusted.push(Factory::parse(&file::read(&entry.map_err(unread)?.path())?)?);
            }
        }
        Ok(Self { signers: Arc::new(signers), verifier, factories: trusted, responders: Mutex::default() })
    }

    /// Trusts one factory more.
    pub(crate) fn trusting(mut self, factory: Factory) -> Self {
        self.factories.push(factory);
        self
    }

    /// The brand of the shields that the bank trusts, where there is one brand only. The assistant takes a brand of at most 64 bytes, and a longer
    /// one may be cut off in its factory's name.
    pub(crate) fn brand(&self) -> Option<&str> {
        let mut brands = self.factories.iter().map(Factory::brand);
        let brand = brands.next()?.filter(|brand| brand.len() < 64)?;
        brands.all(|other| other == Some(brand)).then_some(brand)
    }

    /// Whom the bank certifies: the subject of this person. Every shield of this project is a test token, and its certificates say so.
    pub(crate) fn subject(&self, name: &str, user_id: &str) -> Subject {
        Subject {
            organisation: self.signers.organisation().to_owned(),
            unit: Some(TEST_UNIT.to_owned()),
            name: name.to_owned(),
            user_id: user_id.to_owned(),
        }
    }

    /// The CA's certificate for this kind, in PEM.
    pub(crate) fn ca(&self, kind: Kind) -> String {
        self.signers.certificate(kind).pem()
    }

    /// The CA's certificate for this kind, DER.
    pub(crate) fn authority(&self, kind: Kind) -> &[u8] {
        &self.signers.certificate(kind).der
    }

    /// Whether a trusted factory's shield of this serial number says that it has made the key.
    ///
    /// # Errors
    /// No factory is trusted, or none of them made such a shield, or the statement is about something else.
    pub(crate) fn check_attested(
        &self,
        kind: Kind,
        public_key: &[u8],
        serial: &str,
        attestation: &Attestation,
        now: OffsetDateTime,
    ) -> std::result::Result<(), Refusal> {
        if self.factories.is_empty() {
            log::fault(
                "no factory is trusted: `cert-tool factory-ca` writes a test brand's certificate, for the folder `factory`",
            );
            return Err(Refusal::NoFactory);
        }
        let expected = Expected { container: kind.container(), public_key, serial: Some(serial) };
        let check = |factory| attestation::check_at(factory, Some(attestation), &expected, now).is_ok();
        if self.factories.iter().any(check) { Ok(()) } else { Err(Refusal::NotAttested) }
    }

    /// Judges, signs and writes on the page, on a thread that may block. The certificate (DER), and the page.
    ///
    /// # Errors
    /// The CA's rules refuse the request.
    pub(crate) async fn issue(
        &self,
        wanted: Wanted,
        mut page: Page,
        now: OffsetDateTime,
    ) -> Result<(Vec<u8>, Page)> {
        let signers = self.signers.clone();
        let issue = move || {
            let Wanted { kind, request, subject, serial, days } = wanted;
            let validity = Validity::Days(days);
            let order = Order { request: &request, kind, subject: &subject, validity, token: Some(&serial) };
            signers.issue(&order, &mut page, now).map(|der| (der, page))
        };
        let issued = spawn_blocking(issue).await.map_err(|_| Error::Broken("signing panicked".into()))?;
        // Why is not logged: the reason names people.
        issued.map_err(|_| Refusal::RequestRefused.into())
    }

    /// The responder for certificates of this kind, which is made anew before its certificate ends.
    pub(crate) async fn responder(&self, kind: Kind, now: OffsetDateTime) -> Result<Arc<Responder>> {
        let place = usize::from(kind != Kind::Payment);
        let held = || self.responders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(known)) = held().get(place)
            && known.is_fresh(now)
        {
            return Ok(known.clone());
        }
        let signers = self.signers.clone();
        let made = spawn_blocking(move || signers.responder(kind, now)).await;
        let made = made.map_err(|_| Error::Broken("signing panicked".into()))?;
        let made = made.map_err(|error| Error::Broken(format!("no responder was made: {}", error.why())))?;
        let made = Arc::new(made);
        if let Some(place) = held().get_mut(place) {
            *place = Some(made.clone());
        }
        Ok(made)
    }

    /// Signs the list of what is revoked on the page.
    pub(crate) async fn crl(
        &self,
        kind: Kind,
        page: Arc<Page>,
        this_update: OffsetDateTime,
        next_update: OffsetDateTime,
    ) -> Result<Vec<u8>> {
        let signers = self.signers.clone();
        let sign = move || signers.crl(kind, &*page, this_update, next_update);
        let signed = spawn_blocking(sign).await.map_err(|_| Error::Broken("signing panicked".into()))?;
        signed.map_err(|error| Error::Broken(format!("no list was signed: {}", error.why())))
    }
}
