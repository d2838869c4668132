//! openssl asks, and judges the answer.

use super::*;
use crate::{
    ca::ocsp::{self, Status},
    register::Register,
};

/// A CA, and three files: its certificate, and two certificates that it has issued, of which the second is revoked.
struct Scene {
    _parent: tempfile::TempDir,
    folder: PathBuf,
    ca: Authority,
    serials: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("ca");
        found(&folder, &founding(), None).unwrap();
        let mut ca = Authority::open(&folder, None).unwrap();
        let mut serials = Vec::new();
        for name in ["good", "revoked"] {
            let certificate = issue(&mut ca, Kind::Payment).unwrap();
            fs::write(folder.join(name), certificate.pem()).unwrap();
            serials.push(certificate.serial);
        }
        ca.revoke(&serials[1], Revocation::KeyCompromise).unwrap();
        Self { _parent: parent, folder, ca, serials }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn status(&self, serial: &str) -> Status {
        let index = self.ca.index().unwrap();
        match index.entries().iter().find(|entry| entry.serial == serial) {
            None => Status::Unknown,
            Some(Entry { revoked_at: Some(at), reason: Some(why), .. }) => Status::Revoked(*at, *why),
            Some(_) => Status::Good,
        }
    }

    fn request(&self, more: &[&str]) -> Vec<u8> {
        let (ca, out) = (self.path(CERTIFICATE), self.path("request"));
        openssl::run(&[&["ocsp", "-issuer", &ca, "-reqout", &out], more].concat());
        fs::read(out).unwrap()
    }

    /// What openssl says of the answer to this request.
    fn judged(&self, request: &[u8], more: &[&str]) -> String {
        let now = moment::now();
        let responder = self.ca.signers.responder(Kind::Payment, now).unwrap();
        assert!(responder.is_fresh(now) && !responder.is_fresh(now + time::Duration::days(29)));
        let asked = ocsp::read(request).unwrap();
        let until = now + time::Duration::HOUR;
        let answer = responder.answer(&asked, |serial| self.status(serial), dated(now), until).unwrap();
        fs::write(self.path("answer"), answer).unwrap();
        let (ca, answer) = (self.path(CERTIFICATE), self.path("answer"));
        let own =
            ["ocsp", "-respin", &answer, "-CAfile", &ca, "-issuer", &ca, "-reqin", &self.path("request")];
        openssl::run(&[&own, more].concat())
    }
}

#[test]
fn openssl_takes_the_answers_with_either_hash_and_its_nonce() {
    let scene = Scene::new();
    let (good, revoked) = (scene.path("good"), scene.path("revoked"));
    for hash in ["-sha1", "-sha256"] {
        let request = scene.request(&[hash, "-cert", &good, "-cert", &revoked]);
        assert_eq!(ocsp::read(&request).unwrap().serials(), scene.serials);
        let said = scene.judged(&request, &["-resp_text"]);
        for part in
            ["Cert Status: good", "Cert Status: revoked", "keyCompromise", "OCSP Nonce", "OCSP Signing"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("WARNING"), "{said}");
    }
}

#[test]
fn of_what_the_ca_has_not_issued_nothing_is_known() {
    let (scene, other) = (Scene::new(), Scene::new());
    let request = scene.request(&["-serial", "0x1234", "-no_nonce"]);
    assert!(scene.judged(&request, &["-resp_text"]).contains("Cert Status: unknown"));
    // The serial number is one of ours, and the issuer's key another CA's of the same name.
    let out = scene.path("request");
    let serial = format!("0x{}", scene.serials[0]);
    openssl::run(&[
        "ocsp",
        "-issuer",
        &other.path(CERTIFICATE),
        "-serial",
        &serial,
        "-no_nonce",
        "-reqout",
        &out,
    ]);
    let request = fs::read(&out).unwrap();
    // openssl takes no delegate's word on another issuer's certificates, and that is right.
    assert!(scene.judged(&request, &["-resp_text", "-noverify"]).contains("Cert Status: unknown"));
}

#[test]
fn what_is_no_request_is_read_as_none() {
    let scene = Scene::new();
    let request = scene.request(&["-cert", &scene.path("good")]);
    for end in 0..request.len() {
        assert!(ocsp::read(&request[..end]).is_none());
    }
    assert!(ocsp::read(&[&request[..], &[0]].concat()).is_none());
    assert!(ocsp::read(&vec![0x30; 9000]).is_none());
    let mut changed = request.clone();
    for at in 0..request.len() {
        changed[at] ^= 0x41;
        let _only_that_it_returns = ocsp::read(&changed);
        changed[at] ^= 0x41;
    }
}
