//! A page of the assistant's own that asks for the PIN, for trials: it is there only where the command line allows it twice.
//!
//! The page stands at a port of its own, so it is another origin than the bank's: no script of a bank's reaches it. [`loopback`] has the
//! rules of who is let in. What the page is told and what it answers is never logged. A PIN that is typed into a page passes through a
//! browser, which keeps what it likes: that is why this is for trials.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use hyper::{Method, Request, StatusCode, body::Incoming};
use lock::lock;
use loopback::{
    PATIENCE, Passes, Service,
    page::{self, File, Whole, answer, shut},
    request,
};
use serde::Deserialize;
use serde_json::{Value, json};
use terminal::secret::Secret;
use tokio::{sync::watch, time::timeout};
use zeroize::Zeroizing;

use super::{HOLDER, NotGiven, Prompter, Question, Stop};

/// How often it is looked whether the question is still wanted.
const GLANCE: Duration = Duration::from_millis(100);
/// How long a page waits for a question before it asks again.
const POLL: Duration = Duration::from_secs(25);
/// The most bytes of a request's body.
const LONGEST: usize = 1 << 10;
const FILES: &[File] = &[
    File { path: "/", kind: "text/html; charset=utf-8", content: include_str!("page/prompter.html") },
    File {
        path: "/prompter.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("page/prompter.css"),
    },
    File {
        path: "/prompter.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("page/prompter.js"),
    },
];

/// Asks on the page. Clones ask on the same page.
#[derive(Clone)]
pub struct Web(Arc<Window>);

struct Window {
    state: Mutex<State>,
    answered: Condvar,
    /// The number of the last change.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    number: u64,
    question: Option<Value>,
    given: Option<Given>,
}

enum Given {
    Secret(Secret),
    Yes,
    Cancelled,
}

/// The page's service, which answers once [`Self::serve`] runs.
pub struct Page {
    service: Service,
    passes: Arc<Passes>,
    window: Arc<Window>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    number: u64,
    yes: bool,
    #[serde(default)]
    secret: String,
}

impl Page {
    /// Listens at a port that the system chooses. Must be called inside a runtime.
    ///
    /// # Errors
    /// The system gives no port.
    pub async fn bind() -> io::Result<(Self, Web)> {
        let service = Service::bind(&[0], PATIENCE).await?;
        let window =
            Window { state: Mutex::default(), answered: Condvar::new(), changed: watch::Sender::new(0) };
        let web = Web(Arc::new(window));
        Ok((Self { service, passes: Arc::default(), window: Arc::clone(&web.0) }, web))
    }

    /// Where the page is.
    pub const fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// A link that opens the page once.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn link(&self) -> io::Result<String> {
        self.passes.link(self.address())
    }

    /// Answers, until the future is dropped.
    pub async fn serve(self) {
        let host = self.address().to_string();
        let door = Arc::new(Door {
            origin: format!("http://{host}"),
            host,
            passes: self.passes,
            window: self.window,
        });
        let answer = move |request: Request<Incoming>| {
            let door = Arc::clone(&door);
            async move { door.answer(request).await }
        };
        self.service.serve(answer).await;
    }
}

struct Door {
    host: String,
    origin: String,
    passes: Arc<Passes>,
    window: Arc<Window>,
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Whole {
        if *request.method() != Method::POST {
            return page::serve(&request, &self.host, FILES);
        }
        let headers = request.headers();
        let own = std::slice::from_ref(&self.origin);
        let is_own = request::is_for(headers, &self.host)
            && request::origin(headers, own, |own| own).is_some()
            && request::is_fetch(headers)
            && request::is_call(headers);
        if !is_own {
            return shut();
        }
        let path = request.uri().path().to_owned();
        if path != "/session" && !self.passes.admit(headers) {
            return told(StatusCode::UNAUTHORIZED, &json!({}));
        }
        let Ok(body) = request::body(request, LONGEST, PATIENCE).await else {
            return told(StatusCode::BAD_REQUEST, &json!({}));
        };
        let done = match &*path {
            "/session" => self.open(&body),
            "/question" => self.question(&body).await,
            "/answer" => self.take(&body),
            _ => None,
        };
        done.map_or_else(|| told(StatusCode::FORBIDDEN, &json!({})), |json| told(StatusCode::OK, &json))
    }

    fn open(&self, body: &[u8]) -> Option<Value> {
        let opening: Opening = serde_json::from_slice(body).ok()?;
        Some(json!({ "session": self.passes.exchange(&opening.secret)? }))
    }

    /// The question, once it is another than the page knows.
    async fn question(&self, body: &[u8]) -> Option<Value> {
        let Waiting { after } = serde_json::from_slice(body).ok()?;
        let mut changed = self.window.changed.subscribe();
        // Where nothing happens, the page is told what it knows, and asks again.
        let _ = timeout(POLL, changed.wait_for(|number| *number != after)).await;
        let state = lock(&self.window.state);
        Some(json!({ "number": state.number, "question": state.question }))
    }

