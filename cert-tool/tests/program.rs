//! The program as people run it, without a token: the CA, requests that openssl makes, openssl's judgement of the results, two
//! processes at once, a full disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PASSPHRASE: &str = "correct horse";

/// A folder of one test's own.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a CA in `ca`.
    fn with_ca() -> Self {
        let scene = Self::new();
        scene.good(&["ca", "init", "--dir", "ca", "--name", "Test CA"]);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cert-tool"));
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("CERT_TOOL_PASSPHRASE", PASSPHRASE)
            .env_remove("CERT_TOOL_CA")
            .env_remove("USHIELD_USBIP");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments).output().unwrap()
    }

    fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs what must end with exit code 1. Returns what the program said.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        let said = text(&output.stderr);
        assert!(said.contains("why:") && said.contains("next:"), "{said}");
        said
    }

    fn openssl(&self, arguments: &[&str]) -> (bool, String) {
        let output =
            Command::new("openssl").args(arguments).current_dir(self.folder.path()).output().unwrap_or_else(
                |fault| panic!("openssl does not run ({fault}): install the package `openssl`"),
            );
        (output.status.success(), text(&[output.stdout, output.stderr].concat()))
    }

    fn accepted(&self, arguments: &[&str]) -> String {
        let (good, said) = self.openssl(arguments);
        assert!(good, "openssl {}: {said}", arguments.join(" "));
        said
    }

    /// A request for 张三, made by openssl.
    fn request(&self) {
        self.accepted(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem"]);
        let subject = "/O=U-shield Test Bank/CN=张三/serialNumber=6222";
        self.accepted(&["req", "-new", "-utf8", "-key", "key.pem", "-subj", subject, "-out", "r.csr"]);
    }
}

/// `ca issue` of `r.csr` for 张三, with these options more.
fn issue<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let all = ["ca", "issue", "--dir", "ca", "--request", "r.csr", "--name", "张三", "--user-id", "6222"];
    [&all, more].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn completions_and_manual_pages_are_written() {
    let scene = Scene::new();
    assert!(scene.good(&["completions", "bash"]).contains("complete -F _cert__tool"));
    scene.good(&["man", "pages"]);
    let page = fs::read_to_string(scene.path("pages/cert-tool-enrol.1")).unwrap();
    assert!(page.contains("cert\\-tool enrol \\-\\-ca CA \\-\\-name"), "{page}");
}

