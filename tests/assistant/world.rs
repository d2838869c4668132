//! A bank, a shield at the end of USB/IP, an assistant at a port of its own, and a page.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use assistant::{
    desk::{Desk, Settings},
    prompter::{NotGiven, Prompter, Question, Stop},
    service::Service,
    shield::Shields,
};
use card::road::Selection;
use firmware::fixture::Holder;
use serde_json::{Value, json};
use terminal::secret::Secret;
use tokio::runtime::{Builder, Runtime};
use ushield_tests::{
    bank::Bank,
    bench::PIN,
    road::{Plugged, Road},
    scene::Make,
    story::Story,
};

/// The bank's origin.
pub const BANK: &str = "https://bank.example";
/// A page of the bank's.
pub const PAGE: &str = "page-0123456789abcdef";
/// Another page of the bank's.
pub const OTHER_PAGE: &str = "page-fedcba9876543210";
/// Nothing here takes so long.
pub const LONG: Duration = Duration::from_secs(120);

/// A holder who answers from a list, and remembers what was asked.
#[derive(Clone, Default)]
pub struct Hand(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    answers: VecDeque<Vec<u8>>,
    questions: Vec<String>,
    /// Whether the hand waits until nobody wants an answer any more.
    waits: bool,
}

impl Hand {
    /// The answers to the next questions. After these, the answer is the PIN of every test's shield.
    pub fn answers(&self, answers: &[&[u8]]) {
        self.0.lock().unwrap().answers = answers.iter().map(|answer| answer.to_vec()).collect();
    }

    /// From now on no question is answered.
    pub fn waits(&self) {
        self.0.lock().unwrap().waits = true;
    }

    /// What was asked.
    pub fn questions(&self) -> Vec<String> {
        self.0.lock().unwrap().questions.clone()
    }
}

impl Prompter for Hand {
    fn pin(&self, question: &Question<'_>, stop: &Stop) -> Result<Secret, NotGiven> {
        let waits = {
            let mut asked = self.0.lock().unwrap();
            asked.questions.push(question.text());
            asked.waits
        };
        if waits {
            while !stop.is_wished() {
                thread::sleep(Duration::from_millis(5));
            }
            return Err(NotGiven::Stopped);
        }
        let answer = self.0.lock().unwrap().answers.pop_front();
        match answer {
            Some(answer) if answer.is_empty() => Err(NotGiven::Cancelled),
            Some(answer) => Ok(Secret::from(&answer[..])),
            None => Ok(Secret::from(PIN)),
        }
    }

    fn confirm(&self, question: &Question<'_>, _: &Stop) -> Result<(), NotGiven> {
        self.0.lock().unwrap().questions.push(question.text());
        Err(NotGiven::Cancelled)
    }
}

/// All of it.
pub struct World {
    pub address: SocketAddr,
    pub hand: Hand,
    pub holder: Holder,
    pub bank: Bank,
    pub plugged: Plugged,
    _runtime: Runtime,
}

/// An assistant without a shield.
pub struct Alone {
    pub address: SocketAddr,
    _runtime: Runtime,
}

/// Times that no slow machine reaches, with as many prompts as anybody likes.
pub fn patient() -> Settings {
    Settings {
        page_gone: LONG * 10,
        pin_kept: LONG * 10,
        prompts: 100,
        tick: Duration::from_millis(20),
        ..Settings::default()
    }
}

fn serve(
    settings: Settings,
    shields: Shields,
    prompter: Box<dyn Prompter>,
    patience: Duration,
) -> (SocketAddr, Runtime) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let desk = Desk::new(settings, shields, prompter);
    let banks = vec![BANK.parse().expect("an origin")];
    let service = runtime.block_on(Service::bind(&[0], banks, desk, patience)).expect("a free port");
    let address = service.address();
    runtime.spawn(service.serve());
    (address, runtime)
}

impl Alone {
    /// Requests may take so long to arrive.
    pub fn new(patience: Duration) -> Self {
        let shields = Shields::along(Selection::usbip("127.0.0.1:1"));
        let (address, runtime) = serve(patient(), shields, Box::new(Hand::default()), patience);
        Self { address, _runtime: runtime }
    }
}

impl World {
    /// With a shield that has a personal ID.
    pub fn enrolled() -> Self {
        Self::of(Story::enrolled(Road::UsbIp), patient())
    }

    /// With a shield that has its own PIN, and no ID.
    pub fn new() -> Self {
        Self::of(Story::new(Road::UsbIp), patient())
    }

