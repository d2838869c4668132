//! The keys of the CA are changed while the bank serves. openssl judges what both generations publish.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use authority::{
    attestation::{
        TEST_BRAND,
        maker::{Maker, certificate, key, spki},
    },
    certificate::pem,
    certificate_kind::Kind,
    csr,
    signature::PublicKey,
    subject::Subject,
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use wire::{algorithm::KeyAlgorithm, attest};

use super::*;

/// The status and the body of an answer.
fn ask(at: &str, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
    let place = at.trim_start_matches("http://");
    let mut stream = TcpStream::connect(place).expect("a connection");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {place}\r\nAccept-Language: en\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let status = text(&answer[..end]).split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), answer[end..].to_vec())
}

fn openssl(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).output().expect("openssl");
    (output.status.success(), text(&[output.stdout, output.stderr].concat()))
}

#[track_caller]
fn takes(arguments: &[&str]) -> String {
    let (good, said) = openssl(arguments);
    assert!(good, "{arguments:?}: {said}");
    said
}

/// A customer with a shield in software: it has no screen and pays nothing here, and gets certificates as any other.
struct Customer {
    name: &'static str,
    serial: &'static str,
    account: String,
    document: &'static str,
}

impl Customer {
    fn open(
        scene: &Scene,
        at: &str,
        name: &'static str,
        document: &'static str,
        serial: &'static str,
    ) -> Self {
        let errand =
            ["open", "--name", name, "--deposit", "10000", "--document", document, "--phone", "13800000000"];
        let account = after(&scene.does(at, "lin", &errand), "account: ").to_owned();
        let own = Self { name, serial, account, document };
        own.act(scene, at, &["contract"]);
        own
    }

    fn act(&self, scene: &Scene, at: &str, errand: &[&str]) -> String {
        scene.does(at, "lin", &[errand, &["--account", &self.account, "--document", self.document]].concat())
    }

    /// Reference and code, which a second teller has approved.
    fn code(&self, scene: &Scene, at: &str, errand: &[&str]) -> Value {
        let asked = self.act(scene, at, errand);
        let said = scene.does(at, "zhao", &["approve", after(&asked, "waits for a second teller: ")]);
        let of = |mark: &str| after(&said, mark).to_owned();
        json!({ "reference": of("reference, for the customer only: "), "code": of("code, for the customer only: ") })
    }

    fn certify(&self, at: &str, code: &Value, kind: Kind) -> (u16, Value) {
        let (status, told) = ask(at, "POST", "/api/id/present", &code.to_string());
        assert_eq!(status, 200, "{}", text(&told));
        let own: Value = serde_json::from_slice(&told).expect("JSON");
        let word = |key: &str| own[key].as_str().map(str::to_owned);
        let subject = Subject {
            organisation: word("organisation").expect("a bank"),
            unit: word("unit"),
            name: self.name.into(),
            user_id: self.account.clone(),
        };
        let signing = SigningKey::from_slice(&fresh()).expect("a key");
        let public = PublicKey::parse(&spki(&signing)).expect("a key of P-256");
        let info = csr::info(&subject, &public).expect("an info");
        let signature: Signature = signing.sign(&info);
        let request =
            csr::signed(&info, KeyAlgorithm::P256, signature.to_der().as_bytes()).expect("a request");
        let attestation = Maker { serial: self.serial, ..Maker::new(kind) }.attest(&spki(&signing));
        let mut body = code.clone();
        body["kind"] = kind.name().into();
        body["request"] = pem("CERTIFICATE REQUEST", &request).into();
        body["statement"] = pem("CERTIFICATE", &attestation.statement).into();
        body["token"] = pem("CERTIFICATE", &attestation.token).into();
        let (status, told) = ask(at, "POST", "/api/id/certify", &body.to_string());
        (status, serde_json::from_slice(&told).expect("JSON"))
    }

    /// The whole ID: the payment certificate is in this file.
    fn enrol(&self, scene: &Scene, at: &str, code: &Value, file: &str) -> String {
        let [payment, authentication] = Kind::ALL.map(|kind| {
            let (status, told) = self.certify(at, code, kind);
            assert_eq!(status, 200, "{told}");
            told
        });
        let mut body = code.clone();
        body["serials"] = json!([payment["serial"], authentication["serial"]]);
        assert_eq!(ask(at, "POST", "/api/id/deliver", &body.to_string()).0, 200);
        fs::write(scene.path(file), payment["certificate"].as_str().expect("PEM")).expect("written");
        scene.at(file)
    }
}