#[test]
fn from_founding_to_revocation() {
    let scene = Scene::with_ca();
    scene.request();
    scene.good(&issue(&["--kind", "payment", "--out", "cert.pem", "--not-after", "2030-06-30"]));
    let dates = scene.accepted(&["x509", "-in", "cert.pem", "-noout", "-enddate"]);
    assert!(dates.contains("Jun 30 23:59:59 2030 GMT"), "{dates}");
    let verify = ["verify", "-CAfile", "ca/ca.pem", "-CRLfile", "ca/crl.pem", "-crl_check", "cert.pem"];
    scene.accepted(&verify);
    scene.accepted(&["pkey", "-in", "ca/ca-key.pem", "-passin", "pass:correct horse", "-noout"]);

    let shown = scene.good(&["show", "--file", "cert.pem"]);
    assert!(shown.contains("CN=张三") && shown.contains("payment (1.3.6.1.4.1.32473.20.2)"), "{shown}");
    let json = scene.good(&["show", "--file", "cert.pem", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let serial = json["serial"].as_str().unwrap();
    assert_eq!(
        scene.accepted(&["x509", "-in", "cert.pem", "-noout", "-serial"]).trim(),
        format!("serial={serial}")
    );

    let said = scene.good(&["revoke", "cert.pem", "--reason", "key-compromise", "--ca", "ca"]);
    assert!(said.contains(serial), "{said}");
    let (good, said) = scene.openssl(&verify);
    assert!(!good && said.contains("certificate revoked"), "{said}");
    assert!(scene.refused(&["ca", "revoke", serial, "--dir", "ca"]).contains("was revoked on"));
    assert!(scene.refused(&issue(&["--kind", "payment"])).contains("compromised"));
    scene.good(&["ca", "crl", "--dir", "ca", "--days", "7", "--out", "served.crl", "--der"]);
    scene.accepted(&[
        "crl",
        "-in",
        "served.crl",
        "-inform",
        "DER",
        "-CAfile",
        "ca/ca.pem",
        "-noout",
        "-text",
    ]);
}

#[test]
fn nothing_is_overwritten_or_taken_on_trust() {
    let scene = Scene::with_ca();
    scene.request();
    let key = fs::read(scene.path("ca/ca-key.pem")).unwrap();
    assert!(scene.refused(&["ca", "init", "--dir", "ca"]).contains("never overwritten"));
    assert_eq!(fs::read(scene.path("ca/ca-key.pem")).unwrap(), key);

    fs::write(scene.path("cert.pem"), "mine").unwrap();
    scene.refused(&issue(&["--kind", "payment", "--out", "cert.pem"]));
    assert_eq!(fs::read(scene.path("cert.pem")).unwrap(), b"mine");
    scene.good(&issue(&["--kind", "payment", "--out", "cert.pem", "--force"]));

    let other = ["ca", "issue", "--dir", "ca", "--request", "r.csr", "--name", "李四", "--user-id", "6222"];
    assert!(scene.refused(&[&other[..], &["--kind", "payment"]].concat()).contains("张三"));
    assert!(scene.refused(&issue(&["--kind", "authentication"])).contains("for payment already"));
    fs::write(scene.path("r.csr"), "junk").unwrap();
    scene.refused(&issue(&["--kind", "payment"]));

    let wrong =
        scene.program(&["ca", "crl", "--dir", "ca"]).env("CERT_TOOL_PASSPHRASE", "wrong").output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("passphrase is wrong"), "{}", text(&wrong.stderr));
}

/// The places of CRLs stand in every certificate. A CA of SM2 has two, and whoever names one gets no example for the other.
#[test]
fn a_ca_of_sm2_is_told_both_places_of_its_crls_or_none() {
    let scene = Scene::new();
    const MAIN: [&str; 2] = ["--crl-url", "http://crl.bank.test/sm2.crl"];
    const SECOND: [&str; 2] = ["--authentication-crl-url", "http://crl.bank.test/p256.crl"];
    const SM2: [&str; 2] = ["--algorithm", "sm2"];
    let init = |more: &[&[&'static str]]| [&["ca", "init", "--dir", "ca"][..], &more.concat()].concat();
    for one in [MAIN, SECOND] {
        let said = scene.refused(&init(&[&SM2, &one]));
        assert!(said.contains("only one of the two places") && said.contains("give both"), "{said}");
    }
    let same = ["--authentication-crl-url", MAIN[1]];
    assert!(scene.refused(&init(&[&SM2, &MAIN, &same])).contains("one place"));
    assert!(scene.refused(&init(&[&SECOND])).contains("has one issuer"));
    assert!(!scene.path("ca").exists(), "nothing was made");
    scene.good(&init(&[&SM2, &MAIN, &SECOND]));
    for (kind, own, curve) in [("payment", MAIN[1], "SM2"), ("authentication", SECOND[1], "prime256v1")] {
        scene.accepted(&["ecparam", "-name", curve, "-genkey", "-noout", "-out", "key.pem"]);
        let subject = ["-subj", "/O=U-shield Test Bank/CN=张三/serialNumber=6222"];
        let distid = if curve == "SM2" { &["-sm3", "-sigopt", "distid:1234567812345678"][..] } else { &[] };
        let request = ["req", "-new", "-utf8", "-key", "key.pem", "-out", "r.csr"];
        scene.accepted(&[&request[..], &subject, distid].concat());
        scene.good(&issue(&["--kind", kind, "--out", "cert.pem", "--force"]));
        let shown = scene.accepted(&["x509", "-in", "cert.pem", "-noout", "-ext", "crlDistributionPoints"]);
        assert!(shown.contains(&format!("URI:{own}\n")), "{kind}: {shown}");
    }
}

#[test]
fn a_failure_is_json_too_and_usage_is_2() {
    let scene = Scene::new();
    let output = scene.run(&["ca", "crl", "--dir", "none", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["error"]["reason"], "missing");
    assert!(json["error"]["next"].as_str().unwrap().contains("ca init"));
    for usage in [&["ca", "init", "--passphrase", "x"][..], &["enrol"], &["frobnicate"], &[]] {
        assert_eq!(scene.run(usage).status.code(), Some(2), "{usage:?}");
    }
}

#[test]
fn no_token_says_what_to_do() {
    let scene = Scene::with_ca();
    // Nobody listens on this port, which was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("127.0.0.1:{port}");
    let enrol = ["enrol", "--ca", "ca", "--name", "张三", "--user-id", "1", "--usbip", &server];
    assert!(scene.refused(&enrol).contains("the token was not reached"));
    assert!(scene.refused(&["show", "--usbip", &server]).contains("ushield"));
}

#[test]
fn two_processes_found_one_ca() {
    for _ in 0..5 {
        let scene = Scene::new();
        let init = ["ca", "init", "--dir", "ca"];
        let children: Vec<_> = (0..4).map(|_| scene.program(&init).output_later()).collect();
        let won = children.into_iter().map(Running::join).filter(|output| output.status.success()).count();
        assert_eq!(won, 1);
        scene.accepted(&["verify", "-CAfile", "ca/ca.pem", "ca/ca.pem"]);
        scene.accepted(&["crl", "-in", "ca/crl.pem", "-CAfile", "ca/ca.pem", "-noout"]);
        scene.good(&["ca", "crl", "--dir", "ca"]);
    }
}

#[test]
fn processes_that_issue_at_once_lose_nothing() {
    let scene = Scene::with_ca();
    scene.request();
    let arguments = issue(&["--kind", "payment", "--json"]);
    let children: Vec<_> = (0..6).map(|_| scene.program(&arguments).output_later()).collect();
    let mut serials: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.join();
            assert!(output.status.success(), "{}", text(&output.stderr));
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            json["certificate"]["serial"].as_str().unwrap().to_string()
        })
        .collect();
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.path("ca/index.json")).unwrap()).unwrap();
    let mut known: Vec<String> = index["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["serial"].as_str().unwrap().to_string())
        .collect();
    serials.sort();
    known.sort();
    assert_eq!(serials, known);
}

/// UTCTime's years 50 to 69 (RFC 5280, 4.1.2.5.1) lie before 1970, where the counting of seconds begins here. Whoever brings such
/// a certificate is told so.
#[test]
fn a_certificate_that_begins_before_1970_is_named_so() {
    let scene = Scene::with_ca();
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(1950, 1, 1);
    let old = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
    fs::write(scene.path("old.pem"), &old).unwrap();
    let says = |arguments: &[&str]| {
        let said = scene.refused(arguments);
        assert!(said.contains("before 1970"), "{arguments:?}: {said}");
    };
    says(&["show", "--file", "old.pem"]);
    says(&["install", "--payment", "old.pem"]);
    says(&["ca", "revoke", "--dir", "ca", "old.pem"]);
    fs::write(scene.path("ca/ca.pem"), &old).unwrap();
    says(&["ca", "crl", "--dir", "ca"]);
}

/// A program that is killed leaves the whole file, or no file.
#[cfg(unix)]
#[test]
fn a_kill_leaves_no_empty_file() {
    let scene = Scene::with_ca();
    scene.request();
    for number in 0..40_u64 {
        let out = format!("{number}.pem");
        let mut child = scene.program(&issue(&["--kind", "payment", "--out", &out]));
        let mut child =
            child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(number * 10));
        child.kill().unwrap();
        child.wait().unwrap();
        if let Ok(text) = fs::read_to_string(scene.path(&out)) {
            assert!(text.ends_with("-----END CERTIFICATE-----\n"), "{number}: {text:?}");
        }
    }
    scene.good(&["ca", "crl", "--dir", "ca"]);
}