    /// With a shield as it comes from the factory.
    pub fn from_factory() -> Self {
        Self::of(Story::with(Road::UsbIp, Make::Standard.profile(), None), patient())
    }

    pub fn of(story: Story, settings: Settings) -> Self {
        let hand = Hand::default();
        Self::with(story, settings, Box::new(hand.clone()), hand)
    }

    pub fn with(mut story: Story, settings: Settings, prompter: Box<dyn Prompter>, hand: Hand) -> Self {
        let plugged = story.take_plugged();
        // The story's host lets the shield go.
        let Story { holder, bank, .. } = story;
        let Plugged::Exported(exported) = &plugged else { panic!("the story is over USB/IP") };
        let shields = Shields::along(Selection::usbip(exported.address()));
        let (address, runtime) = serve(settings, shields, prompter, LONG);
        Self { address, hand, holder, bank, plugged, _runtime: runtime }
    }

    /// A call of the page's.
    pub fn call(&self, path: &str, body: Value) -> (u16, Value) {
        call(self.address, PAGE, path, body)
    }

    /// The state that the page is told, once it is this one: a shield that was just let go is back in a moment.
    #[track_caller]
    pub fn is(&self, state: &str) -> Value {
        let end = Instant::now() + LONG;
        loop {
            let (status, told) = self.call("/status", json!({}));
            assert_eq!(status, 200, "{told}");
            if told["state"] == state {
                return told;
            }
            assert!(Instant::now() < end, "{told}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts an operation, and gives its number.
    #[track_caller]
    pub fn start(&self, path: &str, body: Value) -> String {
        let (status, told) = self.call(path, body);
        assert_eq!(status, 202, "{told}");
        told["operation"].as_str().expect("a number").to_owned()
    }

    /// Waits until the operation is over.
    #[track_caller]
    pub fn end(&self, operation: &str) -> Value {
        self.until(operation, &["done", "failed", "cancelled"])
    }

    /// Waits until the operation is in one of these phases.
    #[track_caller]
    pub fn until(&self, operation: &str, phases: &[&str]) -> Value {
        let (mut after, end) = (0, Instant::now() + LONG);
        loop {
            let (status, told) = self.call("/wait", json!({ "operation": operation, "after": after }));
            assert_eq!(status, 200, "{told}");
            if phases.contains(&told["phase"].as_str().expect("a phase")) {
                return told;
            }
            let over = ["done", "failed", "cancelled"].contains(&told["phase"].as_str().unwrap_or_default());
            assert!(!over && Instant::now() < end, "{told}");
            after = told["revision"].as_u64().expect("a number");
        }
    }

    /// An operation from its start to its end.
    #[track_caller]
    pub fn whole(&self, path: &str, body: Value) -> Value {
        let operation = self.start(path, body);
        self.end(&operation)
    }

    /// An order of 100 yuan, and how a page hands it over.
    pub fn order(&self, payee: &str) -> (Vec<u8>, Value) {
        let order = self.bank.order(payee, "100.00", "CNY", "").to_vec();
        let call = json!({ "order": base64(&order) });
        (order, call)
    }
}

/// The code of the error.
pub fn code(told: &Value) -> &str {
    told["error"]["code"].as_str().unwrap_or_default()
}

/// A call of a page of the bank's.
pub fn call(address: SocketAddr, page: &str, path: &str, mut body: Value) -> (u16, Value) {
    body["protocol"] = 1.into();
    body["page"] = page.into();
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {BANK}\r\nContent-Type: application/json\r\nX-UShield: 1\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(address, request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// Sends bytes, and gives what comes until the connection ends.
pub fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the assistant");
    stream.set_read_timeout(Some(LONG)).expect("a time");
    // The assistant may answer and hang up before all was sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).expect("text")
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// Reads base64 without line ends.
pub fn unbase64(text: &str) -> Vec<u8> {
    let value = |c: char| match c {
        'A'..='Z' => c as u32 - 65,
        'a'..='z' => c as u32 - 71,
        '0'..='9' => c as u32 + 4,
        '+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> = text.trim_end_matches('=').chars().map(value).collect();
    let mut bytes = Vec::new();
    for chunk in digits.chunks(4) {
        let word = chunk.iter().fold(0, |word, digit| word << 6 | digit) << (6 * (4 - chunk.len()));
        bytes.extend(word.to_be_bytes()[1..chunk.len()].iter());
    }
    bytes
}

/// Waits for a condition.
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}
