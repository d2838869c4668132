//! What happens to the tokens, told on the control socket.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::world::{Up, World};

const PIN: &str = "246802";
/// Generous: a machine under load takes long, and a test that hangs says nothing.
const DEADLINE: Duration = Duration::from_secs(120);

/// A program that listens. The request is of HTTP/1.0, so that the lines come as they are.
struct Listener(BufReader<UnixStream>);

impl Listener {
    fn start(up: &Up) -> Self {
        let mut stream = UnixStream::connect(up.ready["control"].as_str().unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(b"GET /events HTTP/1.0\r\nHost: ushield\r\n\r\n").unwrap();
        let mut listener = Self(BufReader::new(stream));
        assert_eq!(listener.line().as_deref(), Some("HTTP/1.0 200 OK"));
        while listener.line().unwrap() != "" {}
        listener
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    fn next(&mut self) -> Option<Value> {
        self.line().map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")))
    }

    /// Reads on to an event of this name, and returns it with the names of those before.
    fn until(&mut self, name: &str) -> (Value, Vec<String>) {
        let mut before = Vec::new();
        loop {
            let event = self.next().unwrap_or_else(|| panic!("no {name} after {before:?}"));
            let found = event["event"].as_str().unwrap().to_owned();
            if found == name {
                return (event, before);
            }
            before.push(found);
        }
    }
}

fn up(world: &World) -> Up {
    let pin = world.file("pin", PIN);
    world.up(&["--memory", "--pin-file", &pin, "--panel", "none"])
}

fn pay(world: &World, up: &Up, pin: &str, number: &str) -> std::process::Child {
    let (order, pin) = (world.order(number), world.file("pin-given", pin));
    let document = world.path(&format!("{number}.cms"));
    world.start(&[
        "pay",
        &order,
        "--out",
        document.to_str().unwrap(),
        "--pin-file",
        &pin,
        "--usbip",
        &up.road(),
    ])
}

/// A payment as a program sees it that only listens: the pages, the answer of the holder, the commands without the PIN.
#[test]
fn a_listener_hears_a_payment_page_by_page_and_no_pin() {
    let world = World::new();
    let up = up(&world);
    world.enrol(&up, PIN);
    let mut listener = Listener::start(&up);
    let first = listener.next().unwrap();
    assert_eq!((&first["event"], &first["tokens"][0]["bus_id"]), (&"tokens".into(), &"1-1".into()));
    assert_eq!(first["tokens"][0]["tries"]["pin"], 6);
    let paying = pay(&world, &up, PIN, "20260001");
    let (attached, _) = listener.until("attached");
    assert_eq!(attached["token"], "1-1");
    let (page, _) = listener.until("screen");
    assert_eq!((&page["screen"]["page"], &page["screen"]["pages"]), (&1.into(), &2.into()));
    assert!(page["screen"]["lines"].as_array().unwrap().contains(&"上海水务".into()), "{page}");
    world.done(&["press", "ok", "--if-shows", "上海水务"]);
    let (page, _) = listener.until("screen");
    assert_eq!(page["screen"]["page"], 2);
    world.done(&["press", "ok", "--if-shows", "20260001"]);
    let (_, before) = listener.until("confirmed");
    assert!(!before.contains(&"screen".to_owned()), "{before:?}");
    let (dark, _) = listener.until("screen");
    assert_eq!(dark["screen"], Value::Null);
    let (signed, _) = listener.until("apdu");
    assert_eq!((&signed["name"], &signed["status"]), (&"SIGN PAYMENT".into(), &"9000".into()));
    assert!(signed["command"].as_str().unwrap().starts_with("80 2A 00 00 "), "{signed}");
    listener.until("released");
    assert_eq!(World::end(paying).code, 0);

    // A wrong PIN costs a try, and nothing of the PIN is told.
    assert_eq!(World::end(pay(&world, &up, "135246", "20260002")).code, 1);
    let verify = loop {
        let (exchange, before) = listener.until("apdu");
        assert!(!before.contains(&"tries".to_owned()), "{before:?}");
        if exchange["name"] == "VERIFY" {
            break exchange;
        }
    };
    assert!(verify["command"].as_str().unwrap().ends_with("** ** ** ** ** **"), "{verify}");
    assert_eq!(verify["status"], "63C5", "{verify}");
    let (tries, _) = listener.until("tries");
    assert_eq!((&tries["tries"]["pin"], &tries["tries"]["pin_most"]), (&5.into(), &6.into()));

    world.done(&["unplug"]);
    listener.until("unplugged");
    world.done(&["plug"]);
    listener.until("plugged");
    world.done(&["down"]);
    let (end, _) = listener.until("end");
    assert_eq!((&end["reason"], listener.next()), (&"stopped".into(), None));
}

/// Cancel, and a host that goes while the holder reads.
#[test]
fn each_question_ends_with_its_reason() {
    let world = World::new();
    let up = up(&world);
    world.enrol(&up, PIN);
    let mut listener = Listener::start(&up);
    let paying = pay(&world, &up, PIN, "1");
    listener.until("screen");
    world.done(&["press", "cancel"]);
    listener.until("cancelled");
    assert_eq!(World::end(paying).code, 1);
    listener.until("released");
    let mut paying = pay(&world, &up, PIN, "2");
    loop {
        if listener.until("screen").0["screen"] != Value::Null {
            break;
        }
    }
    paying.kill().unwrap();
    paying.wait().unwrap();
    let (_, before) = listener.until("withdrawn");
    assert!(!before.contains(&"confirmed".to_owned()), "{before:?}");
}

/// Whoever does not read loses lines, is told so, and delays nobody. More than 32 are not served.
#[test]
fn a_listener_that_does_not_read_is_told_what_it_has_missed() {
    let world = World::new();
    let up = up(&world);
    let begun = Instant::now();
    let mut slow = Listener::start(&up);
    let mut quick = Listener::start(&up);
    let mut card = card::road::open(&card::road::Selection::usbip(up.road())).unwrap();
    let mut shield = card::shield::Shield::select(&mut card).unwrap();
    // The system's buffers, which differ from machine to machine, hold some of the lines. The quick one reads all.
    for _ in 0..400 {
        for _ in 0..20 {
            shield.information().unwrap();
        }
        for _ in 0..20 {
            quick.until("apdu");
        }
    }
    let lines: Vec<String> = slow.0.by_ref().lines().map_while(Result::ok).collect();
    assert!(lines.len() < 8000, "all {} lines were kept for whoever does not read", lines.len());
    match lines.last().and_then(|line| serde_json::from_str::<Value>(line).ok()) {
        Some(end) if end["event"] == "end" => {
            assert!(end["reason"] == "slow" && end["missed"].as_u64() > Some(0), "{end}");
        }
        // On a machine under load the test takes long, and whoever reads nothing for ten seconds loses the connection.
        last => assert!(begun.elapsed() >= Duration::from_secs(10), "no end after {last:?}"),
    }

    let crowd: Vec<_> = (1..32).map(|_| Listener::start(&up)).collect();
    let mut late = UnixStream::connect(up.ready["control"].as_str().unwrap()).unwrap();
    late.set_read_timeout(Some(DEADLINE)).unwrap();
    late.write_all(b"GET /events HTTP/1.0\r\nHost: ushield\r\n\r\n").unwrap();
    let mut refusal = String::new();
    match late.read_to_string(&mut refusal) {
        Ok(_) => assert!(refusal.starts_with("HTTP/1.0 503") && refusal.contains("32 programs"), "{refusal}"),
        Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock, "no answer"),
    }
    // Who hangs up makes room, although nothing happens.
    crowd[0].0.get_ref().shutdown(Shutdown::Both).unwrap();
    drop(crowd);
    crate::world::eventually("there is room again", || {
        let mut stream = UnixStream::connect(up.ready["control"].as_str().unwrap()).unwrap();
        stream.write_all(b"GET /events HTTP/1.0\r\nHost: ushield\r\n\r\n").unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).is_ok() && &begin == b"HTTP/1.0 200"
    });
}