#[test]
fn a_short_passphrase_makes_no_ca() {
    let scene = Scene::new();
    let init =
        scene.program(&["ca", "init", "--dir", "ca"]).env("CERT_TOOL_PASSPHRASE", "x").output().unwrap();
    let said = text(&init.stderr);
    assert!(init.status.code() == Some(1) && said.contains("fewer than 8"), "{said}");
    assert!(!scene.path("ca").exists());
    scene.good(&["ca", "init", "--dir", "ca", "--no-passphrase"]);
}

/// Linux lets a folder have a name that is no UTF-8.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_whose_name_is_no_text_takes_the_manual() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new();
    let folder = std::ffi::OsStr::from_bytes(b"man-\xff");
    let ended = scene.program(&["man", "--json"]).arg(folder).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    let said: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(said["folder"].as_str().unwrap().starts_with("man-"), "{said}");
    assert!(scene.folder.path().join(folder).join("cert-tool.1").exists());
}

/// A disk that takes no more bytes. The test sets a limit of zero bytes for a file, because a write fails at that limit as it
/// fails on a full disk. The error speaks of the limit, because more room on the disk would not help.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_things_as_they_were() {
    let scene = Scene::with_ca();
    scene.request();
    let full = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_cert-tool");
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", program]).args(arguments);
        let output = command
            .current_dir(scene.folder.path())
            .env("CERT_TOOL_PASSPHRASE", PASSPHRASE)
            .output()
            .unwrap();
        // The program's words go to a pipe, which the limit does not touch.
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
        let said = text(&output.stderr);
        assert!(said.contains("raise the limit of file sizes"), "{said}");
        said
    };
    let before = files(&scene.path("ca"));
    full(&issue(&["--kind", "payment"]));
    full(&["ca", "crl", "--dir", "ca"]);
    assert_eq!(files(&scene.path("ca")), before);
    full(&["ca", "init", "--dir", "other"]);
    assert!(!scene.path("other/ca.pem").exists());
    scene.good(&["ca", "init", "--dir", "other"]);
    scene.good(&issue(&["--kind", "payment"]));
}

