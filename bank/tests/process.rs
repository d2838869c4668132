//! The program `bank` as an operator and as tellers use it: start, TLS, the counter as commands, backup and restore. On SQLite, and on
//! PostgreSQL where `BANK_TEST_POSTGRES` names one, with its tools in `BANK_TEST_POSTGRES_BIN`.

#[path = "process/ca.rs"]
mod ca;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

const PASSWORD: &str = "a teller of 2026";

/// A folder with a bank in it, and the database's URL where it is a PostgreSQL.
struct Scene {
    folder: tempfile::TempDir,
    url: Option<String>,
}

/// A bank that serves until it is dropped.
struct Served {
    process: Child,
    customers: String,
    tellers: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    /// Stops in order, as a service is stopped.
    fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        assert!(self.process.wait().expect("an end").success());
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Scene {
    /// A new bank with the tellers lin and zhao.
    fn new() -> Self {
        let scene = Self { folder: tempfile::tempdir().expect("a folder"), url: database("") };
        scene.secret("password", PASSWORD);
        scene.done(&["init"]);
        for name in ["lin", "zhao"] {
            scene.done(&["teller", "add", name, "--password-file", &scene.at("password")]);
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A file for its owner only.
    fn secret(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("written");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("closed");
    }

    /// Takes the SQLite database away.
    fn forget(&self) {
        for name in ["bank.sqlite", "bank.sqlite-wal", "bank.sqlite-shm"] {
            let _ = fs::remove_file(self.path("bank").join(name));
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bank"));
        command
            .args(arguments)
            .env_remove("BANK_DATABASE")
            .env_remove("BANK_TELLER_PASSWORD")
            .stdin(Stdio::null());
        if arguments.first().is_some_and(|first| *first != "counter") {
            command.arg("--folder").arg(self.path("bank"));
        }
        if let Some(url) = &self.url {
            command.env("BANK_DATABASE", url);
        }
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program")
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a command that must fail says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }

    fn serve(&self, more: &[&str]) -> Served {
        let place = "127.0.0.1:0";
        let mut arguments = vec!["serve", "--public", place, "--counter", place, "--metrics", place];
        arguments.extend(more);
        let log = fs::File::create(self.path("log")).expect("a log");
        let mut process =
            self.command(&arguments).stdout(Stdio::piped()).stderr(log).spawn().expect("the program");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut place = |name: &str| {
            let line = lines.next().and_then(Result::ok).unwrap_or_default();
            let origin = line.strip_prefix(name).map(str::trim);
            origin
                .unwrap_or_else(|| {
                    panic!("{line:?}: {}", fs::read_to_string(self.path("log")).unwrap_or_default())
                })
                .to_owned()
        };
        let (customers, tellers) = (place("customers"), place("tellers"));
        Served { process, customers, tellers }
    }

    /// The arguments of a teller's command.
    fn teller<'a>(&self, at: &'a str, name: &'a str, errand: &[&'a str]) -> Vec<String> {
        let mut line: Vec<String> =
            ["counter", "--at", at, "--teller", name, "--password-file"].map(str::to_owned).to_vec();
        line.push(self.at("password"));
        line.extend(errand.iter().map(|word| (*word).to_owned()));
        line
    }

    fn does(&self, at: &str, name: &str, errand: &[&str]) -> String {
        let line = self.teller(at, name, errand);
        self.done(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn is_told(&self, at: &str, name: &str, errand: &[&str]) -> String {
        let line = self.teller(at, name, errand);
        self.refused(&line.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn tool(name: &str) -> Command {
    Command::new(Path::new(&std::env::var("BANK_TEST_POSTGRES_BIN").unwrap_or_default()).join(name))
}

/// A new database of the PostgreSQL, if there is one: its URL.
fn database(mark: &str) -> Option<String> {
    let url = std::env::var("BANK_TEST_POSTGRES").ok()?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let name = format!("process{}{mark}", now.as_nanos());
    let made =
        tool("psql").args(["-q", "-c", &format!("CREATE DATABASE {name}"), &url]).status().expect("psql");
    assert!(made.success());
    Some(format!("{}/{name}", url.rsplit_once('/').expect("a database in the URL").0))
}

/// What stands behind this mark in one of the lines.
fn after<'a>(said: &'a str, mark: &str) -> &'a str {
    let found = said.lines().find_map(|line| line.split_once(mark));
    found.unwrap_or_else(|| panic!("{mark} is not in {said}")).1.trim()
}

const WHO: [&str; 4] = ["--document", "AB123456", "--phone", "13800000000"];

fn open(scene: &Scene, at: &str) -> String {
    let errand = [&["open", "--name", "张三", "--deposit", "10000"][..], &WHO[..]].concat();
    after(&scene.does(at, "lin", &errand), "account: ").to_owned()
}

#[test]
fn tellers_work_by_commands_and_a_second_one_approves() {
    let scene = Scene::new();
    let served = scene.serve(&[]);
    let at = served.tellers.as_str();
    let account = open(&scene, at);
    let papers = ["--account", &account, "--document", "AB123456"];
    let with = |errand: &[&'static str]| -> Vec<String> {
        errand.iter().map(|word| (*word).to_owned()).chain(papers.map(str::to_owned)).collect()
    };
    let does = |name: &str, errand: &[&'static str]| {
        let line = with(errand);
        scene.does(at, name, &line.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = does("lin", &["contract"]);
    assert!(after(&first, "for the customer only: ").len() >= 12);
    does("lin", &["ecommerce"]);
    let card = does("lin", &["card"]);
    assert_eq!(card.lines().count(), 10, "number, columns and eight rows: {card}");
    assert_eq!(does("lin", &["block-card"]).trim(), "done");
    let asked = does("lin", &["replace-card"]);
    let id = after(&asked, "waits for a second teller: ");
    assert!(scene.does(at, "zhao", &["approvals"]).contains(id));
    assert!(scene.is_told(at, "lin", &["approve", id]).contains("the counter refused"));
    let other = scene.does(at, "zhao", &["approve", id]);
    assert!(other.contains("password card") && other.lines().nth(2) != card.lines().nth(2));
    assert_eq!(scene.does(at, "zhao", &["approvals"]).trim(), "nothing waits");
    let asked = does("lin", &["limits", "--per-payment", "100", "--per-day", "200"]);
    scene.does(at, "lin", &["refuse", after(&asked, "waits for a second teller: ")]);
    let asked = does("lin", &["open-gate", "--method", "card"]);
    scene.does(at, "zhao", &["approve", after(&asked, "waits for a second teller: ")]);
    does("zhao", &["end-sessions"]);
    assert_ne!(after(&does("zhao", &["reset-login"]), "only: "), after(&first, "only: "));

    // A teller gets another password, and the former one is wrong.
    let password = |name: &str, file: &str| {
        ["teller", "password", name, "--password-file", &scene.at(file)].map(str::to_owned)
    };
    let line = password("nobody", "password");
    assert!(scene.refused(&line.each_ref().map(String::as_str)).contains("no teller nobody"));
    scene.secret("another", "another one of 2026");
    scene.done(&password("lin", "another").each_ref().map(String::as_str));
    assert!(scene.is_told(at, "lin", &["approvals"]).contains("the counter refused"));
    scene.done(&password("lin", "password").each_ref().map(String::as_str));
    scene.does(at, "lin", &["approvals"]);

    // Another document, another password, another program at that place.
    let wrong = ["contract", "--account", &account, "--document", "XY999999"];
    assert!(scene.is_told(at, "lin", &wrong).contains("the counter refused"));
    scene.secret("password", "not the password");
    assert!(scene.is_told(at, "lin", &["approvals"]).contains("the counter refused"));
    scene.secret("password", PASSWORD);
    let elsewhere = scene.is_told(&served.customers, "lin", &["approvals"]);
    assert!(elsewhere.contains("no such page"), "{elsewhere}");
    fs::set_permissions(scene.path("password"), fs::Permissions::from_mode(0o644)).expect("opened");
    assert!(scene.is_told(at, "lin", &["approvals"]).contains("password"), "a file that others can read");
    served.stop();
    let said = scene.done(&["audit", "verify"]);
    assert!(said.contains("the books are right"));
    let head = after(&said, "head ").to_owned();
    scene.done(&["audit", "verify", "--head", &head]);
    let forged = format!("{}:{}", head.split_once(':').expect("a head").0, "0".repeat(64));
    assert!(scene.refused(&["audit", "verify", "--head", &forged]).contains("the books are wrong"));
    assert!(scene.refused(&["teller", "stop", "nobody"]).contains("no teller nobody"));
    scene.done(&["teller", "stop", "zhao"]);
}

/// The password of the environment is used, and there is no prompt without a terminal.
#[test]
fn a_tellers_password_is_in_no_argument() {
    let scene = Scene::new();
    let named = scene.command(&["teller", "add", "qian"]).env("BANK_TELLER_PASSWORD", PASSWORD).output();
    assert!(named.expect("the program").status.success());
    let said = scene.refused(&["teller", "add", "sun"]);
    assert!(said.contains("--password-file") && said.contains("no terminal"), "{said}");
    assert!(scene.refused(&["teller", "add", "sun", "--password", "x"]).contains("--password"));
}

/// A certificate for localhost, of an authority of its own.
fn certify(scene: &Scene) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the authority of a test");
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("an authority");
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&own, &issuer).expect("a certificate");
    fs::write(scene.path("ca.pem"), authority.pem()).expect("written");
    fs::write(scene.path("cert.pem"), certificate.pem()).expect("written");
    scene.secret("key.pem", &own.serialize_pem());
    scene.secret("other.pem", &KeyPair::generate().expect("a key").serialize_pem());
}

#[test]
fn tls_of_the_banks_own_answers_those_who_know_the_authority() {
    let scene = Scene::new();
    certify(&scene);
    let (cert, key) = (scene.at("cert.pem"), scene.at("key.pem"));
    let served = scene.serve(&["--tls", &cert, "--key", &key]);
    assert!(
        served.tellers.starts_with("https://localhost:")
            && served.customers.starts_with("https://localhost:")
    );
    let ca = scene.at("ca.pem");
    let asks = |ca: &str, at: &str| {
        let mut line = scene.teller(at, "lin", &["approvals"]);
        line.splice(1..1, ["--ca".to_owned(), ca.to_owned()]);
        scene.output(&line.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let said = asks(&ca, &served.tellers);
    assert!(said.status.success(), "{}", text(&said.stderr));
    // The bank's own certificate is no authority that signed it, and another name is not in it.
    assert!(!asks(&cert, &served.tellers).status.success());
    let address = served.tellers.replace("localhost", "127.0.0.1");
    assert!(text(&asks(&ca, &address).stderr).contains("certificate"));
    // Plain HTTP at the place of TLS is not answered with a page.
    let place = served.customers.trim_start_matches("https://").to_owned();
    let mut stream = TcpStream::connect(&place).expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!text(&answer).contains("HTTP/1.1 200"));
    // A program that nobody here wrote agrees, where it is installed: TLS 1.3, and the home page with its HSTS.
    if let Ok(curl) = Command::new("curl").args(["-sS", "-i", "--cacert", &ca, &served.customers]).output() {
        let page = text(&curl.stdout).to_lowercase();
        assert!(curl.status.success() && page.contains("200 ok"), "{page} {}", text(&curl.stderr));
        assert!(page.contains("strict-transport-security: max-age=31536000"), "{page}");
        let old = ["-sS", "--tls-max", "1.2", "--cacert", &ca, &served.customers];
        assert!(!Command::new("curl").args(old).output().expect("curl").status.success(), "TLS 1.2");
    }
    served.stop();
}

#[test]
fn a_new_certificate_needs_no_new_start() {
    let scene = Scene::new();
    certify(&scene);
    let served = scene.serve(&["--tls", &scene.at("cert.pem"), "--key", &scene.at("key.pem")]);
    let answers = |ca: &str| {
        let mut line = scene.teller(&served.tellers, "lin", &["approvals"]);
        line.splice(1..1, ["--ca".to_owned(), ca.to_owned()]);
        scene.output(&line.iter().map(String::as_str).collect::<Vec<_>>()).status.success()
    };
    let look = || {
        let hung_up = Command::new("kill").args(["-HUP", &served.process.id().to_string()]).status();
        assert!(hung_up.expect("kill").success());
    };
    fs::rename(scene.path("ca.pem"), scene.path("former.pem")).expect("renamed");
    let former = scene.at("former.pem");
    assert!(answers(&former));
    // Half of the change: the key does not belong to the certificate, and the former ones answer.
    fs::copy(scene.path("other.pem"), scene.path("key.pem")).expect("copied");
    look();
    let log = scene.path("log");
    until(|| fs::read_to_string(&log).expect("the log").contains("the former certificate of TLS stays"));
    assert!(answers(&former));
    certify(&scene);
    look();
    let new = scene.at("ca.pem");
    until(|| answers(&new));
    assert!(!answers(&former));
    served.stop();
}

/// Whoever has all nodes read their certificates again ends none that stands behind a proxy.
#[test]
fn a_node_without_tls_outlives_sighup() {
    let scene = Scene::new();
    certify(&scene);
    let served = scene.serve(&[]);
    let hung_up = Command::new("kill").args(["-HUP", &served.process.id().to_string()]).status();
    assert!(hung_up.expect("kill").success());
    let log = scene.path("log");
    until(|| {
        fs::read_to_string(&log).expect("the log").contains("without --tls there is nothing to read again")
    });
    scene.does(&served.tellers, "lin", &["approvals"]);
    served.stop();
}

/// Waits for what comes at its own time.
fn until(holds: impl Fn() -> bool) {
    for _ in 0..1200 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("it did not come within a minute");
}

/// Each key of the file of secrets has a command that changes it, and the bank serves and proves itself afterwards.
#[test]
fn keys_are_changed_by_commands() {
    let scene = Scene::new();
    let said = scene.done(&["secrets", "list"]);
    for line in [
        "card 1: from its first day on, makes what is new, 0 cards",
        "authority 1: from its first day on, makes what is new",
    ] {
        assert!(said.lines().any(|own| own == line), "{said}");
    }
    // A bank that stops seals its audit.
    let served = scene.serve(&[]);
    open(&scene, &served.tellers);
    served.stop();
    let ca = fs::read(scene.path("bank/ca/ca-key.pem")).expect("the key of the CA");
    for kind in ["card", "puk", "audit", "form", "authority"] {
        let said = scene.done(&["secrets", "add", kind, "--hours", "0"]);
        assert!(said.contains("copy secrets.json to all nodes"), "{said}");
    }
    assert_ne!(
        fs::read(scene.path("bank/ca/ca-key.pem")).expect("the key"),
        ca,
        "closed by the new passphrase"
    );
    scene.done(&["secrets", "add", "card"]);
    let said = scene.done(&["secrets", "list"]);
    assert!(said.contains("card 2: from ") && said.contains("on, makes what is new, 0 cards"), "{said}");
    assert!(
        said.lines().any(|line| line.starts_with("card 3: from ") && line.ends_with(" on, 0 cards")),
        "{said}"
    );
    let file = fs::read_to_string(scene.path("bank/secrets.json")).expect("the file");
    let keys: serde_json::Value = serde_json::from_str(&file).expect("JSON");
    let key = keys["card"]["2"].as_str().expect("a key");
    assert!(key.len() == 64 && !said.contains(key), "no key is printed");
    assert_eq!(
        fs::metadata(scene.path("bank/secrets.json")).expect("the file").permissions().mode() & 0o777,
        0o600
    );
    for (kind, version, why) in [
        ("card", "1", "or did until yesterday"),
        ("card", "2", "makes what is new"),
        ("card", "3", "is the newest version"),
        ("authority", "7", "there is no authority 7"),
    ] {
        let said = scene.refused(&["secrets", "forget", kind, version]);
        assert!(said.contains(why), "{said}");
    }
    // Two days later: what names a former version keeps it, and of the CA's passphrases the newest opens the keys.
    let mut later = keys.clone();
    for key in ["card 2", "audit 2", "authority 2"] {
        let from = &mut later["from"][key];
        *from = (from.as_i64().expect("a moment") - 2 * 86_400_000).into();
    }
    fs::write(scene.path("bank/secrets.json"), later.to_string()).expect("written");
    let said = scene.refused(&["secrets", "forget", "audit", "1"]);
    assert!(said.contains("seals name audit 1"), "{said}");
    scene.done(&["secrets", "forget", "authority", "1"]);
    let now = scene.done(&["secrets", "list"]);
    assert!(!now.contains("authority 1:") && now.contains("audit 1:"), "{now}");
    let mut now: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.path("bank/secrets.json")).expect("the file")).expect("JSON");
    now["from"] = keys["from"].clone();
    fs::write(scene.path("bank/secrets.json"), now.to_string()).expect("written");
    let served = scene.serve(&[]);
    open(&scene, &served.tellers);
    served.stop();
    assert!(scene.done(&["audit", "verify"]).contains("the books are right"));
}

#[test]
fn passwords_in_clear_are_refused_at_the_start_with_a_sentence() {
    let scene = Scene::new();
    certify(&scene);
    let (cert, key, other) = (scene.at("cert.pem"), scene.at("key.pem"), scene.at("other.pem"));
    let open = "0.0.0.0:0";
    let tls = ["--tls", &cert, "--key", &key];
    let cases: &[(&[&str], &str)] = &[
        (&["--public", open], "passwords would travel in clear"),
        (&["--counter", open], "passwords would travel in clear"),
        (&["--counter", open, "--public-origin", "https://bank.example"], "--counter-origin"),
        (
            &["--public", open, "--public-origin", "http://bank.example"],
            "passwords travel in clear over http",
        ),
        (
            &["--public", open, "--public-origin", "https://bank.example"],
            "say --tls CERT --key KEY, or --trusted-proxy",
        ),
        (&["--public-origin", "https://bank.example/"], "without a slash"),
        (&["--public-origin", "https://bank.example", "--test-rules"], "customers come from elsewhere"),
        (&["--metrics", open], "the metrics are for this machine"),
        (&["--tls", &cert], "--key"),
        (&["--est", "127.0.0.1:0"], "--tls"),
        (&["--tls", &cert, "--key", &other], "not the key of the certificate"),
        (&["--tls", &key, "--key", &key], "holds no certificate"),
        (&["--tls", &cert, "--key", &cert], "for its owner only"),
        (&[&tls[..], &["--public", open]].concat(), "nobody types 0.0.0.0:0"),
        (&[&tls[..], &["--public-origin", "http://localhost:8080"]].concat(), "--tls answers no http"),
    ];
    for (more, why) in cases {
        let said = scene.refused(&[&["serve"][..], more].concat());
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(why), "{more:?}: {said}");
    }
}

/// The books come back as they were, proven, and no session lives again.
#[test]
fn a_backup_is_restored_and_proves_itself() {
    let mut scene = Scene::new();
    let served = scene.serve(&[]);
    open(&scene, &served.tellers);
    let copy = scene.at("copy");
    // The bank serves while it is copied.
    if let Some(url) = &scene.url {
        let said = scene.refused(&["backup", &copy]);
        assert!(said.contains("pg_dump"), "{said}");
        let dumped = tool("pg_dump").args(["--no-owner", "--file", &copy, url]).status().expect("pg_dump");
        assert!(dumped.success());
    } else {
        scene.done(&["backup", &copy]);
        assert_eq!(fs::metadata(&copy).expect("a copy").permissions().mode() & 0o077, 0);
        assert!(scene.refused(&["backup", &copy]).contains("copy"), "a copy is never written over");
        assert!(scene.refused(&["restore", &copy]).contains("move the former bank.sqlite"));
    }
    let second = ["open", "--name", "李四", "--document", "CD123456", "--phone", "13800000000"];
    scene.does(&served.tellers, "lin", &second);
    served.stop();
    let later = after(&scene.done(&["audit", "verify"]), "head ").to_owned();
    if let Some(url) = database("restored") {
        let mut read = tool("psql");
        read.args(["-q", "-v", "ON_ERROR_STOP=1", "-f", &copy, &url]).stdout(Stdio::null());
        assert!(read.status().expect("psql").success());
        scene.url = Some(url);
        scene.done(&["restore"]);
    } else {
        scene.forget();
        fs::write(scene.path("bank").join("bank.sqlite-wal"), "of another database").expect("written");
        assert!(scene.refused(&["restore", &copy]).contains("former database"));
        scene.forget();
        assert!(scene.refused(&["restore"]).contains("no file was named"));
        let empty = scene.at("empty");
        fs::write(&empty, "").expect("written");
        assert!(scene.refused(&["restore", &empty]).contains("no books"));
        let (ca, kept) = (scene.path("bank").join("ca"), scene.path("kept"));
        fs::rename(&ca, &kept).expect("moved");
        assert!(scene.refused(&["restore", &copy]).contains("the copy of ca"), "no other CA is founded");
        fs::rename(&kept, &ca).expect("moved back");
        assert!(!scene.path("bank").join("bank.sqlite").exists(), "what was refused is not there");
        scene.done(&["restore", &copy]);
    }
    let said = scene.done(&["audit", "verify"]);
    assert!(said.contains("1 postings sum to zero"), "{said}");
    assert!(
        scene.refused(&["audit", "verify", "--head", &later]).contains("the books are wrong"),
        "a former state"
    );
    let served = scene.serve(&[]);
    scene.does(&served.tellers, "lin", &second);
    served.stop();
    // Other secrets do not fit these books.
    if scene.url.is_none() {
        let other = Scene::new();
        other.forget();
        assert!(other.refused(&["restore", &copy]).contains("not to be trusted"));
        for lost in [&["backup", "nothing"][..], &["migrate"]] {
            assert!(other.refused(lost).contains("there is no"), "{lost:?}");
        }
        assert!(!other.path("bank").join("bank.sqlite").exists(), "no file was made");
    }
}
