//! The server of the control socket.

use std::{fmt, fs, path::Path, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{self, DefaultBodyLimit, Query, State, rejection::QueryRejection},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use file::socket::{self, Bound};
use serde::Deserialize;
use terminal::Failure;
use tokio::{net::UnixListener, sync::Semaphore, time::timeout};

use super::{
    client::Client,
    crowd,
    rack::{Rack, Served},
    rejection::{Rejection, reject},
    stream::{self, LISTENERS},
    view::{self, Health, Link, Press, Refusal, Shown, Token, Tokens},
};
use crate::{
    panel::{NotPattern, Pattern},
    paths,
};

/// The longest time that a request may wait for a screen, in seconds.
const MOST_PATIENCE: u64 = 3600;
/// So many requests may wait for a screen at a time: each change of a screen costs a look for each of them.
const WAITS: usize = 64;
/// An error repeats so many characters of an expression.
const SHOWN: usize = 60;
/// The most bytes of a request's body. A press with the longest expression has two thousand.
const LONGEST_BODY: usize = 16 << 10;
/// How long the answer to a press waits for the screen to change, and the answer to an unplug for the host to hang up.
const REACTION: Duration = Duration::from_secs(2);

/// A control socket. Nobody answers there before [`Self::serve`] runs.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
}

impl ControlSocket {
    /// Makes the socket, for its owner only. What a killed server has left is removed. The name of the socket goes when the second
    /// value is dropped: whoever stops a server waits until the name is gone.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn open(path: &Path) -> Result<(Self, Bound), Failure> {
        let refused = |error: &dyn fmt::Display| {
            Failure::new(format!("the control socket {} could not be made", path.display()))
                .because(error)
                .next("name another one with --control SOCKET")
        };
        let (listener, bound) = socket::bind(path).map_err(|error| refused(&error))?;
        let made = listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener));
        Ok((Self { listener: made.map_err(|error| refused(&error))? }, bound))
    }

    /// Answers requests until the rack is stopped.
    pub async fn serve(self, rack: Arc<Rack>) {
        let routes = Router::new()
            .route("/health", get(health))
            .route("/tokens", get(tokens))
            .route("/events", get(events))
            .route("/tokens/{id}/screen", get(screen))
            .route("/tokens/{id}/press", post(press))
            .route("/tokens/{id}/plug", post(plug))
            .route("/tokens/{id}/unplug", post(unplug))
            .route("/panel/link", post(link))
            .route("/shutdown", post(shutdown))
            .fallback(nowhere)
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(rack.clone());
        crowd::serve(&self.listener, routes, &rack).await;
    }
}

/// Refuses the path of another server's control socket, and says whose it is. Must not be called inside a runtime.
///
/// # Errors
/// Another server answers at the path, or the path is too long for a socket.
pub fn check_free(path: &Path) -> Result<(), Failure> {
    paths::check_socket(path)?;
    let name = path.display();
    if let Some(other) = Client::open(path.to_owned())? {
        return Err(Failure::new(format!("the control socket {name} is taken"))
            .because(format!("it serves {}", other.place()))
            .next(format!(
                "stop it with `ushield down --control {name}`, or name another with --control SOCKET"
            )));
    }
    Ok(())
}

/// Removes the sockets that killed servers have left in this folder, and the empty logs beside them.
pub fn sweep(runtime: &Path) {
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "sock" || end == "usbip") && socket::remove_dead(&path) {
            let log = path.with_extension("log");
            if fs::metadata(&log).is_ok_and(|found| found.len() == 0) {
                let _ = fs::remove_file(&log);
            }
        }
    }
}

type Answer<T> = Result<Json<T>, Rejection>;

async fn health(State(rack): State<Arc<Rack>>) -> Json<Health> {
    Json(rack.health().clone())
}

async fn tokens(State(rack): State<Arc<Rack>>) -> Json<Tokens> {
    Json(Tokens { tokens: rack.tokens() })
}

/// Lines of JSON, for as long as the listener likes.
async fn events(State(rack): State<Arc<Rack>>) -> Result<Response, Rejection> {
    let lines = stream::follow(&rack, stream::From::Now).ok_or_else(|| {
        let error = format!("{LISTENERS} programs listen already");
        reject(StatusCode::SERVICE_UNAVAILABLE, error, "let one of them end")
    })?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::new(lines)).into_response())
}

async fn nowhere() -> Rejection {
    reject(StatusCode::NOT_FOUND, "there is nothing here", "GET /health, GET /tokens, GET /events")
}

/// A new link to the page. Whoever can open the control socket may have one.
async fn link(State(rack): State<Arc<Rack>>) -> Answer<Link> {
    let made = rack.link().map_err(|error| {
        reject(StatusCode::INTERNAL_SERVER_ERROR, format!("no link was made: {error}"), "try again")
    })?;
    let link = made.ok_or_else(|| {
        let next = "start the tokens with a page: ushield up --panel web";
        reject(StatusCode::NOT_FOUND, "these tokens are on no page", next)
    })?;
    Ok(Json(Link { link }))
}

async fn shutdown(State(rack): State<Arc<Rack>>) -> Json<Health> {
    rack.stop();
    Json(rack.health().clone())
}