/// All files of a folder with what is in them.
#[cfg(unix)]
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// A program that runs beside other programs.
struct Running(std::process::Child);

trait OutputLater {
    fn output_later(&mut self) -> Running;
}

impl OutputLater for Command {
    fn output_later(&mut self) -> Running {
        use std::process::Stdio;
        Running(self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

impl Running {
    fn join(self) -> Output {
        self.0.wait_with_output().unwrap()
    }
}

/// No token speaks for a key that openssl made.
#[test]
fn a_key_made_in_software_is_refused_where_attestation_is_asked_for() {
    let scene = Scene::with_ca();
    scene.request();
    scene.good(&["factory-ca", "--out", "factory.pem"]);
    scene.accepted(&["verify", "-CAfile", "factory.pem", "factory.pem"]);
    let issue = |more: &[&str]| {
        scene.refused(&issue(&[&["--kind", "payment", "--require-attestation"], more].concat()))
    };
    let said = issue(&[]);
    assert!(said.contains("made in software"), "{said}");
    let said = issue(&["--factory-ca", "factory.pem"]);
    assert!(said.contains("made in software"), "{said}");
    // First the file is no certificate of a factory, and then it is no attestation.
    scene.good(&["factory-ca", "--brand", "another", "--out", "another.pem"]);
    assert_ne!(fs::read(scene.path("another.pem")).unwrap(), fs::read(scene.path("factory.pem")).unwrap());
    let said = issue(&["--factory-ca", "r.csr"]);
    assert!(said.contains("CERTIFICATE REQUEST") || said.contains("certificate request"), "{said}");
    let said = issue(&["--attestation", "factory.pem"]);
    assert!(said.contains("cert-tool request --attestation"), "{said}");
    let index = text(&fs::read(scene.path("ca/index.json")).unwrap());
    assert!(!index.contains("张三"), "nothing was issued: {index}");
}