fn fresh() -> [u8; 32] {
    KeyPair::generate().expect("a key").serialize_der()[36..68].try_into().expect("32 bytes")
}

/// The bank trusts the factory of shields in software.
fn trust_the_factory(scene: &Scene) {
    let factory = certificate(&attest::factory(TEST_BRAND, &spki(&key(1)), &[1; 20]), &key(1));
    fs::write(scene.path("bank/factory/test.pem"), pem("CERTIFICATE", &factory)).expect("written");
}

/// Fetches what the bank publishes for verifiers: the issuers, and the lists of all of them.
fn published(scene: &Scene, at: &str) -> (String, String) {
    for name in ["ca/payment.pem", "crl/payment.pem", "ca/payment-links.pem"] {
        let (status, body) = ask(at, "GET", &format!("/{name}"), "");
        assert_eq!(status, 200, "{name}");
        fs::write(scene.path(&name.replace('/', "-")), body).expect("written");
    }
    (scene.at("ca-payment.pem"), scene.at("crl-payment.pem"))
}

/// What openssl says of a certificate, with the issuers and the lists that the bank has published.
fn judged(scene: &Scene, at: &str, certificate: &str) -> (bool, String) {
    let (ca, crl) = published(scene, at);
    openssl(&["verify", "-purpose", "any", "-CAfile", &ca, "-CRLfile", &crl, "-crl_check", certificate])
}

/// What the responder says, by the address that the certificate names.
fn asked(at: &str, issuer: &Path, certificate: &str) -> String {
    let uri = takes(&["x509", "-in", certificate, "-noout", "-ocsp_uri"]);
    assert!(uri.trim().ends_with("/api/ocsp/payment"), "{uri}");
    let place = at.trim_start_matches("http://");
    let url = format!("http://{}/api/ocsp/payment", place.replace("localhost", "127.0.0.1"));
    let issuer = issuer.to_str().expect("a path");
    let host = format!("Host={place}");
    let line =
        ["ocsp", "-issuer", issuer, "-CAfile", issuer, "-cert", certificate, "-url", &url, "-header", &host];
    let said = takes(&line);
    assert!(said.contains("Response verify OK"), "{said}");
    said
}

