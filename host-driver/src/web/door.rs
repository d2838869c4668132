//! What the page may ask, once its request is the page's own.

use std::{convert::Infallible, sync::Arc};

use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes},
};
use loopback::{
    PATIENCE, Passes,
    page::{self, answer, protect, shut},
    request,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::file::FILES;
use crate::control::{
    rack::{Rack, Served},
    stream::{From, follow},
    view::{Button, Screen},
};

/// The most bytes of a request's body. The largest has one page of a screen.
const LONGEST: usize = 8 << 10;
const JSON: &str = "application/json";

/// The door of the page.
pub(super) struct Door {
    /// What Host must be: `127.0.0.1:PORT`.
    pub(super) host: String,
    /// What Origin must be.
    pub(super) origin: String,
    pub(super) passes: Arc<Passes>,
    pub(super) rack: Arc<Rack>,
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// A refusal: its status, and a code that the page has words for.
struct Refused(StatusCode, &'static str);

/// A link's secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    secret: String,
}

/// A token, by its bus id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    token: String,
}

/// A button, for the page that the browser has drawn.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pressed {
    token: String,
    button: Button,
    screen: Screen,
}

impl Door {
    /// Answers a request.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if *request.method() != Method::POST {
            return page::serve(&request, &self.host, FILES).map(BodyExt::boxed);
        }
        if !self.is_own_call(&request) {
            tracing::debug!("a request to the panel was refused");
            return shut().map(BodyExt::boxed);
        }
        self.called(request)
            .await
            .unwrap_or_else(|Refused(status, code)| told(status, &json!({ "error": code })))
    }

    /// Whether a script of the page itself calls. Each call is a POST: a browser says the origin of every one.
    fn is_own_call<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        request::is_for(headers, &self.host)
            && request::origin(headers, std::slice::from_ref(&self.origin), |own| own).is_some()
            && request::is_fetch(headers)
            && request::is_call(headers)
    }

    async fn called<B>(&self, request: Request<B>) -> Result<Answer, Refused>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path().to_owned();
        if path != "/session" && !self.passes.admit(request.headers()) {
            return Err(Refused(StatusCode::UNAUTHORIZED, "no_session"));
        }
        let body = request::body(request, LONGEST, PATIENCE).await.map_err(|why| {
            Refused(StatusCode::from_u16(why.status()).unwrap_or(StatusCode::BAD_REQUEST), "no_body")
        })?;
        match &*path {
            "/session" => self.open(&read::<Opening>(&body)?),
            "/events" => self.follow(),
            "/press" => self.press(&read(&body)?),
            "/plug" => self.with(&read(&body)?, |served| self.rack.plug(served)),
            "/unplug" => self.with(&read(&body)?, |served| self.rack.unplug(served)),
            _ => Err(Refused(StatusCode::NOT_FOUND, "unknown_call")),
        }
    }

    fn open(&self, opening: &Opening) -> Result<Answer, Refused> {
        let token = self.passes.exchange(&opening.secret);
        let token = token.ok_or(Refused(StatusCode::FORBIDDEN, "used_link"))?;
        Ok(told(StatusCode::OK, &json!({ "session": token })))
    }

    fn follow(&self) -> Result<Answer, Refused> {
        let lines = follow(&self.rack, From::Before);
        let lines = lines.ok_or(Refused(StatusCode::SERVICE_UNAVAILABLE, "too_many"))?;
        let mut answer = Response::new(lines.boxed());
        protect(answer.headers_mut(), "application/x-ndjson");
        Ok(answer)
    }

    /// Presses a button for the page that the browser has drawn. Where another page is shown meanwhile, nothing is pressed.
    fn press(&self, pressed: &Pressed) -> Result<Answer, Refused> {
        let served = self.find(&pressed.token)?;
        let shown = served.press(pressed.button, |screen| screen.is(&pressed.screen));
        shown.map_err(|_| Refused(StatusCode::CONFLICT, "other_page"))?;
        Ok(done())
    }

    fn with(&self, chosen: &Chosen, deed: impl FnOnce(&Served)) -> Result<Answer, Refused> {
        deed(self.find(&chosen.token)?);
        Ok(done())
    }

    fn find(&self, token: &str) -> Result<&Served, Refused> {
        self.rack.find(token).ok_or(Refused(StatusCode::NOT_FOUND, "no_token"))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|_| Refused(StatusCode::BAD_REQUEST, "malformed"))
}

fn done() -> Answer {
    told(StatusCode::OK, &json!({}))
}

fn told(status: StatusCode, json: &serde_json::Value) -> Answer {
    answer(status, JSON, json.to_string().into()).map(BodyExt::boxed)
}
