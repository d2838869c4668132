mod books;
mod ocsp;
mod succession;
mod two;
mod witness;

use super::*;
use crate::{
    certificate::hex, certificate_kind::Kind, csr, openssl, signature::PublicKey,
    subject::DEFAULT_ORGANISATION, subject::tests::zhang,
};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use std::fs;
use wire::algorithm::KeyAlgorithm;

const CERTIFICATE: &str = MAIN.certificate;
const KEY: &str = MAIN.key;
const CRL: &str = MAIN.crl;
const PASSPHRASE: &str = "correct horse 电池";

pub(crate) fn founding() -> Founding<'static> {
    Founding {
        name: "U-shield Test CA",
        organisation: DEFAULT_ORGANISATION,
        algorithm: KeyAlgorithm::P256,
        crl_url: "http://crl.bank.example/ca.crl",
        authentication_crl_url: "http://crl.bank.example/authentication-ca.crl",
        validity: Validity::Days(3650),
    }
}

fn open(folder: &Path) -> Authority {
    Authority::open(folder, Some(PASSPHRASE.as_bytes())).unwrap()
}

/// A CA in a fresh folder.
fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    found(&folder, &founding(), Some(PASSPHRASE.as_bytes())).unwrap();
    (parent, folder)
}

fn request(key: &KeyPair, subject: &Subject) -> Vec<u8> {
    let public = PublicKey::parse(&key.subject_public_key_info()).unwrap();
    let info = csr::info(subject, &public).unwrap();
    csr::signed(&info, public.algorithm, &key.sign(&info).unwrap()).unwrap()
}

fn issue(ca: &mut Authority, kind: Kind) -> Result<Certificate, Error> {
    issue_for(ca, kind, &KeyPair::generate().unwrap(), Validity::Days(365))
}

fn issue_for(
    ca: &mut Authority,
    kind: Kind,
    key: &KeyPair,
    validity: Validity,
) -> Result<Certificate, Error> {
    let subject = zhang();
    let request = request(key, &subject);
    let order = Order { request: &request, kind, subject: &subject, validity, token: Some("T1") };
    Certificate::parse(&ca.issue(&order)?)
}

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn put(folder: &Path, name: &str, certificate: &Certificate) -> String {
    fs::write(folder.join(name), certificate.pem()).unwrap();
    at(folder, name)
}

