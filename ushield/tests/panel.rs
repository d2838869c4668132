//! The page of `ushield up --panel web`, asked by HTTP: who is let in, and what a press means.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::world::{Up, World};

const PIN: &str = "246802";
const DEADLINE: Duration = Duration::from_secs(120);

/// The page of a running `up`.
struct Page {
    /// `127.0.0.1:PORT`.
    host: String,
}

/// The status line and headers of an answer, and its body.
struct Answer(String, String);

impl Answer {
    fn status(&self) -> u16 {
        self.0
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("{}", self.0))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|_| panic!("{}", self.1))
    }
}

impl Page {
    fn of(up: &Up) -> Self {
        let url = up.ready["panel"].as_str().unwrap();
        Self { host: url.trim_start_matches("http://").trim_end_matches('/').to_owned() }
    }

    fn open(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let length = body.len();
        write!(stream, "{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").unwrap();
        stream
    }

    fn ask(&self, head: &str, body: &str) -> Answer {
        let mut answer = String::new();
        self.open(head, body).read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        Answer(head.to_owned(), body.to_owned())
    }

    /// The lines of a call as the page's own script sends it.
    fn lines(&self, path: &str, session: Option<&str>) -> Vec<String> {
        let mut lines = vec![
            format!("POST {path} HTTP/1.1"),
            format!("Host: {}", self.host),
            format!("Origin: http://{}", self.host),
            "Content-Type: application/json".into(),
            "X-UShield: 1".into(),
        ];
        lines.extend(session.map(|session| format!("Authorization: Bearer {session}")));
        lines
    }

    fn call(&self, path: &str, session: Option<&str>, body: &Value) -> Answer {
        self.ask(&self.lines(path, session).join("\r\n"), &body.to_string())
    }

    fn session(&self, link: &str) -> String {
        let (page, secret) = link.trim().split_once('#').unwrap();
        assert_eq!(page, format!("http://{}/", self.host));
        let answer = self.call("/session", None, &json!({ "secret": secret }));
        answer.json()["session"].as_str().unwrap_or_else(|| panic!("{}", answer.0)).to_owned()
    }
}

fn up(world: &World) -> Up {
    let pin = world.file("pin", PIN);
    world.up(&["--memory", "--pin-file", &pin, "--panel", "web"])
}

/// The link that `up` itself has printed.
fn printed(up: &Up) -> String {
    up.said.lines().find(|line| line.contains("/#")).expect("a link").trim().to_owned()
}

#[test]
fn a_link_opens_the_page_once_and_another_browser_needs_another() {
    let world = World::new();
    let up = up(&world);
    let page = Page::of(&up);
    let link = printed(&up);
    let first = page.session(&link);
    let again = page.call("/session", None, &json!({ "secret": link.split_once('#').unwrap().1 }));
    assert_eq!((again.status(), again.json()["error"].as_str()), (403, Some("used_link")));
    let second = page.session(&world.done(&["panel"]));
    assert_ne!(first, second);
    let chosen = json!({ "token": "1-1" });
    for session in [&first, &second] {
        assert_eq!(page.call("/plug", Some(session), &chosen).status(), 200);
    }
    for session in [None, Some("0"), Some(link.split_once('#').unwrap().1)] {
        for path in ["/events", "/press", "/plug", "/unplug", "/elsewhere"] {
            let answer = page.call(path, session, &chosen);
            assert_eq!(
                (answer.status(), answer.json()["error"].as_str()),
                (401, Some("no_session")),
                "{path}"
            );
        }
    }
    for body in [json!({}), json!({ "token": "1-1", "more": 1 }), json!([1])] {
        assert_eq!(page.call("/plug", Some(&first), &body).status(), 400);
    }
    assert_eq!(page.call("/plug", Some(&first), &json!({ "token": "1-9" })).status(), 404);
    let large = json!({ "token": "1".repeat(9000) });
    assert_eq!(page.call("/plug", Some(&first), &large).status(), 413);
}

