//! Who is let in: each attack by HTTP, one by one.

use std::{io::Write, net::TcpStream, os::unix::process::CommandExt, process::Command, time::Duration};

use serde_json::json;

use crate::world::{Alone, BANK, LONG, OTHER_PAGE, PAGE, ask, call, code};

const BODY: &str = r#"{"protocol":1,"page":"page-0123456789abcdef"}"#;

/// A request with these lines behind the first, and a body.
fn request(alone: &Alone, first: &str, lines: &[String], body: &str) -> String {
    let length = format!("Content-Length: {}", body.len());
    let lines = [lines, &[length, "Connection: close".into()]].concat().join("\r\n");
    ask(alone.address, format!("{first} HTTP/1.1\r\n{lines}\r\n\r\n{body}").as_bytes())
}

/// The lines of a good call.
fn good(alone: &Alone) -> Vec<String> {
    [
        format!("Host: {}", alone.address),
        format!("Origin: {BANK}"),
        "Content-Type: application/json".into(),
        "X-UShield: 1".into(),
    ]
    .into()
}

/// A good call, but for one line.
fn with(alone: &Alone, name: &str, line: Option<&str>) -> Vec<String> {
    let mut lines = good(alone);
    lines.retain(|line| !line.starts_with(&format!("{name}:")));
    lines.extend(line.map(|line| format!("{name}: {line}")));
    lines
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

/// Without its date.
fn dateless(answer: &str) -> String {
    answer.split("\r\n").filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\r\n")
}

#[test]
fn a_good_call_is_answered_for_its_origin_alone() {
    let alone = Alone::new(LONG);
    let answer = request(&alone, "POST /status", &good(&alone), BODY);
    assert_eq!(status(&answer), 200, "{answer}");
    for line in [&format!("access-control-allow-origin: {BANK}"), "vary: Origin", "cache-control: no-store"] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line} in {answer}");
    }
    assert!(!answer.contains("allow-credentials"), "{answer}");
    let asked = request(&alone, "OPTIONS /pay", &with(&alone, "X-UShield", None)[..2], "");
    assert_eq!(status(&asked), 204, "{asked}");
    assert!(asked.contains("access-control-allow-headers: content-type, x-ushield"), "{asked}");
}

/// A fetch of another page, a sandboxed frame or a form (`null`), an image or a navigation (none), look-alikes.
#[test]
fn every_other_origin_gets_the_same_answer_everywhere() {
    let alone = Alone::new(LONG);
    let origins = [
        None,
        Some("null"),
        Some("*"),
        Some(""),
        Some("https://evil.example"),
        Some("http://bank.example"),
        Some("https://bank.example:8443"),
        Some("https://bank.example.evil.example"),
        Some("https://evilbank.example"),
        Some("https://bank.example/"),
        Some("HTTPS://bank.example"),
        Some("https://bank.example, https://evil.example"),
    ];
    let shut = dateless(&request(&alone, "POST /status", &with(&alone, "Origin", None), BODY));
    assert!(shut.starts_with("HTTP/1.1 403 ") && shut.ends_with("\r\n\r\n"), "{shut}");
    assert!(!shut.contains("access-control"), "{shut}");
    for origin in origins {
        let lines = with(&alone, "Origin", origin);
        for first in [
            "POST /status",
            "POST /pay",
            "POST /no-such-call",
            "GET /",
            "OPTIONS /pay",
            "PUT /status",
            "DELETE /x",
        ] {
            assert_eq!(dateless(&request(&alone, first, &lines, BODY)), shut, "{origin:?} {first}");
        }
    }
    let twice = [good(&alone), vec!["Origin: https://evil.example".into()]].concat();
    assert_eq!(dateless(&request(&alone, "POST /status", &twice, BODY)), shut);
}

/// DNS rebinding: the browser believes that the page and the assistant have one origin, and only Host tells.
#[test]
fn another_host_is_shut_out_before_anything_is_asked() {
    let alone = Alone::new(LONG);
    let port = alone.address.port();
    let evil = format!("evil.test:{port}");
    let local = format!("localhost:{port}");
    let long = format!("127.0.0.1:{port}.evil.test");
    let hosts = [
        None,
        Some(&evil[..]),
        Some(&local),
        Some(&long),
        Some("127.0.0.1"),
        Some("127.0.0.1:1"),
        Some("[::1]:1"),
    ];
    for host in hosts {
        let lines = with(&alone, "Host", host);
        for first in ["POST /status", "OPTIONS /status", "GET /"] {
            let answer = request(&alone, first, &lines, BODY);
            assert_eq!(status(&answer), 403, "{host:?} {first}: {answer}");
            assert!(!answer.contains("access-control"), "{answer}");
        }
    }
    // Rebinding sends a GET without Origin, too, and a bank's own name that leads here.
    let rebound = vec!["Host: bank.example".to_owned(), format!("Origin: {BANK}")];
    assert_eq!(status(&request(&alone, "GET /status", &rebound, "")), 403);
}

