//! The door: who is answered at all. What reaches a call was sent by a script of a page whose origin the configuration names.
//!
//! The checks stand in this order (docs/assistant.md says which attack each stops): Host, Origin, the kind of fetch, method, headers,
//! size. Whoever fails at the first two learns nothing but that something listens.

use std::{sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes},
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use loopback::{
    page::shut,
    request::{self, NoBody},
};

use crate::{
    call::{self, Answer},
    desk::Desk,
    origin::Origin,
};

/// The most bytes of a body. An installation has two certificates in PEM, of some two thousand bytes.
const LONGEST: usize = 16 << 10;

/// The door of one address.
pub(crate) struct Door {
    /// What Host must be: `127.0.0.1:PORT`.
    pub host: String,
    /// The origins that are let in.
    pub banks: Vec<Origin>,
    /// Who does what is asked for.
    pub desk: Arc<Desk>,
    /// How long a body may take.
    pub patience: Duration,
}

type Answered = Response<Full<Bytes>>;

impl Door {
    /// Answers a request.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Answered
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let origin = match self.admitted(request.headers()) {
            Ok(origin) => origin,
            Err(why) => return refused(why, request.method()),
        };
        let answer = match self.judge(&request) {
            Judged::Refused(why) => return with_origin(refused(why, request.method()), origin),
            Judged::Preflight => return with_origin(preflight(), origin),
            Judged::Call => self.called(origin, request).await,
            Judged::Nowhere => call::refuse(404, "unknown_call"),
        };
        tracing::debug!(%origin, status = answer.0, "a call was answered");
        with_origin(told(answer), origin)
    }

    /// The origin, if Host and Origin are as they must be. Each must be there once: which of two counts is anybody's guess.
    fn admitted(&self, headers: &HeaderMap) -> Result<&Origin, &'static str> {
        if !request::is_for(headers, &self.host) {
            return Err("host");
        }
        request::origin(headers, &self.banks, Origin::as_str).ok_or("origin")
    }

    fn judge<B>(&self, request: &Request<B>) -> Judged {
        let headers = request.headers();
        if !request::is_fetch(headers) {
            return Judged::Refused("fetch");
        }
        match *request.method() {
            Method::OPTIONS => Judged::Preflight,
            Method::POST if request::is_call(headers) => Judged::Call,
            Method::POST => Judged::Refused("header"),
            _ => Judged::Nowhere,
        }
    }

    async fn called<B>(&self, origin: &Origin, request: Request<B>) -> Answer
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path().to_owned();
        let body = match request::body(request, LONGEST, self.patience).await {
            Ok(body) => body,
            Err(why) => return call::refuse(why.status(), code(why)),
        };
        call::answer(&self.desk, origin, &path, &body).await
    }
}

/// The code of a refusal, for the page.
const fn code(why: NoBody) -> &'static str {
    match why {
        NoBody::TooLarge => "too_large",
        NoBody::TooSlow => "too_slow",
        NoBody::Malformed => "malformed",
    }
}

enum Judged {
    /// The door stays shut, for this reason.
    Refused(&'static str),
    /// The browser asks whether the script may.
    Preflight,
    /// A call.
    Call,
    /// Another method: there is nothing.
    Nowhere,
}

/// Keeps somebody out. The log has the reason, and the answer has none. What somebody sent is not repeated: the log would be a place to
/// write to.
fn refused(why: &'static str, method: &Method) -> Answered {
    let method =
        if [Method::GET, Method::POST, Method::OPTIONS].contains(method) { method.as_str() } else { "other" };
    tracing::debug!(why, method, "a request was refused");
    shut()
}

/// The answer to a preflight: no credentials, one method, two headers (Fetch Standard, "CORS-preflight fetch").
fn preflight() -> Answered {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, x-ushield"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}

fn told((status, json): Answer) -> Answered {
    let mut answer = Response::new(Full::from(json.to_string()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Lets the page read the answer: this one origin, and no other that a cache might serve.
fn with_origin(mut answer: Answered, origin: &Origin) -> Answered {
    let headers = answer.headers_mut();
    if let Ok(origin) = HeaderValue::from_str(origin.as_str()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    answer
}