#[test]
fn keys_of_the_ca_are_changed_while_the_bank_serves() {
    let scene = Scene::new();
    trust_the_factory(&scene);
    let (first, second) = (scene.path("bank/ca/ca.pem"), scene.path("bank/ca/2/ca.pem"));
    let mut served = scene.serve(&[]);
    let at = served.tellers.clone();
    let zhang = Customer::open(&scene, &at, "张三", "AB123456", "00C0FFEE");
    let li = Customer::open(&scene, &at, "李四", "CD123456", "00C0FFE1");
    let shield = |own: &Customer, at: &str| own.code(&scene, at, &["shield", "--serial", own.serial]);
    let former = zhang.enrol(&scene, &served.customers, &shield(&zhang, &at), "zhang.pem");
    let kept = li.enrol(&scene, &served.customers, &shield(&li, &at), "li.pem");
    let said = scene.done(&["ca", "list"]);
    assert_eq!(said.trim(), "1: from its first day on, issues, 4 certificates that have not ended");
    assert!(scene.refused(&["ca", "forget", "1"]).contains("4 certificates of generation 1 have not ended"));

    let said = scene.done(&["ca", "add"]);
    assert!(
        said.contains("generation 2 of the CA's keys issues from 20") && said.contains("copy the folder ca"),
        "{said}"
    );
    let said = scene.done(&["ca", "list"]);
    assert!(said.contains("1: from its first day on, issues, 4"), "{said}");
    assert!(said.contains("1 nodes were started before generation 2 was made"), "{said}");
    // A node that was not started anew serves on; and so does one that has the keys, before their time.
    assert!(judged(&scene, &served.customers, &former).0);
    served.stop();
    served = scene.serve(&[]);
    assert!(!scene.done(&["ca", "list"]).contains("were started before"));
    let wang = Customer::open(&scene, &served.tellers, "王五", "EF123456", "00C0FFE2");
    let early = wang.enrol(&scene, &served.customers, &shield(&wang, &served.tellers), "early.pem");
    assert!(
        takes(&["x509", "-in", &early, "-noout", "-issuer"]).trim().ends_with("CN = U-shield Test Bank CA")
    );

    // The third one issues at once.
    scene.done(&["ca", "add", "--hours", "0"]);
    served.stop();
    served = scene.serve(&[]);
    let (at, customers) = (served.tellers.clone(), served.customers.clone());
    let third = scene.path("bank/ca/3/ca.pem");
    let code = zhang.code(&scene, &at, &["shield-code"]);
    let renewed = zhang.enrol(&scene, &customers, &code, "renewed.pem");
    let said = takes(&["x509", "-in", &renewed, "-noout", "-text"]);
    assert!(said.contains("CN = U-shield Test Bank CA 3") && said.contains("/crl/3/payment.crl"), "{said}");
    let (good, why) = judged(&scene, &customers, &former);
    assert!(!good && why.contains("certificate revoked"), "another ID took its place: {why}");
    for (certificate, issuer) in [(&kept, &first), (&early, &first), (&renewed, &third)] {
        let (good, why) = judged(&scene, &customers, certificate);
        assert!(good, "{why}");
        assert!(asked(&customers, issuer, certificate).contains(": good"));
    }
    assert!(asked(&customers, &first, &former).contains(": revoked"));
    // Each list has what its issuer has issued, and its number is its own.
    for (path, issuer, has) in [("/crl/payment.crl", &first, true), ("/crl/3/payment.crl", &third, false)] {
        let (status, der) = ask(&customers, "GET", path, "");
        assert_eq!(status, 200);
        fs::write(scene.path("one.crl"), der).expect("written");
        let issuer = issuer.to_str().expect("a path");
        let said = takes(&[
            "crl",
            "-inform",
            "DER",
            "-in",
            &scene.at("one.crl"),
            "-CAfile",
            issuer,
            "-noout",
            "-text",
        ]);
        assert!(said.contains("verify OK") && said.contains("Revoked Certificates:") == has, "{said}");
    }
    for nowhere in ["/crl/4/payment.crl", "/crl/x/payment.crl", "/crl/-1/authentication.crl"] {
        assert_eq!(ask(&customers, "GET", nowhere, "").0, 404, "{nowhere}");
    }
    // Whoever has the first certificate alone learns of the others by openssl.
    let links = fs::read_to_string(scene.path("ca-payment-links.pem")).expect("the links");
    let links: Vec<_> = links.split_inclusive("-----END CERTIFICATE-----\n").collect();
    assert_eq!(links.len(), 3, "1 of 2, 1 and 2 of 3");
    let vouched = links.iter().filter(|link| {
        fs::write(scene.path("link.pem"), link).expect("written");
        openssl(&["verify", "-CAfile", first.to_str().expect("a path"), &scene.at("link.pem")]).0
    });
    assert_eq!(vouched.count(), 2);

    // All generations are closed by another passphrase, and an older copy of the folder is told so.
    scene.done(&["secrets", "add", "authority"]);
    served.stop();
    let (own, away) = (scene.path("bank/ca/2"), scene.path("away"));
    fs::rename(&own, &away).expect("moved");
    for command in [&["serve"][..], &["ca", "add"]] {
        let said = scene.refused(command).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("lacks generation 2") && said.contains("copy the folder ca"), "{said}");
    }
    fs::create_dir(&own).expect("a folder");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).expect("closed");
    for file in fs::read_dir(scene.path("bank/ca/3")).expect("the third one") {
        let file = file.expect("a file");
        fs::copy(file.path(), own.join(file.file_name())).expect("copied");
    }
    let said = scene.refused(&["serve"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("generation 2 in its folder ca has other keys"), "{said}");
    fs::remove_dir_all(&own).expect("removed");
    fs::rename(&away, &own).expect("moved back");

    // The first keys were stolen.
    served = scene.serve(&[]);
    let (at, customers) = (served.tellers.clone(), served.customers.clone());
    let said = scene.done(&["ca", "stolen", "1"]);
    assert!(said.contains("4 certificates; 2 shields"), "{said}");
    assert!(said.contains("generation 3 issues") && said.contains("shield-code"), "{said}");
    assert!(asked(&customers, &first, &kept).contains(": revoked"));
    let (good, why) = judged(&scene, &customers, &kept);
    assert!(!good && why.contains("unable to get local issuer certificate"), "{why}");
    assert!(judged(&scene, &customers, &renewed).0);
    let code = li.code(&scene, &at, &["shield-code"]);
    let again = li.enrol(&scene, &customers, &code, "again.pem");
    assert!(judged(&scene, &customers, &again).0);
    assert!(scene.refused(&["ca", "stolen", "1"]).contains("no generation 1 that is trusted"));
    assert!(scene.refused(&["ca", "forget", "3"]).contains("have not ended"));
    // Nothing is of the second one, and its moment never comes.
    let said = scene.done(&["ca", "forget", "2"]);
    assert!(said.contains("generation 2 is taken out") && !second.exists(), "{said}");
    // A command that was cut off before the files were gone is run again.
    fs::create_dir(&own).expect("a folder");
    fs::write(own.join("ca-key.pem"), "a key that was left").expect("written");
    scene.done(&["ca", "forget", "2"]);
    assert!(!own.exists());
    assert!(scene.refused(&["ca", "forget", "7"]).contains("the books know of no generation 7"));
    let said = scene.done(&["ca", "list"]);
    assert!(
        said.contains("1: stolen, trusted no more since ") && said.contains("2: taken out on "),
        "{said}"
    );
    served.stop();
    let served = scene.serve(&[]);
    assert!(judged(&scene, &served.customers, &again).0);
    served.stop();
    assert!(scene.done(&["audit", "verify"]).contains("the books are right"));
}