/// The query of a screen request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Until {
    /// Wait until the text matches this.
    wait: Option<String>,
    /// How long, in seconds.
    timeout: Option<u64>,
}

async fn screen(
    State(rack): State<Arc<Rack>>,
    extract::Path(id): extract::Path<String>,
    until: Result<Query<Until>, QueryRejection>,
) -> Answer<Shown> {
    let served = served(&rack, &id)?;
    let Query(until) = until.map_err(|error| {
        let next = "say nothing, or ?wait=RE and &timeout=SECONDS";
        reject(StatusCode::BAD_REQUEST, format!("the question was not understood: {error}"), next)
    })?;
    let Some(wait) = until.wait else {
        return Ok(Json(Shown { screen: served.screen() }));
    };
    let pattern = pattern(&wait)?;
    static WAITING: Semaphore = Semaphore::const_new(WAITS);
    let Ok(_place) = WAITING.try_acquire() else {
        let error = format!("{WAITS} requests wait for a screen already");
        return Err(reject(
            StatusCode::SERVICE_UNAVAILABLE,
            error,
            "let some of them end, or ask without ?wait=",
        ));
    };
    let patience = until.timeout.unwrap_or(60).min(MOST_PATIENCE);
    let matching = served
        .panel
        .wait(|face| face.screen.as_ref().is_some_and(|screen| pattern.matches(&screen.lines.join("\n"))));
    let met = tokio::select! {
        met = timeout(Duration::from_secs(patience), matching) => met,
        () = rack.stopped() => return Err(reject(StatusCode::SERVICE_UNAVAILABLE, "the tokens were stopped while waiting", "start them again: ushield up -d")),
    };
    met.map(|face| Json(Shown { screen: face.screen.as_ref().map(view::Screen::from) })).map_err(|_| {
        let error = format!("the screen did not show {wait:?} within {patience} seconds");
        let next = "compare it with the text that you expect, or wait longer with --timeout";
        let shown = Some(Shown { screen: served.screen() });
        Rejection(StatusCode::REQUEST_TIMEOUT, Refusal { error, next: next.into(), shown })
    })
}

async fn press(
    State(rack): State<Arc<Rack>>,
    extract::Path(id): extract::Path<String>,
    body: Bytes,
) -> Answer<Shown> {
    let served = served(&rack, &id)?;
    // The content type is not looked at: curl sends the type of forms unless told otherwise.
    let press: Press = serde_json::from_slice(&body).map_err(|error| {
        let next = r#"send JSON: {"button": "ok"}, {"button": "cancel"}, with "if_shows": "RE" if you like"#;
        reject(StatusCode::BAD_REQUEST, format!("the press was not understood: {error}"), next)
    })?;
    let pattern = press.if_shows.as_deref().map(pattern).transpose()?;
    // The look and the press happen under one lock: the page that was judged is the page that is confirmed.
    let before = served
        .press(press.button, |screen| pattern.as_ref().is_none_or(|pattern| pattern.matches(&screen.text())));
    let before = before.map_err(|screen| {
        let error = match (&screen, &press.if_shows) {
            (Some(_), Some(wanted)) => format!("nothing was pressed: the screen does not show {wanted:?}"),
            _ => "nothing was pressed: the screen is dark, and nobody asks".to_owned(),
        };
        let next = "wait for the right text first: ushield screen --wait RE".to_owned();
        Rejection(StatusCode::CONFLICT, Refusal { error, next, shown: Some(Shown { screen }) })
    })?;
    // A screen that does not change in time is no error: the answer says what it shows.
    let changed = served.panel.wait(|face| face.screen.is_none() || face.shown > before);
    let _ = timeout(REACTION, changed).await;
    Ok(Json(Shown { screen: served.screen() }))
}

async fn plug(State(rack): State<Arc<Rack>>, extract::Path(id): extract::Path<String>) -> Answer<Token> {
    let served = served(&rack, &id)?;
    rack.plug(served);
    Ok(Json(rack.token(served)))
}

async fn unplug(State(rack): State<Arc<Rack>>, extract::Path(id): extract::Path<String>) -> Answer<Token> {
    let served = served(&rack, &id)?;
    rack.unplug(served);
    // After the answer, nobody finds the token by any road. A host that does not hang up delays the answer only so long.
    let _ = timeout(REACTION, rack.let_go(served)).await;
    Ok(Json(rack.token(served)))
}

fn served<'a>(rack: &'a Rack, id: &str) -> Result<&'a Served, Rejection> {
    rack.find(id).ok_or_else(|| {
        reject(StatusCode::NOT_FOUND, format!("there is no token {id}"), "GET /tokens lists them")
    })
}

fn pattern(text: &str) -> Result<Pattern, Rejection> {
    text.parse().map_err(|error: NotPattern| {
        let next = match error {
            NotPattern::Malformed(_) => {
                "put a \\ before . * + ? ( ) [ ] { } | ^ $ to mean the character itself"
            }
            NotPattern::Large => "say less of the screen's text: a part that no other page has will do",
        };
        let start: String = text.chars().take(SHOWN).collect();
        reject(StatusCode::BAD_REQUEST, format!("{start:?} was not understood: {error}"), next)
    })
}
