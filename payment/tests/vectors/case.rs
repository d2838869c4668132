//! A case: a document, what the document is held against, and the verdict that must come of it.

use std::sync::LazyLock;

use crate::{
    certificate::{Authority, Certificate, Crl, PAYER},
    der::pem,
    document::{Document, Order},
    key::Key,
};

pub(crate) const NOW: &str = "2026-06-01T08:05:00Z";

/// The bank that all cases share, its one customer, and the order that it issued.
pub(crate) struct Bank {
    pub(crate) root: Authority,
    pub(crate) key: Key,
    pub(crate) certificate: Vec<u8>,
    pub(crate) order: Vec<u8>,
    /// The CRL of the root, which lists another certificate than the customer's.
    pub(crate) crl: Vec<u8>,
}

pub(crate) static BANK: LazyLock<Bank> = LazyLock::new(|| {
    let root = Authority::root("U-shield TEST bank CA");
    let key = Key::p256("customer");
    let certificate = Certificate::payment(&key).signed_by(&root);
    let crl = Crl::new(1, &[0x66]).signed_by(&root);
    Bank { root, key, certificate, order: Order::good().der(), crl }
});

impl Bank {
    /// The document that a token and `payment::seal` make.
    pub(crate) fn document(&self) -> Document {
        Document::signed(&self.order, &self.key, &[&self.certificate])
    }

    /// The good order, sealed with another certificate for the customer's key.
    pub(crate) fn sealed_with(&self, certificate: &[u8]) -> Vec<u8> {
        Document::signed(&self.order, &self.key, &[certificate]).der()
    }

    /// The good order, sealed with a changed certificate that the root signs.
    pub(crate) fn certified(&self, bend: impl Fn(Certificate) -> Certificate) -> Vec<u8> {
        self.sealed_with(&bend(Certificate::payment(&self.key)).signed_by(&self.root))
    }

    /// Another order, sealed by the customer.
    pub(crate) fn sealed(&self, order: &[u8]) -> Vec<u8> {
        Document::signed(order, &self.key, &[&self.certificate]).der()
    }
}

/// Who must find the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Every program that verifies payments.
    Core,
    /// The crate `payment`: rules of an order's text, and of inputs that a bank makes itself.
    Text,
}

/// A file of the corpus: its path below `tests/vectors`, and its bytes.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) document: File,
    pub(crate) ca: File,
    pub(crate) crls: Vec<File>,
    pub(crate) issued: File,
    pub(crate) at: String,
    /// USER=ACCOUNT: the one user who may pay, and the account that is paid from. `unavailable` is a book of payers
    /// that does not answer.
    pub(crate) payer: String,
    /// The replay store: `-` for an empty store, `unavailable`, or a name. Rows with the same name share one store, in
    /// their order.
    pub(crate) store: String,
    pub(crate) level: Level,
    /// `accepted`, or a code of `payment::Reason`. `ca_refused` and `crl_refused` say that no verifier can be made.
    pub(crate) expected: &'static str,
    /// Why openssl differs: a word that `tests/vectors/README.md` explains, or `-` where openssl agrees.
    pub(crate) differs: &'static str,
    /// What is wrong, in a sentence for people.
    pub(crate) wrong: String,
}

/// A case of the shared bank, at [`NOW`], with the CRL of the day and an empty store.
pub(crate) fn case(name: &str, document: Vec<u8>, expected: &'static str, wrong: &str) -> Case {
    let file = |path: &str, bytes: Vec<u8>| File { path: path.into(), bytes };
    Case {
        name: name.into(),
        document: file(&format!("documents/{name}.cms"), document),
        ca: file("ca/bank.pem", BANK.root.pem()),
        crls: vec![file("crl/bank-1.pem", pem("X509 CRL", &[&BANK.crl]))],
        issued: file("orders/good.der", BANK.order.clone()),
        at: NOW.into(),
        payer: format!("{PAYER}={PAYER}"),
        store: "-".into(),
        level: Level::Core,
        expected,
        differs: "-",
        wrong: wrong.into(),
    }
}

impl Case {
    /// The case with this CA file. The name is without folder and ending.
    pub(crate) fn ca(mut self, name: &str, certificates: &[&[u8]]) -> Self {
        self.ca = File { path: format!("ca/{name}.pem"), bytes: pem("CERTIFICATE", certificates) };
        self
    }

    /// The case with these CRL files, in this order.
    pub(crate) fn crls(mut self, crls: &[(&str, &[u8])]) -> Self {
        let file = |(name, crl): &(&str, &[u8])| File {
            path: format!("crl/{name}.pem"),
            bytes: pem("X509 CRL", &[crl]),
        };
        self.crls = crls.iter().map(file).collect();
        self
    }

    /// The case in which the bank issued these bytes.
    pub(crate) fn issued(mut self, name: &str, order: &[u8]) -> Self {
        self.issued = File { path: format!("orders/{name}.der"), bytes: order.to_vec() };
        self
    }

    /// The case in which the bank issued exactly the order of the document, so that comparing the two finds nothing.
    pub(crate) fn issued_itself(self, order: &[u8]) -> Self {
        let name = self.name.clone();
        self.issued(&name, order)
    }

    pub(crate) fn at(mut self, time: &str) -> Self {
        self.at = time.into();
        self
    }

    pub(crate) fn payer(mut self, rule: &str) -> Self {
        self.payer = rule.into();
        self
    }

    pub(crate) fn store(mut self, name: &str) -> Self {
        self.store = name.into();
        self
    }

    pub(crate) fn text(mut self) -> Self {
        self.level = Level::Text;
        self
    }

    /// The case in which openssl differs, for this reason.
    pub(crate) fn differs(mut self, why: &'static str) -> Self {
        self.differs = why;
        self
    }

    /// The verdict of `openssl cms -verify`, or `varies` where that verdict depends on the version of openssl.
    pub(crate) fn openssl(&self) -> &'static str {
        if self.differs == "crl-delta" {
            return "varies";
        }
        if (self.expected == "accepted") == (self.differs == "-") { "accepted" } else { "refused" }
    }

    /// Every file that the case needs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        [&self.document, &self.ca, &self.issued].into_iter().chain(&self.crls)
    }
}