#[test]
fn openssl_takes_the_root_the_key_and_the_empty_crl() {
    let (_parent, folder) = fresh();
    let ca = at(&folder, CERTIFICATE);
    openssl::run(&["verify", "-CAfile", &ca, "-check_ss_sig", "-x509_strict", &ca]);
    let text = openssl::run(&["x509", "-in", &ca, "-noout", "-text"]);
    for expected in
        ["CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "Subject Key Identifier", "prime256v1"]
    {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
    let crl = openssl::run(&["crl", "-in", &at(&folder, CRL), "-CAfile", &ca, "-noout", "-text"]);
    for expected in ["verify OK", "CRL Number: \n                1\n", "No Revoked Certificates"] {
        assert!(crl.contains(expected), "{expected} is missing:\n{crl}");
    }
    openssl::run(&["crl", "-in", &at(&folder, "crl.der"), "-inform", "DER", "-noout", "-text"]);

    let key = at(&folder, KEY);
    let right = format!("pass:{PASSPHRASE}");
    let public = openssl::run(&["pkey", "-in", &key, "-passin", &right, "-pubout"]);
    assert_eq!(public, openssl::run(&["x509", "-in", &ca, "-noout", "-pubkey"]));
    assert!(!openssl::try_run(&["pkey", "-in", &key, "-passin", "pass:wrong", "-noout"]).0);
    assert!(fs::read_to_string(folder.join(KEY)).unwrap().contains("BEGIN ENCRYPTED PRIVATE KEY"));
}

#[test]
fn openssl_takes_both_certificates() {
    let (_parent, folder) = fresh();
    let mut ca = open(&folder);
    let root = at(&folder, CERTIFICATE);
    for (kind, usage, purpose) in [
        (Kind::Payment, "Digital Signature, Non Repudiation\n", "1.3.6.1.4.1.32473.20.2\n"),
        (Kind::Authentication, "Digital Signature\n", "TLS Web Client Authentication\n"),
    ] {
        let certificate = issue(&mut ca, kind).unwrap();
        assert!(
            certificate.is_of(kind)
                && certificate.issued_by(ca.certificate(kind))
                && certificate.crl_pointed_at
        );
        assert_eq!(certificate.holder(), Some(zhang()));
        let path = put(&folder, "cert.pem", &certificate);
        openssl::run(&["verify", "-CAfile", &root, "-x509_strict", "-purpose", "any", &path]);
        let crl = at(&folder, CRL);
        openssl::run(&["verify", "-CAfile", &root, "-CRLfile", &crl, "-crl_check", "-purpose", "any", &path]);
        let text =
            openssl::run(&["x509", "-in", &path, "-noout", "-text", "-nameopt", "utf8,sep_comma_plus_space"]);
        for expected in [
            usage,
            purpose,
            "CA:FALSE",
            "Subject Key Identifier",
            "Authority Key Identifier",
            "URI:http://crl.bank.example/ca.crl",
            "O=U-shield Test Bank, OU=U-shield test token, CN=张三, serialNumber=6222020200112233",
        ] {
            assert!(text.contains(expected), "{kind}: {expected} is missing:\n{text}");
        }
        let serial = openssl::run(&["x509", "-in", &path, "-noout", "-serial"]);
        assert_eq!(serial.trim(), format!("serial={}", certificate.serial));
        assert_eq!(certificate.serial.len(), 40, "20 bytes");
    }
    let client = put(&folder, "client.pem", &issue(&mut ca, Kind::Authentication).unwrap());
    openssl::run(&["verify", "-CAfile", &root, "-purpose", "sslclient", &client]);
    assert!(!openssl::try_run(&["verify", "-CAfile", &root, "-purpose", "sslserver", &client]).0);
    let payment = put(&folder, "payment.pem", &issue(&mut ca, Kind::Payment).unwrap());
    assert!(!openssl::try_run(&["verify", "-CAfile", &root, "-purpose", "sslclient", &payment]).0);
}

#[test]
fn openssl_refuses_what_was_revoked() {
    let (_parent, folder) = fresh();
    let mut ca = open(&folder);
    let [kept, revoked] = [issue(&mut ca, Kind::Payment).unwrap(), issue(&mut ca, Kind::Payment).unwrap()];
    assert!(ca.stands(&revoked).unwrap());
    ca.revoke(&revoked.serial, Revocation::KeyCompromise).unwrap();
    assert!(!ca.stands(&revoked).unwrap() && ca.stands(&kept).unwrap());
    let (root, crl) = (at(&folder, CERTIFICATE), at(&folder, CRL));
    let verify = |path: &str| {
        openssl::try_run(&[
            "verify",
            "-CAfile",
            &root,
            "-CRLfile",
            &crl,
            "-crl_check",
            "-purpose",
            "any",
            path,
        ])
    };
    assert!(verify(&put(&folder, "kept.pem", &kept)).0);
    let (good, said) = verify(&put(&folder, "revoked.pem", &revoked));
    assert!(!good && said.contains("certificate revoked"), "{said}");
    let text = openssl::run(&["crl", "-in", &crl, "-CAfile", &root, "-noout", "-text"]);
    for expected in
        ["verify OK", "Key Compromise", "CRL Number: \n                2\n", revoked.serial.as_str()]
    {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
    assert_eq!(ca.revoke(&revoked.serial, Revocation::Unspecified).unwrap_err().reason(), Reason::Invalid);
    assert_eq!(ca.revoke("0102", Revocation::Unspecified).unwrap_err().reason(), Reason::Invalid);
    assert_eq!(ca.issue_crl(1).unwrap(), 3);
}

#[test]
fn a_ca_is_never_overwritten() {
    let (_parent, folder) = fresh();
    let before = fs::read(folder.join(KEY)).unwrap();
    assert_eq!(found(&folder, &founding(), None).unwrap_err().reason(), Reason::Exists);
    fs::remove_file(folder.join(CERTIFICATE)).unwrap();
    assert_eq!(found(&folder, &founding(), None).unwrap_err().reason(), Reason::Exists);
    assert_eq!(fs::read(folder.join(KEY)).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn the_folder_and_the_key_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let (parent, folder) = fresh();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!((mode(&folder.join(KEY)), mode(&folder.join(INDEX))), (0o600, 0o600));
    fs::set_permissions(folder.join(KEY), fs::Permissions::from_mode(0o644)).unwrap();
    let fault = Authority::open(&folder, Some(PASSPHRASE.as_bytes())).err().unwrap();
    assert_eq!(fault.reason(), Reason::TooOpen);
    let open_folder = parent.path().join("open");
    fs::create_dir(&open_folder).unwrap();
    fs::set_permissions(&open_folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found(&open_folder, &founding(), None).unwrap_err().reason(), Reason::TooOpen);
}

#[test]
fn opening_refuses_what_is_wrong() {
    let (parent, folder) = fresh();
    let reason = |folder: &Path, passphrase: &str| {
        Authority::open(folder, Some(passphrase.as_bytes())).err().unwrap().reason()
    };
    assert_eq!(reason(&folder, "wrong"), Reason::SecretWrong);
    assert_eq!(reason(&parent.path().join("none"), PASSPHRASE), Reason::Missing);
    let other = parent.path().join("other");
    found(&other, &founding(), Some(PASSPHRASE.as_bytes())).unwrap();
    fs::copy(other.join(CERTIFICATE), folder.join(CERTIFICATE)).unwrap();
    assert_eq!(reason(&folder, PASSPHRASE), Reason::WrongKey);
    fs::write(other.join(KEY), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    assert_eq!(reason(&other, PASSPHRASE), Reason::Damaged);
}

#[test]
fn a_key_in_clear_asks_for_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("ca");
    found(&folder, &founding(), None).unwrap();
    Authority::open(&folder, None).unwrap();
    openssl::run(&["pkey", "-in", &at(&folder, KEY), "-noout"]);
}

#[test]
fn refuses_to_issue_against_its_rules() {
    let (_parent, folder) = fresh();
    let mut ca = open(&folder);
    let key = KeyPair::generate().unwrap();
    let why = |ca: &mut Authority, kind, validity| {
        let fault = issue_for(ca, kind, &key, validity).unwrap_err();
        assert_eq!(fault.reason(), Reason::IssuerRefused, "{fault}");
        fault.why().to_string()
    };
    assert!(why(&mut ca, Kind::Payment, Validity::Days(3651)).contains("the CA's own certificate"));
    issue_for(&mut ca, Kind::Payment, &key, Validity::Days(1)).unwrap();
    issue_for(&mut ca, Kind::Payment, &key, Validity::Days(1)).unwrap();
    assert!(
        why(&mut ca, Kind::Authentication, Validity::Days(1)).contains("certificate for payment already")
    );

    let subject = Subject { organisation: "Another Bank".into(), ..zhang() };
    let fault = ca.ready(&subject, Validity::Days(1)).unwrap_err();
    assert!(fault.why().contains("Another Bank"));
    let request = request(&key, &zhang());
    let thief = Subject { name: "李四".into(), ..zhang() };
    let order = Order {
        request: &request,
        kind: Kind::Payment,
        subject: &thief,
        validity: Validity::Days(1),
        token: None,
    };
    assert_eq!(ca.issue(&order).unwrap_err().reason(), Reason::IssuerRefused);
    assert_eq!(ca.index().unwrap().certificates.len(), 2);
}

#[test]
fn two_at_once_lose_nothing() {
    let (_parent, folder) = fresh();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let folder = folder.clone();
            std::thread::spawn(move || {
                let mut ca = open(&folder);
                for _ in 0..5 {
                    let certificate = issue(&mut ca, Kind::Payment).unwrap();
                    ca.revoke(&certificate.serial, Revocation::Superseded).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let index = open(&folder).index().unwrap();
    assert_eq!(index.certificates.len(), 20);
    assert!(index.certificates.iter().all(|entry| entry.revoked_at.is_some()));
    assert_eq!(index.crl_number, 21);
    let crl = openssl::run(&[
        "crl",
        "-in",
        &at(&folder, CRL),
        "-CAfile",
        &at(&folder, CERTIFICATE),
        "-noout",
        "-text",
    ]);
    assert_eq!(crl.matches("Serial Number:").count(), 20);
}

#[test]
fn what_a_killed_process_left_beside_the_ca_is_swept_by_the_next_change() {
    let (_parent, folder) = fresh();
    let names = || {
        let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let whole = names();
    for left in [".index.json.0123456789abcdef.tmp", ".ca-key.pem.fedcba9876543210.tmp"] {
        fs::write(folder.join(left), "half").unwrap();
    }
    fs::write(folder.join(".notes.tmp"), "not ours").unwrap();
    issue(&mut open(&folder), Kind::Payment).unwrap();
    let notes = std::ffi::OsString::from(".notes.tmp");
    assert_eq!(names(), whole.into_iter().chain([notes]).collect());
}

#[test]
fn what_never_arrived_is_revoked_by_the_next_delivery() {
    let (_parent, folder) = fresh();
    let mut ca = open(&folder);
    let [lost, arrived, other] = [Kind::Payment; 3].map(|kind| issue(&mut ca, kind).unwrap());
    ca.delivered("T2", std::slice::from_ref(&other.serial)).unwrap();
    assert!(ca.stands(&lost).unwrap(), "another token's delivery says nothing about this one");
    ca.delivered("T1", std::slice::from_ref(&arrived.serial)).unwrap();
    assert!(!ca.stands(&lost).unwrap());
    assert!(ca.stands(&arrived).unwrap() && ca.stands(&other).unwrap());
    assert_eq!(ca.index().unwrap().find(&lost.serial).unwrap().reason, Some(Revocation::Superseded));
}

#[test]
fn texts_of_a_ca_are_checked() {
    let parent = tempfile::tempdir().unwrap();
    for (name, crl_url) in
        [("", "http://a"), ("a\u{202E}b", "http://a"), ("CA", "ftp://a"), ("CA", "http://银行")]
    {
        let founding = Founding { name, crl_url, ..founding() };
        let folder = parent.path().join("ca");
        assert_eq!(found(&folder, &founding, None).unwrap_err().reason(), Reason::Invalid);
        assert!(!folder.exists());
    }
}

/// What a CA signs repeats its name byte for byte, whatever types of strings another program wrote the name in
/// (RFC 5280, 4.1.2.4 and 5.1.2.3), and the identifier that its own certificate has.
#[test]
fn a_foreign_cas_name_is_repeated_byte_for_byte() {
    use der::{Decode as _, Encode as _};
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, KeyIdMethod};
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, DnValue::PrintableString("CN".try_into().unwrap()));
    name.push(DnType::OrganizationName, DnValue::BmpString("银行".try_into().unwrap()));
    name.push(DnType::OrganizationalUnitName, DnValue::TeletexString("Unit".try_into().unwrap()));
    name.push(DnType::from_oid(&[1, 3, 6, 1, 4, 1, 32473, 1]), "own");
    let mut params = CertificateParams::default();
    (params.distinguished_name, params.is_ca) = (name, IsCa::Ca(BasicConstraints::Constrained(0)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 11]);
    let pair = KeyPair::generate().unwrap();
    let certificate = Certificate::parse(params.self_signed(&pair).unwrap().der()).unwrap();
    let key = crate::signature::PrivateKey::from_pkcs8(&pair.serialize_der()).unwrap();
    let signer = Signer { charge: Charge::All, certificate, key };
    let now = moment::now();
    let index = Index::new("http://crl.bank.example/ca.crl".into(), None);
    let crl = sign::crl(&signer, &index, now, now + time::Duration::DAY).unwrap();
    let list: x509_cert::crl::CertificateList = x509_cert::crl::CertificateList::from_der(&crl).unwrap();
    let root = x509_cert::Certificate::from_der(&signer.certificate.der).unwrap();
    let subject = root.tbs_certificate().subject().to_der().unwrap();
    assert_eq!(list.tbs_cert_list.issuer.to_der().unwrap(), subject);
    assert!(crl.windows(13).any(|window| window == [&[0x80, 11], &[7; 11][..]].concat()));
}