    fn take(&self, body: &[u8]) -> Option<Value> {
        let answered: Answered = serde_json::from_slice(body).ok()?;
        let secret = Zeroizing::new(answered.secret);
        let mut state = lock(&self.window.state);
        if state.question.is_none() || state.number != answered.number {
            return None;
        }
        state.given = Some(match (answered.yes, secret.is_empty()) {
            (false, _) => Given::Cancelled,
            (true, true) => Given::Yes,
            (true, false) => Given::Secret(Secret::from(secret.as_bytes())),
        });
        drop(state);
        self.window.answered.notify_all();
        Some(json!({}))
    }
}

fn told(status: StatusCode, json: &Value) -> Whole {
    answer(status, "application/json", json.to_string().into())
}

impl Web {
    fn ask(&self, question: &Question<'_>, hidden: bool, stop: &Stop) -> Result<Given, NotGiven> {
        self.show(Some(json!({
            "title": question.title(),
            "text": question.text(),
            "prompt": question.prompt(),
            "hidden": hidden,
            "language": question.language.of("zh", "en"),
        })));
        let end = Instant::now() + HOLDER;
        let mut state = lock(&self.0.state);
        let given = loop {
            if let Some(given) = state.given.take() {
                break Ok(given);
            }
            if stop.is_wished() {
                break Err(NotGiven::Stopped);
            }
            if Instant::now() >= end {
                break Err(NotGiven::TimedOut);
            }
            let waited = self.0.answered.wait_timeout(state, GLANCE);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        };
        drop(state);
        self.show(None);
        given
    }

    fn show(&self, question: Option<Value>) {
        let mut state = lock(&self.0.state);
        state.number += 1;
        (state.question, state.given) = (question, None);
        self.0.changed.send_replace(state.number);
    }
}

impl Prompter for Web {
    fn pin(&self, question: &Question<'_>, stop: &Stop) -> Result<Secret, NotGiven> {
        match self.ask(question, true, stop)? {
            Given::Secret(secret) => Ok(secret),
            Given::Yes | Given::Cancelled => Err(NotGiven::Cancelled),
        }
    }

    fn confirm(&self, question: &Question<'_>, stop: &Stop) -> Result<(), NotGiven> {
        match self.ask(question, false, stop)? {
            Given::Yes => Ok(()),
            Given::Secret(_) | Given::Cancelled => Err(NotGiven::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;
    use crate::{
        origin::Origin,
        prompter::{Language, Wanted},
    };

    /// The status and the JSON of an answer.
    fn call(address: SocketAddr, path: &str, session: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nContent-Type: application/json\r\n\
             X-UShield: 1\r\nAuthorization: Bearer {session}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    #[test]
    fn a_pin_is_given_once_to_the_question_that_was_asked() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (page, web) = runtime.block_on(Page::bind()).unwrap();
        let (address, link) = (page.address(), page.link().unwrap());
        runtime.spawn(page.serve());
        let secret = link.split_once('#').unwrap().1;
        assert_eq!(call(address, "/question", secret, &json!({ "after": 0 })).0, 401, "a link is no session");
        let (_, opened) = call(address, "/session", "", &json!({ "secret": secret }));
        let session = opened["session"].as_str().unwrap();
        let bank: Origin = "https://bank.example".parse().unwrap();
        let question = |wanted| Question::new(&bank, Language::En, wanted, vec!["To: 上海水务".into()]);
        let stop = Stop::default();
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| web.pin(&question(Wanted::Pin), &stop));
            let (_, shown) = call(address, "/question", session, &json!({ "after": 0 }));
            let text = shown["question"]["text"].as_str().unwrap();
            assert!(text.contains("https://bank.example") && text.contains("上海水务"), "{text}");
            let give = |number: &Value, secret: &str| {
                call(address, "/answer", session, &json!({ "number": number, "yes": true, "secret": secret }))
                    .0
            };
            assert_eq!(give(&json!(99), "000000"), 403, "another question");
            assert_eq!(give(&shown["number"], "246802"), 200);
            assert_eq!(asked.join().unwrap().unwrap().bytes(), b"246802");
            let (_, gone) = call(address, "/question", session, &json!({ "after": shown["number"] }));
            assert_eq!(gone["question"], Value::Null);
            assert_eq!(give(&gone["number"], "246802"), 403, "nobody asks");
            let asked = scope.spawn(|| web.confirm(&question(Wanted::Yes), &stop));
            let (_, shown) = call(address, "/question", session, &json!({ "after": gone["number"] }));
            assert_eq!(shown["question"]["hidden"], false);
            stop.wish();
            assert!(matches!(asked.join().unwrap(), Err(NotGiven::Stopped)));
        });
        runtime.shutdown_background();
    }
}
