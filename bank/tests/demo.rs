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
    fn start(folder: &Path, ready: &Path, more: &[&str]) -> Self {
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
            .args(more)
            .arg("--ready-file")
            .arg(ready)
            .env("TMPDIR", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self(program.expect("the program starts"))
    }

    /// What the ready file says, once it is there.
    fn made(&mut self, ready: &Path) -> Value {
        let begun = Instant::now();
        while !ready.exists() {
            assert_eq!(self.0.try_wait().expect("its state"), None, "it ended");
            assert!(begun.elapsed() < DEADLINE, "it did not get ready");
            thread::sleep(Duration::from_millis(20));
        }
        serde_json::from_slice(&fs::read(ready).expect("the file")).expect("JSON")
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
    let mut demo = Demo::start(folder.path(), &ready, &[]);
    let made = demo.made(&ready);
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

/// A customer buys in the shop, is sent to the bank, pays there, and comes back; the shop is told by webhook twice, and believes it once.
#[test]
fn the_shop_of_the_demo_sells_and_is_told() {
    let (folder, place) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let ready = place.path().join("ready.json");
    let mut demo = Demo::start(folder.path(), &ready, &["--shop", "127.0.0.1:0", "--test-rules"]);
    let made = demo.made(&ready);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (shop, public) = (text(&made["shop"]), text(&made["addresses"]["public"]));
    assert!(ask(&shop, "GET", "/", "", "").body.contains("29.00"));
    // By the test rules this amount is told twice.
    let sold = ask(&shop, "POST", "/buy", "", "amount=29.99");
    let to = sold.header("location").concat();
    let id = to.strip_prefix(&format!("{public}/pay/")).expect("the bank's page").to_owned();
    // The customer logs in, chooses the account, the method, and answers.
    let login = ask(&public, "GET", &format!("/sign-in?checkout={id}"), "Accept-Language: en\r\n", "");
    assert!(login.body.contains("Test rules hold"), "each page says so");
    let token = |page: &Answer, name: &str| {
        let mark = format!("name=\"{name}\" value=\"");
        page.body.split(&mark).nth(1).and_then(|rest| rest.split('"').next()).expect("a field").to_owned()
    };
    let visit = login.header("set-cookie").concat().split(';').next().unwrap_or_default().to_owned();
    let person = &made["demo"]["people"][0];
    let password = text(&made["demo"]["password"]).replace(' ', "+");
    let form = format!(
        "token={}&account={}&password={password}&checkout={id}",
        token(&login, "token"),
        text(&person["account"])
    );
    let entered = ask(&public, "POST", "/sign-in", &format!("Cookie: {visit}\r\n"), &form);
    assert_eq!(entered.header("location"), vec![format!("/checkout/{id}")]);
    let cookies = entered.header("set-cookie");
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-session=")).expect("a session");
    let own = format!("Cookie: {}\r\n", session.split(';').next().unwrap_or_default());
    let page = ask(&public, "GET", &format!("/checkout/{id}"), &own, "");
    let (form, key) = (token(&page, "token"), token(&page, "form_key"));
    let chosen = format!("token={form}&form_key={key}&payer={}", text(&person["account"]));
    let order = ask(&public, "POST", &format!("/checkout/{id}"), &own, &chosen).header("location").concat();
    assert_eq!(
        ask(&public, "POST", &format!("{order}/ask"), &own, &format!("token={form}&method=static")).status(),
        "303"
    );
    let challenge = token(&ask(&public, "GET", &order, &own, ""), "challenge");
    let payment = text(&made["demo"]["payment_password"]);
    let answer = format!("token={form}&challenge={challenge}&password={payment}");
    assert_eq!(ask(&public, "POST", &format!("{order}/answer"), &own, &answer).status(), "303");
    let page = ask(&public, "GET", &order, &own, "");
    let back = page.body.split(&format!("href=\"{shop}")).nth(1).and_then(|rest| rest.split('"').next());
    let back = back.expect("the way back").to_owned();
    // By asking at once, and by webhook soon; the second delivery of the same id changes nothing.
    let begun = Instant::now();
    loop {
        let state = ask(&shop, "GET", &format!("{back}/state"), "", "").body;
        let told = ask(&shop, "GET", "/told", "", "").body;
        assert!(state.contains("\"asked\":\"paid\""), "{state}");
        let counts: Value = serde_json::from_str(&told).expect("JSON");
        let counts = counts.as_object().expect("ids");
        if counts.len() == 1
            && counts.values().all(|count| *count == 2)
            && state.contains("\"told\":\"paid\"")
        {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{state} {told}");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(ask(&shop, "GET", &back, "", "").body.contains("Thank you"));
    // Nobody but the bank tells the shop anything.
    assert_eq!(ask(&shop, "POST", "/paid", "webhook-id: x\r\n", "{}").status(), "401");
    demo.end();
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0, "something is left");
}