/// Each line of a good call is left out, said twice and said otherwise.
#[test]
fn only_the_pages_own_script_is_answered() {
    let world = World::new();
    let up = up(&world);
    let page = Page::of(&up);
    let session = page.session(&printed(&up));
    let good = page.lines("/plug", Some(&session));
    let ask = |lines: &[String]| page.ask(&lines.join("\r\n"), r#"{"token":"1-1"}"#);
    assert_eq!(ask(&good).status(), 200);
    let port = page.host.split_once(':').unwrap().1;
    for (name, others) in [
        ("Host", vec![format!("localhost:{port}"), format!("evil.test:{port}"), "127.0.0.1".into()]),
        ("Origin", vec!["null".into(), format!("http://localhost:{port}"), "https://bank.example".into()]),
        ("Content-Type", vec!["text/plain".into(), "application/x-www-form-urlencoded".into()]),
        ("X-UShield", vec!["2".into()]),
    ] {
        let at = good.iter().position(|line| line.starts_with(&format!("{name}: "))).unwrap();
        let mut without = good.clone();
        without.remove(at);
        // hyper itself refuses a request of HTTP/1.1 without Host (RFC 9112, 3.2).
        let answer = ask(&without);
        assert!(matches!(answer.status(), 400 | 403) && answer.1.is_empty(), "without {name}: {}", answer.0);
        let mut twice = good.clone();
        twice.push(good[at].clone());
        assert_eq!(ask(&twice).status(), 403, "twice {name}");
        for other in others {
            let mut lines = good.clone();
            lines[at] = format!("{name}: {other}");
            let answer = ask(&lines);
            assert_eq!((answer.status(), &*answer.1), (403, ""), "{name}: {other}");
        }
    }
    for kind in ["Sec-Fetch-Mode: no-cors", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"] {
        assert_eq!(ask(&[&good[..], &[kind.into()]].concat()).status(), 403, "{kind}");
    }
    let preflight = page.ask(&format!("OPTIONS /plug HTTP/1.1\r\nHost: {}\r\nOrigin: null", page.host), "");
    assert!(!preflight.0.to_ascii_lowercase().contains("access-control"), "{}", preflight.0);
}

#[test]
fn the_page_stands_in_no_frame_and_loads_nothing_from_elsewhere() {
    let world = World::new();
    let up = up(&world);
    let page = Page::of(&up);
    let get =
        |path: &str, more: &str| page.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}{more}", page.host), "");
    let shown = get("/", "\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document");
    assert_eq!(shown.status(), 200);
    let head = shown.0.to_ascii_lowercase();
    for header in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "script-src 'self';",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert!(!head.contains("set-cookie") && !shown.1.contains("http://") && !shown.1.contains("style="));
    for file in ["/panel.css", "/panel.js", "/words.js", "/icon.svg"] {
        assert_eq!(get(file, "\r\nSec-Fetch-Site: same-origin").status(), 200, "{file}");
        assert_eq!(get(file, "\r\nSec-Fetch-Site: cross-site").status(), 403, "{file}");
    }
    assert_eq!(get("/", "\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe").status(), 403);
    assert_eq!(get("/none", "").status(), 404);
    let rebound = page.ask("GET / HTTP/1.1\r\nHost: evil.test", "");
    assert_eq!((rebound.status(), &*rebound.1), (403, ""));
}

/// A press is for the page that the browser has drawn: what it shows is compared, and nothing else is pressed.
#[test]
fn a_press_counts_for_the_page_that_was_drawn() {
    let world = World::new();
    let up = up(&world);
    world.enrol(&up, PIN);
    let page = Page::of(&up);
    let session = page.session(&printed(&up));
    let stream = page.open(&page.lines("/events", Some(&session)).join("\r\n"), "{}");
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    // Chunks stand between the lines; what is JSON is a line.
    let mut next = |wanted: &str| loop {
        let line = lines.next().unwrap_or_else(|| panic!("no {wanted}"));
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        if event["event"] == wanted {
            return event;
        }
    };
    // The past is told, and then the tokens as they are.
    assert_eq!(next("confirmed")["token"], "1-1");
    assert_eq!(next("tokens")["tokens"][0]["display"]["columns"], 20);
    let (order, pin, document) =
        (world.order("20260001"), world.file("pin2", PIN), world.path("payment.cms"));
    let road = up.road();
    let paying = world.start(&[
        "pay",
        &order,
        "--out",
        document.to_str().unwrap(),
        "--pin-file",
        &pin,
        "--usbip",
        &road,
    ]);
    let shown = |event: &Value| {
        let Value::Object(mut screen) = event["screen"].clone() else { panic!("{event}") };
        screen.remove("cells");
        Value::Object(screen)
    };
    let first = next("screen");
    assert_eq!(first["screen"]["cells"][2], "2222", "{first}");
    let first = shown(&first);
    let press = |screen: &Value| {
        page.call("/press", Some(&session), &json!({ "token": "1-1", "button": "ok", "screen": screen }))
            .status()
    };
    let mut other = first.clone();
    other["lines"][2] = "北京水务".into();
    assert_eq!((press(&other), press(&first)), (409, 200));
    let second = shown(&next("screen"));
    // A second click on the first page, which came late, does not confirm the second.
    assert_eq!((press(&first), press(&second)), (409, 200));
    next("confirmed");
    assert_eq!(World::end(paying).code, 0);
    assert_eq!(page.call("/unplug", Some(&session), &json!({ "token": "1-1" })).status(), 200);
    next("unplugged");
    world.done(&["down"]);
    assert_eq!(next("end")["reason"], "stopped");
}

/// Another user of the machine has a browser, too.
#[test]
fn another_user_is_not_served() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become another user.
        return;
    }
    let world = World::new();
    let up = up(&world);
    let page = Page::of(&up);
    let ask = format!(
        "exec 3<>/dev/tcp/{} && printf 'GET / HTTP/1.1\\r\\nHost: {}\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -c 12 <&3",
        page.host.replace(':', "/"),
        page.host
    );
    let said = |uid: u32| {
        let output = Command::new("bash").args(["-c", &ask]).uid(uid).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // Root's own connection shows that the question is a good one.
    assert_eq!((&*said(0), &*said(65_534)), ("HTTP/1.1 200", ""));
}

#[test]
fn without_a_page_there_is_no_link() {
    let world = World::new();
    let pin = world.file("pin", PIN);
    let up = world.up(&["--memory", "--pin-file", &pin, "--panel", "none"]);
    assert_eq!(up.ready["panel"], Value::Null);
    let refused = world.run(&["panel"]);
    assert_eq!(refused.code, 1);
    assert!(refused.complained.contains("ushield up --panel web"), "{}", refused.complained);
}