#[test]
fn what_no_script_of_a_page_sends_is_refused() {
    let alone = Alone::new(LONG);
    for (name, line) in [
        ("X-UShield", None),
        ("X-UShield", Some("2")),
        ("Content-Type", None),
        ("Content-Type", Some("text/plain")),
        ("Content-Type", Some("application/x-www-form-urlencoded")),
        ("Content-Type", Some("multipart/form-data; boundary=x")),
        ("Sec-Fetch-Mode", Some("navigate")),
        ("Sec-Fetch-Mode", Some("no-cors")),
        ("Sec-Fetch-Mode", Some("websocket")),
        ("Sec-Fetch-Dest", Some("document")),
        ("Sec-Fetch-Dest", Some("image")),
        ("Sec-Fetch-Dest", Some("iframe")),
    ] {
        let answer = request(&alone, "POST /status", &with(&alone, name, line), BODY);
        assert_eq!(status(&answer), 403, "{name} {line:?}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    let fetched = [
        good(&alone),
        vec![
            "Sec-Fetch-Mode: cors".into(),
            "Sec-Fetch-Dest: empty".into(),
            "Sec-Fetch-Site: cross-site".into(),
        ],
    ]
    .concat();
    assert_eq!(status(&request(&alone, "POST /status", &fetched, BODY)), 200);
    assert_eq!(status(&request(&alone, "GET /status", &good(&alone), "")), 404);
    assert_eq!(status(&request(&alone, "POST /nothing", &good(&alone), BODY)), 404);
}

#[test]
fn there_is_no_websocket() {
    let alone = Alone::new(LONG);
    let upgrade = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ];
    let lines = [good(&alone), upgrade.map(String::from).to_vec()].concat();
    let answer = request(&alone, "GET /status", &lines, "");
    assert_eq!(status(&answer), 404, "{answer}");
    assert!(!answer.to_lowercase().contains("upgrade"), "{answer}");
}

#[test]
fn large_bodies_are_refused_however_they_come() {
    let alone = Alone::new(LONG);
    let large = format!(r#"{{"protocol":1,"page":"{PAGE}","x":"{}"}}"#, "x".repeat(16 << 10));
    assert_eq!(status(&request(&alone, "POST /status", &good(&alone), &large)), 413);
    let lines = good(&alone).join("\r\n");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let chunked = format!(
        "POST /status HTTP/1.1\r\n{lines}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(6)
    );
    assert_eq!(status(&ask(alone.address, chunked.as_bytes())), 413);
    let head = format!("POST /status HTTP/1.1\r\n{lines}\r\nX-Long: {}\r\n\r\n", "x".repeat(64 << 10));
    let answer = ask(alone.address, head.as_bytes());
    assert!(answer.is_empty() || status(&answer) >= 400, "{answer}");
}

#[test]
fn a_body_that_does_not_come_is_given_up() {
    let alone = Alone::new(Duration::from_millis(200));
    let lines = good(&alone).join("\r\n");
    let slow = format!("POST /status HTTP/1.1\r\n{lines}\r\nContent-Length: 100\r\n\r\n{{");
    assert_eq!(status(&ask(alone.address, slow.as_bytes())), 408);
    // A head that does not end costs a connection, and only for a while.
    let answer = ask(alone.address, b"POST /status HTTP/1.1\r\n");
    assert!(answer.is_empty() || status(&answer) >= 400, "{answer}");
}

#[test]
fn many_connections_keep_nobody_out() {
    let alone = Alone::new(LONG);
    let mut crowd = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(alone.address).unwrap();
        let _ = stream.write_all(b"POST /status HTTP/1.1\r\n");
        crowd.push(stream);
    }
    let (status, told) = call(alone.address, PAGE, "/status", json!({}));
    assert_eq!(status, 200, "{told}");
}

#[test]
fn calls_that_are_not_understood_are_refused() {
    let alone = Alone::new(LONG);
    let ask = |path: &str, body: &str| {
        let answer = request(&alone, &format!("POST {path}"), &good(&alone), body);
        let told: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        (status(&answer), code(&told).to_owned())
    };
    let malformed = (400, "malformed".to_owned());
    for body in [
        "",
        "[]",
        "{}",
        "\"x\"",
        r#"{"protocol":1}"#,
        r#"{"protocol":"1","page":"page-0123456789abcdef"}"#,
        r#"{"protocol":1,"page":"short"}"#,
        r#"{"protocol":1,"page":"page-0123456789abcde\n"}"#,
        r#"{"protocol":1,"page":"page-0123456789abcdef","language":"fr"}"#,
        r#"{"protocol":1,"page":"page-0123456789abcdef","serial":7}"#,
        r#"{"protocol":1,"page":"page-0123456789abcdef","pin":"123456"}"#,
    ] {
        assert_eq!(ask("/status", body), malformed, "{body}");
    }
    assert_eq!(ask("/status", &format!("{}{}", "[".repeat(5000), "]".repeat(5000))), malformed);
    assert_eq!(ask("/pay", BODY), malformed);
    assert_eq!(
        ask("/status", r#"{"protocol":2,"page":"page-0123456789abcdef","news":1}"#),
        (409, "version".into())
    );
    let (status, told) = call(alone.address, OTHER_PAGE, "/wait", json!({ "operation": "00" }));
    assert_eq!((status, code(&told)), (404, "unknown_operation"));
}

/// The other user's browser is sent away, whatever its page is. Only root can play another user.
#[test]
fn another_user_of_the_machine_is_not_served() {
    if !rustix::process::geteuid().is_root() {
        println!("only root can become another user: nothing was tried");
        return;
    }
    let alone = Alone::new(LONG);
    let (lines, port) = (good(&alone).join("\\r\\n"), alone.address.port());
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'POST /status HTTP/1.1\\r\\n{lines}\\r\\nConnection: close\\r\\nContent-Length: {}\\r\\n\\r\\n%s' '{BODY}' >&3; cat <&3",
        BODY.len()
    );
    let as_user = |user: u32| {
        let ran = Command::new("bash").args(["-c", &script]).uid(user).gid(user).output().unwrap();
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    assert!(as_user(0).starts_with("HTTP/1.1 200 "));
    assert_eq!(as_user(65_534), "");
}