/// Cut off at any moment, and several at once: the bank starts, and no number is two keys.
#[test]
fn a_change_that_is_cut_off_or_done_twice_leaves_one_bank() {
    let scene = Scene::new();
    for wait in [1, 20, 50, 90, 150, 250, 400, 700] {
        let mut cut = scene
            .command(&["ca", "add", "--hours", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        std::thread::sleep(Duration::from_millis(wait));
        let _ = cut.kill();
        cut.wait().expect("an end");
        scene.serve(&[]).stop();
    }
    scene.done(&["ca", "add", "--hours", "0"]);
    let folders = |scene: &Scene| {
        let names = fs::read_dir(scene.path("bank/ca")).expect("the folder").flatten();
        names.filter(|entry| entry.path().join("ca.pem").exists()).count()
    };
    let before = scene.done(&["ca", "list"]).lines().count();
    assert_eq!(folders(&scene) + 1, before, "the first one lies in the folder itself");
    assert!(!scene.path("bank/ca/.unfinished").exists());
    let start = || {
        scene
            .command(&["ca", "add", "--hours", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process")
    };
    let both = [start(), start()].map(|process| process.wait_with_output().expect("an end"));
    let done = both.iter().filter(|output| output.status.success()).count();
    assert!(done >= 1);
    for output in both.iter().filter(|output| !output.status.success()) {
        assert!(
            text(&output.stderr).contains("another command is changing them"),
            "{}",
            text(&output.stderr)
        );
    }
    assert_eq!(scene.done(&["ca", "list"]).lines().count(), before + done);
    assert_eq!(folders(&scene) + 1, before + done);
    scene.serve(&[]).stop();
}

/// The books are older than the keys: the command takes up the keys that are in the folder, and they are the same ones.
#[test]
fn books_from_before_a_change_take_the_same_keys_again() {
    let scene = Scene::new();
    // PostgreSQL has its own tools for this.
    if scene.url.is_some() {
        return;
    }
    let copy = scene.at("copy");
    scene.done(&["backup", &copy]);
    scene.done(&["ca", "add", "--hours", "0"]);
    let keys = fs::read(scene.path("bank/ca/2/ca.pem")).expect("the second one");
    scene.forget();
    scene.done(&["restore", &copy]);
    scene.serve(&[]).stop();
    assert!(fs::read_to_string(scene.path("log")).expect("a log").contains("takes up what was interrupted"));
    assert!(scene.refused(&["ca", "forget", "2"]).contains("the books know of no generation 2"));
    scene.done(&["ca", "add", "--hours", "0"]);
    assert_eq!(fs::read(scene.path("bank/ca/2/ca.pem")).expect("the second one"), keys);
    let said = scene.done(&["ca", "list"]);
    assert!(said.contains("2: from 20") && said.contains(" on, issues"), "{said}");
    scene.serve(&[]).stop();
}
