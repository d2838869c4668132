//! What a CA reads that it did not write: requests and certificates of strangers, names and numbers of people, its own files
//! after they were harmed. No assertion of a crate that parses or writes X.509 is reached.
//!
//! The first byte chooses what the rest is.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use authority::{
    Error,
    attestation::Attestation,
    ca::{Authority, Founding, found},
    certificate::{Certificate, display_name, display_purpose},
    certificate_kind::Kind,
    csr,
    index::{Index, Revocation},
    issuer::{Issuer, Order},
    moment::{self, Validity},
    signature::PublicKey,
    subject::{Subject, check_text},
};
use libfuzzer_sys::fuzz_target;
use payment::Verifier;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use ushield_fuzz as _;
use wire::algorithm::KeyAlgorithm;

/// A CA, its files as they were, and a request that it certifies.
struct Scene {
    _place: tempfile::TempDir,
    folder: PathBuf,
    whole: Vec<(&'static str, Vec<u8>)>,
    key: KeyPair,
    request: Vec<u8>,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let memory = std::path::Path::new("/dev/shm");
    let place =
        if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
    let folder = place.path().join("ca");
    let founding = Founding {
        name: "Fuzz CA",
        organisation: "Bank",
        algorithm: KeyAlgorithm::P256,
        crl_url: "http://crl.example/crl.der",
        authentication_crl_url: "http://crl.example/9a.der",
        validity: Validity::Days(3650),
    };
    found(&folder, &founding, None).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let request = request(&holder(), &key);
    let mut ca = open(&folder).expect("the CA opens");
    let subject = holder();
    let order = Order {
        request: &request,
        kind: Kind::Payment,
        subject: &subject,
        validity: Validity::Days(1),
        token: Some("0A1B"),
    };
    let issued = Certificate::parse(&ca.issue(&order).expect("a certificate")).expect("it is read");
    ca.revoke(&issued.serial, Revocation::Superseded).expect("it is revoked");
    let names = ["ca.pem", "ca-key.pem", "index.json", "crl.pem", "crl.der"];
    let whole = names.map(|name| (name, fs::read(folder.join(name)).expect("the CA's file"))).into();
    Scene { _place: place, folder, whole, key, request }
});

fn open(folder: &std::path::Path) -> Result<Authority, Error> {
    Authority::open(folder, None)
}

fn holder() -> Subject {
    Subject {
        organisation: "Bank".into(),
        unit: None,
        name: "张三".into(),
        user_id: "6222020200112233".into(),
    }
}

fn request(subject: &Subject, key: &KeyPair) -> Vec<u8> {
    let public = PublicKey::parse(&key.subject_public_key_info()).expect("a key of P-256");
    let info = csr::info(subject, &public).expect("a subject that was checked");
    csr::signed(&info, public.algorithm, &key.sign(&info).expect("a signature")).expect("it is written")
}

/// Does all that a CA does, with one of its files harmed, and puts the files back.
fn with_harmed(name: &str, bytes: &[u8]) {
    let scene = &*SCENE;
    fs::write(scene.folder.join(name), bytes).expect("memory");
    if let Ok(mut ca) = open(&scene.folder) {
        let _ = ca.index().map(|index| index.certificates.len());
        let subject = Subject { organisation: ca.organisation().to_owned(), ..holder() };
        for kind in [Kind::Payment, Kind::Authentication] {
            let validity = Validity::Days(1);
            let request =
                if subject.check().is_ok() { request(&subject, &scene.key) } else { scene.request.clone() };
            let order = Order { request: &request, kind, subject: &subject, validity, token: None };
            if let Ok(der) = ca.issue(&order) {
                let issued = Certificate::parse(&der).expect("what is issued can be read");
                let _ = ca.stands(&issued);
                let _ = ca.revoke(&issued.serial, Revocation::KeyCompromise);
            }
        }
        let _ = ca.issue_crl(30);
    }
    // What was written at the last change is put back, too.
    for (name, bytes) in &scene.whole {
        fs::write(scene.folder.join(name), bytes).expect("memory");
    }
}

fn certificate(bytes: &[u8]) {
    let Ok(certificate) = Certificate::parse(bytes) else { return };
    let _ = (display_name(&certificate.subject), display_name(&certificate.issuer), certificate.holder());
    let _ = certificate.purposes.iter().copied().map(display_purpose).collect::<Vec<_>>();
    let _ = (moment::display(certificate.not_before), moment::display(certificate.not_after));
    let _ = (
        certificate.issued_by(&certificate),
        certificate.valid_at(moment::now()),
        certificate.is_authority(),
    );
    let again = Certificate::parse(certificate.pem().as_bytes()).expect("PEM of what was read");
    assert_eq!(again, certificate);
}

/// Four texts of a person, as the command line takes them.
fn subject(text: &str) {
    let mut parts = text.splitn(4, '\n').map(ToOwned::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let (name, user_id, organisation, unit) = (next(), next(), next(), next());
    let subject = Subject { organisation, unit: (!unit.is_empty()).then_some(unit), name, user_id };
    let _ = subject.to_string();
    if subject.check().is_err() {
        return;
    }
    let der = request(&subject, &SCENE.key);
    let read = csr::check_for(&der, &subject).expect("a request for what was checked");
    assert_eq!(Subject::from_attributes(&read.subject), Some(subject));
}

/// A CA's own words: name, organisation, URL, and when it ends.
fn founding(text: &str) {
    let mut parts = text.splitn(4, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (name, organisation, crl_url, end) = (next(), next(), next(), next());
    let _ = check_text("name", name);
    let validity = moment::parse(end).map_or(Validity::Days(1), Validity::Until);
    // Both kinds of CA, by the length of the text.
    let algorithm = if text.len() % 2 == 0 { KeyAlgorithm::P256 } else { KeyAlgorithm::Sm2 };
    let authentication_crl_url = "http://crl.example/9a.der";
    let founding = Founding { name, organisation, algorithm, crl_url, authentication_crl_url, validity };
    let place = SCENE.folder.with_file_name("another");
    if found(&place, &founding, None).is_ok() {
        open(&place).expect("a CA that was just made").issue_crl(1).expect("its CRL");
    }
    let _ = fs::remove_dir_all(place);
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let text = std::str::from_utf8(bytes);
    match choice % 10 {
        0 => certificate(bytes),
        1 => drop(csr::check(bytes)),
        2 => text.map_or((), subject),
        3 => text.map_or((), founding),
        4 => with_harmed("ca.pem", bytes),
        5 => with_harmed("index.json", bytes),
        6 => with_harmed("crl.der", bytes),
        // An encrypted key is as slow as its owner wished.
        7 if !bytes.windows(9).any(|part| part == b"ENCRYPTED") => with_harmed("ca-key.pem", bytes),
        8 => {
            let file = SCENE.folder.with_file_name("attestation.pem");
            fs::write(&file, bytes).expect("memory");
            let _ = Attestation::read(&file).map(|found| found.pem());
            let _ = Index::load(&file);
        }
        // The bank's side: a CA's certificate and a CRL, each as the other side gives it.
        _ => {
            let _ = Verifier::new(bytes, &[]);
            let whole =
                |wanted: &str| SCENE.whole.iter().find(|(name, _)| *name == wanted).map(|(_, file)| file);
            let _ = Verifier::new(whole("ca.pem").expect("it is there"), &[bytes]);
        }
    }
});
