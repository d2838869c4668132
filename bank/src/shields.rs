//! What the bank needs for shields: its CA, the factories whose shields it trusts, and the verifier of signed orders.
//!
//! The keys lie in the folder `ca` of the bank's folder, closed by a passphrase from the file of secrets; the register is the table
//! `certificate` (`docs/decisions/0056-the-register-behind-a-trait.md`).

use std::{collections::BTreeMap, path::Path, sync::Arc};

use authority::{
    attestation::{self, Attestation, Expected, Factory},
    ca::ocsp::Asked,
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
    issuers::{self, FIRST, Issuers},
    log,
};

/// The CA, opened, and who is trusted.
pub(crate) struct Shields {
    /// By the numbers of their generations.
    issuers: BTreeMap<i64, Issuers>,
    /// Knows the certificates of all generations and no CRL: whether a certificate stands is asked of its row, in the posting's transaction. So a
    /// generation whose keys were stolen is refused by its rows on all nodes at once, whatever a node has read at its start.
    pub(crate) verifier: Verifier,
    factories: Vec<Factory>,
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
    /// A page with these rows of a generation. Each generation has lists of its own, and one place answers by OCSP for all.
    pub(crate) fn of(read: Vec<Entry>, origin: &str, crl_number: u64, generation: i64) -> Self {
        let own = if generation == FIRST { String::new() } else { format!("{generation}/") };
        let crl_base = Kind::ALL.map(|kind| format!("{origin}/crl/{own}{}.crl", kind.name()));
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
        issuers::found(folder, FIRST, algorithm, passphrase)
    }

    /// Opens these generations of the CA by any of these passphrases, or without one where the keys lie in clear, and reads the certificates of
    /// trusted factories: each file in `factories`.
    pub(crate) fn open(
        folder: &Path,
        numbers: &[i64],
        passphrases: &[&[u8]],
        factories: &Path,
    ) -> std::result::Result<Self, Failure> {
        let open = |number: &i64| Ok::<_, Failure>((*number, Issuers::open(folder, *number, passphrases)?));
        let issuers = numbers.iter().map(open).collect::<std::result::Result<BTreeMap<_, _>, _>>()?;
        let anchors: String = issuers.values().map(|own| own.certificate(Kind::Payment).pem()).collect();
        let verifier = Verifier::new(anchors.as_bytes(), &[])
            .map_err(|fault| Failure::new("the bank's CA was not opened").because(fault))?;
        let mut trusted = Vec::new();
        if factories.is_dir() {
            let unread = |fault: std::io::Error| Failure::new("the factories were not read").because(fault);
            for entry in std::fs::read_dir(factories).map_err(unread)? {
                trusted.push(Factory::parse(&file::read(&entry.map_err(unread)?.path())?)?);
            }
        }
        Ok(Self { issuers, verifier, factories: trusted })
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
            organisation: self.issuers.values().next().map_or("", Issuers::organisation).to_owned(),
            unit: Some(TEST_UNIT.to_owned()),
            name: name.to_owned(),
            user_id: user_id.to_owned(),
        }
    }

    /// The issuers of a generation.
    ///
    /// # Errors
    /// This node was started with a folder that lacks the generation.
    pub(crate) fn issuers(&self, generation: i64) -> Result<&Issuers> {
        self.issuers.get(&generation).ok_or_else(|| {
            Error::Broken(format!(
                "this node lacks generation {generation} of the CA's keys: copy the folder ca to it, and restart it"
            ))
        })
    }

    /// What the bank's shields sign payments with.
    pub(crate) fn algorithm(&self) -> KeyAlgorithm {
        self.issuers.values().next().map_or(KeyAlgorithm::P256, Issuers::algorithm)
    }

    /// The issuers of all generations, by their numbers.
    pub(crate) const fn all(&self) -> &BTreeMap<i64, Issuers> {
        &self.issuers
    }

    /// The generation that a question by OCSP is about.
    pub(crate) fn asked(&self, kind: Kind, asked: &Asked) -> Option<i64> {
        self.issuers.iter().find(|(_, own)| own.is_asked(kind, asked)).map(|(number, _)| *number)
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
        generation: i64,
        wanted: Wanted,
        mut page: Page,
        now: OffsetDateTime,
    ) -> Result<(Vec<u8>, Page)> {
        let signers = self.issuers(generation)?.signers().clone();
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

    /// Signs the list of what is revoked on the page.
    pub(crate) async fn crl(
        &self,
        generation: i64,
        kind: Kind,
        page: Arc<Page>,
        this_update: OffsetDateTime,
        next_update: OffsetDateTime,
    ) -> Result<Vec<u8>> {
        let signers = self.issuers(generation)?.signers().clone();
        let sign = move || signers.crl(kind, &*page, this_update, next_update);
        let signed = spawn_blocking(sign).await.map_err(|_| Error::Broken("signing panicked".into()))?;
        signed.map_err(|error| Error::Broken(format!("no list was signed: {}", error.why())))
    }
}
