//! `bank demo` as its user meets it: the real program, its guide, its ready file, a log-in of each customer, and nothing left behind.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// A machine under load takes long, and a test that hangs says nothing.
const DEADLINE: Duration = Duration::from_secs(120);

struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

fn ask(origin: &str, method: &str, path: &str, extra: &str, body: &str) -> Answer {
    let host = origin.strip_prefix("http://").expect("plain http");
    let mut stream = TcpStream::connect(host).expect("the bank listens");
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n{extra}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// Logs in by the form of the page, and gives the page of the accounts.
fn accounts_of(origin: &str, account: &str, password: &str) -> String {
    let page = ask(origin, "GET", "/sign-in", "", "");
    let visit = page.header("set-cookie").join("; ").split(';').next().unwrap_or_default().to_owned();
    let token = page.body.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!(
        "token={}&account={account}&password={}",
        token.expect("a form with a token"),
        password.replace(' ', "+")
    );
    let entered = ask(origin, "POST", "/sign-in", &format!("Cookie: {visit}\r\n"), &form);
    assert_eq!((entered.status(), entered.header("location")), ("303", vec!["/account"]), "{account}");
    let cookies = entered.header("set-cookie");
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-session=")).expect("a session");
    let session = session.split(';').next().unwrap_or_default();
    ask(origin, "GET", "/account", &format!("Cookie: {session}\r\nAccept-Language: en\r\n"), "").body
}

struct Demo(Child);

impl Demo {
    fn start(folder: &Path, ready: &Path) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_bank"))
            .args([
                "demo",
                "--shield",
                "AB12CD34",
                "--public",
                "127.0.0.1:0",
                "--counter",
                "127.0.0.1:0",
                "--metrics",
                "127.0.0.1:0",
            ])
            .arg("--ready-file")
            .arg(ready)
            .env("TMPDIR", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self(program.expect("the program starts"))
    }

    /// Ends it as Ctrl-C does, and gives what it had said.
    fn end(mut self) -> String {
        let ended = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(ended.expect("a signal").success());
        let mut said = String::new();
        self.0.stdout.take().expect("its output").read_to_string(&mut said).expect("text");
        assert!(self.0.wait().expect("an end").success());
        said
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[test]
fn the_demo_serves_what_its_guide_says_and_leaves_nothing() {
    let (folder, place) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let ready = place.path().join("ready.json");
    let mut demo = Demo::start(folder.path(), &ready);
    let begun = Instant::now();
    while !ready.exists() {
        assert_eq!(demo.0.try_wait().expect("its state"), None, "it ended");
        assert!(begun.elapsed() < DEADLINE, "it did not get ready");
        thread::sleep(Duration::from_millis(20));
    }
    let made: Value = serde_json::from_slice(&fs::read(&ready).expect("the file")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let [public, counter, metrics] =
        ["public", "counter", "metrics"].map(|name| text(&made["addresses"][name]));
    let home = ask(&public, "GET", "/", "Accept-Language: en\r\n", "");
    assert!(home.status() == "200" && home.body.contains("Personal Online Banking"), "{}", home.head);
    assert_eq!(ask(&counter, "GET", "/sign-in", "", "").status(), "200");
    let metrics = metrics.strip_suffix("/metrics").expect("its path");
    assert!(ask(metrics, "GET", "/metrics", "", "").body.contains("bank_"));
    let password = text(&made["demo"]["password"]);
    let people = made["demo"]["people"].as_array().expect("people");
    assert_eq!(people.len(), 5);
    for person in people.iter().filter(|person| person["kind"] != "account") {
        let page = accounts_of(&public, &text(&person["account"]), &password);
        // The holder of the shield has twenty times as much.
        assert!(page.contains("0,000.00") && page.contains(&text(&person["name"])), "{page}");
    }
    let said = demo.end();
    let shield = &people[4]["shield"];
    assert_eq!((shield["serial"].as_str(), people[4]["kind"].as_str()), (Some("AB12CD34"), Some("shield")));
    let once = [&people[1]["card"]["id"], &shield["serial"], &shield["reference"], &shield["code"]];
    for told in people.iter().map(|person| &person["account"]).chain(once) {
        assert!(said.contains(&text(told)), "the guide does not say {told}: {said}");
    }
    assert!(said.contains(&public) && said.contains(&counter) && said.contains(&password), "{said}");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0, "something is left");
}
