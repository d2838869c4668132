//! What stands before every handler: `Host` and `Origin`, the language, the session's cookie, the token of forms, time limits, the
//! headers of every answer, and what a request that fails is told.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Form, Json,
    extract::{ConnectInfo, FromRequest, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::LengthLimitError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    assistant::AssistantPorts,
    bank::{Bank, Open},
    books::session::{self, SessionKind},
    error::{Error, Refusal, Result, Trouble},
    identity::From,
    log,
    metrics::Metrics,
    origin::Origins,
    page::{Page, ReachesShield, RefusalPage, above, draw, go, home_of, status},
    proxy::Proxies,
    random,
    rights::{Settled, SignedIn, Teller},
    secrets::{Kind, Purpose, alike},
    text::Language,
};

/// A request has this long, its body included: whoever sends a byte a second holds nothing for ever.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most bytes of a request's body.
pub(crate) const LONGEST_BODY: usize = 16 << 10;
/// Where programs send signed documents.
pub(crate) const DOCUMENT: &str = "/api/payment";
const VISIT: &str = "__Host-visit";
const LANGUAGE: &str = "__Host-language";

/// One of the two sites: for customers, or for tellers. Cookies know no ports, so each has a name of its own.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) bank: Open,
    pub(crate) kind: SessionKind,
    pub(crate) proxies: Arc<Proxies>,
    /// Whether people come here. Elsewhere programs of enrolment do, which show no page and read plain text.
    pub(crate) has_pages: bool,
}

impl Side {
    fn origins(&self) -> &Origins {
        match self.kind {
            SessionKind::Customer => &self.bank.public,
            SessionKind::Teller => &self.bank.counter,
        }
    }
}

const fn session_cookie(kind: SessionKind) -> &'static str {
    match kind {
        SessionKind::Customer => "__Host-session",
        SessionKind::Teller => "__Host-teller",
    }
}

/// What is known of a request before its handler runs.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) page: Page,
    pub(crate) from: From,
    /// The token of the session, as the cookie or the API's header has it.
    session: Option<String>,
    /// What the token of forms is made from.
    secret: String,
}

impl Visit {
    /// Whether this is the token of the forms of this visit.
    ///
    /// # Errors
    /// The form is another site's, or of another session.
    pub(crate) fn check_form(&self, bank: &Bank, token: &[u8]) -> Result<()> {
        let mut is_right = false;
        for version in bank.secrets.living(Kind::Form, bank.clock.now()) {
            is_right |= alike(token, form_token(bank, version, &self.secret)?.as_bytes());
        }
        if is_right { Ok(()) } else { Err(Refusal::ForeignForm.into()) }
    }
}

/// What stands in the forms of whoever has this secret.
fn form_token(bank: &Bank, version: i64, secret: &str) -> Result<String> {
    Ok(random::hex(bank.secrets.mac(Purpose::Form(version), &["form", secret])?.as_slice()))
}

/// The cookie that begins a session. `__Host-`: this host only, and no page of another subdomain can set it (ASVS 3.3.1 to 3.3.4).
pub(crate) async fn begin_session(
    bank: &Bank,
    visit: &Visit,
    kind: SessionKind,
    token: &str,
    answer: Response,
) -> Result<Response> {
    end_former(bank, visit, kind).await?;
    Ok(with_cookie(answer, session_cookie(kind), token, "SameSite=Strict; HttpOnly"))
}

/// Whoever logs in anew has no use for the session that this browser had before (ASVS 7.2.4).
pub(crate) async fn end_former(bank: &Bank, visit: &Visit, kind: SessionKind) -> Result<()> {
    match &visit.session {
        Some(former) => session::end_token(&mut *bank.database.writer().await?, kind, former).await,
        None => Ok(()),
    }
}

/// The cookie that ends a session.
pub(crate) fn end_session(kind: SessionKind, answer: Response) -> Response {
    with_cookie(answer, session_cookie(kind), "", "SameSite=Strict; HttpOnly; Max-Age=0")
}

/// The cookie of the chosen language.
pub(crate) fn choose_language(language: Language, answer: Response) -> Response {
    with_cookie(answer, LANGUAGE, language.tag(), "SameSite=Lax; HttpOnly; Max-Age=31536000")
}

fn with_cookie(mut answer: Response, name: &str, value: &str, rest: &str) -> Response {
    let cookie = format!("{name}={value}; Path=/; Secure; {rest}");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
    answer
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value).filter(|value| value.len() <= 128)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Everything that a request passes, in and out.
pub(crate) async fn guard(
    State(side): State<Side>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map_or("-", |path| path.as_str()).to_owned();
    let had_visit = cookie(request.headers(), VISIT).is_some();
    let visit = match enter(&side, peer, &request) {
        Ok(visit) => visit,
        Err(error) => return error.into_response(),
    };
    let answered = async {
        check(&side, &request)?;
        carry_out(&side, &visit, request, next).await
    };
    let mut answer = answered.await.unwrap_or_else(IntoResponse::into_response);
    if let Some(failed) = answer.extensions_mut().remove::<Failed>() {
        let allow = answer.headers_mut().remove(header::ALLOW);
        answer = tell(&side, &visit, &method, &path, failed);
        // RFC 9110, 15.5.6: whoever is told that a method is not allowed is told which are.
        allow.and_then(|allow| answer.headers_mut().insert(header::ALLOW, allow));
    } else if let Some(refusal) = answer.extensions_mut().remove::<Refusal>() {
        side.bank.metrics.refusal(refusal);
    }
    let is_asset = path.starts_with("/asset/") && answer.status().is_success();
    // Where there is a session, its token is the secret, and stays in its own cookie. What is cached sets none.
    let is_new = !had_visit && visit.session.is_none() && !is_asset && side.has_pages;
    if is_new && method == Method::GET && answer.status().is_success() {
        answer = with_cookie(answer, VISIT, &visit.secret, "SameSite=Strict; HttpOnly");
    }
    let reaches = answer.extensions_mut().remove::<ReachesShield>().is_some();
    fortify(&side, &visit, (is_asset, reaches), answer.headers_mut());
    let took = begun.elapsed();
    side.bank.metrics.request(answer.status().as_u16(), took);
    log::request(&method, &route, answer.status().as_u16(), took, &visit.from.address);
    answer
}

/// Runs the handler. What changes anything is carried to its end though the browser goes away: an answer that was compared is
/// posted or counted, and five impatient clicks are not five tries that nobody has judged. So its body is read before, and so
/// many are at work at a time.
async fn carry_out(side: &Side, visit: &Visit, request: Request, next: Next) -> Result<Response> {
    let slow = |_| Error::from(Refusal::TooSlow);
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut request =
        if is_safe { request } else { timeout(PATIENCE, whole(request)).await.map_err(slow)?? };
    request.extensions_mut().insert(visit.clone());
    if is_safe {
        return timeout(PATIENCE, next.run(request)).await.map_err(slow);
    }
    let place = side.bank.labour.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
    let work = tokio::spawn(async move {
        let answer = next.run(request).await;
        drop(place);
        answer
    });
    // The handler goes on, so nobody knows yet whether this will be done.
    let done = timeout(PATIENCE, work).await.map_err(|_| Error::silent())?;
    done.map_err(|fault| Error::Broken(format!("a handler ended early: {fault}")))
}

/// A request with its whole body.
async fn whole(request: Request) -> Result<Request> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, LONGEST_BODY).await.map_err(|fault| {
        let is_long =
            std::error::Error::source(&fault).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
        if is_long { Refusal::TooLarge } else { Refusal::Malformed }
    })?;
    // A signed document and a question of RFC 6960 are no texts, and each text in a document is judged by `payment`.
    let kind = text(&parts.headers, header::CONTENT_TYPE);
    let is_binary =
        ["multipart/form-data", "application/ocsp-request"].iter().any(|own| kind.starts_with(own));
    if parts.uri.path() == DOCUMENT || is_binary {
        return Ok(Request::from_parts(parts, axum::body::Body::from(bytes)));
    }
    // PostgreSQL keeps no U+0000 in a text, and nobody types one.
    let has = |mark: &[u8]| bytes.windows(mark.len()).any(|part| part == mark);
    if has(b"\0") || has(b"%00") || has(br"\u0000") {
        return Err(Refusal::Malformed.into());
    }
    Ok(Request::from_parts(parts, axum::body::Body::from(bytes)))
}

fn enter(side: &Side, peer: SocketAddr, request: &Request) -> Result<Visit> {
    let headers = request.headers();
    let bearer = text(headers, header::AUTHORIZATION).strip_prefix("Bearer ");
    let session = match side.kind {
        SessionKind::Teller if is_api(request.uri().path()) => bearer,
        kind => cookie(headers, session_cookie(kind)),
    };
    let session = session.filter(|token| !token.is_empty() && token.len() <= 128).map(str::to_owned);
    let chosen = cookie(headers, LANGUAGE).and_then(Language::from_tag);
    let secret = match (&session, cookie(headers, VISIT)) {
        (Some(token), _) => token.clone(),
        (None, Some(visit)) => visit.to_owned(),
        (None, None) => random::id()?,
    };
    let version = side.bank.secrets.current(Kind::Form, side.bank.clock.now());
    let token = form_token(&side.bank, version, &secret)?;
    let agent = text(headers, header::USER_AGENT).chars().take(120).collect();
    let page = Page {
        language: chosen.unwrap_or_else(|| Language::accepted(text(headers, header::ACCEPT_LANGUAGE))),
        nonce: random::id()?,
        token,
        address: side.origins().main().to_owned(),
        hotline: side.bank.settings.hotline.clone(),
        path: home_of(request.uri().path(), is_read(request.method())).to_owned(),
        has_test_rules: side.bank.settings.test_rules,
        is_signed_in: session.is_some(),
    };
    let address = side.proxies.address(peer.ip(), headers).to_string();
    Ok(Visit { page, from: From { address, agent }, session, secret })
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

/// `Host` is ours, and what changes anything comes from our own page. The API is no page: its token is in no cookie, so no other
/// site can make a browser send it.
fn check(side: &Side, request: &Request) -> Result<()> {
    let (headers, path) = (request.headers(), request.uri().path());
    if request.uri().path_and_query().is_some_and(|whole| whole.as_str().contains("%00")) {
        return Err(Refusal::Malformed.into());
    }
    if !side.has_pages {
        // No browser comes here of its own, and no page elsewhere may make one speak for the shield that is plugged in.
        let is_of_a_page = headers.contains_key(header::ORIGIN);
        return if is_of_a_page { Err(Refusal::ForeignForm.into()) } else { Ok(()) };
    }
    let host = text(headers, header::HOST);
    if path != "/healthz" && !side.origins().has_host(host) {
        return Err(Refusal::ForeignHost.into());
    }
    let is_safe = is_read(request.method());
    let is_same = side.origins().is_same(host, text(headers, header::ORIGIN));
    if is_safe || is_api(path) || is_same { Ok(()) } else { Err(Refusal::ForeignForm.into()) }
}

/// No page runs a script, but for those that reach the shield: they run the one with this answer's nonce, and it speaks to the bank and
/// to the assistant.
fn policy(nonce: &str, reaches: bool, assistant: &AssistantPorts) -> String {
    let script = if reaches {
        format!(" script-src 'nonce-{nonce}'; connect-src 'self' {};", assistant.sources())
    } else {
        String::new()
    };
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}';{script} img-src 'self'; object-src 'none'; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self'"
    )
}

fn fortify(side: &Side, visit: &Visit, (is_asset, reaches): (bool, bool), headers: &mut HeaderMap) {
    let policy = policy(&visit.page.nonce, reaches, &side.bank.assistant);
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_SECURITY_POLICY, &policy);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    let caching = if is_asset { "public, max-age=3600" } else { "no-store" };
    set(header::CACHE_CONTROL, caching);
    if side.origins().is_https() {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}

/// Travels in an answer from a handler to [`guard`], which knows the language.
#[derive(Clone, Copy, Debug)]
enum Failed {
    Refused(Refusal),
    /// The database can do nothing now: whether this was done is not known here.
    Unavailable(Trouble),
    Fault,
}

impl Failed {
    /// The refusal, where it is one.
    const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unavailable(_) | Self::Fault => None,
        }
    }

    /// The status, and the name in the texts.
    fn told(self) -> (StatusCode, &'static str) {
        match self {
            Self::Refused(refusal) => (status(refusal), refusal.code()),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Fault => (StatusCode::INTERNAL_SERVER_ERROR, "fault"),
        }
    }

    fn count(self, metrics: &Metrics) {
        match self {
            Self::Refused(refusal) => metrics.refusal(refusal),
            Self::Unavailable(trouble) => metrics.fault(trouble.name()),
            Self::Fault => metrics.fault("other"),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let failed = match &self {
            Self::Refused(refusal) => Failed::Refused(*refusal),
            fault => {
                log::fault(&fault.to_string());
                fault.trouble().map_or(Failed::Fault, Failed::Unavailable)
            }
        };
        let mut answer = failed.told().0.into_response();
        answer.extensions_mut().insert(failed);
        answer
    }
}

fn tell(side: &Side, visit: &Visit, method: &Method, path: &str, failed: Failed) -> Response {
    failed.count(&side.bank.metrics);
    let (refusal, (status, code)) = (failed.refusal(), failed.told());
    let page = &visit.page;
    let (why, next) = (page.t(format!("refusal-{code}")), page.t(format!("refusal-{code}-next")));
    if is_api(path) {
        return (status, Json(json!({ "code": code, "error": why, "next": next }))).into_response();
    }
    if !side.has_pages {
        return tell_client(refusal, status, format!("{why}\n{next}\n"));
    }
    let had_session = refusal == Some(Refusal::SignIn) && visit.session.is_some();
    let answer = match refusal {
        // Whoever follows a link while logged out is asked to log in, and is told only when a session has ended.
        Some(Refusal::SignIn) if is_read(method) => go(&sign_in_from(path, had_session)),
        Some(Refusal::ChangePasswordFirst) if is_read(method) => go("/password"),
        _ => {
            // A page that says that the session has ended has no links for somebody who is logged in.
            let page = &Page { is_signed_in: page.is_signed_in && !had_session, ..page.clone() };
            let (back, back_text) = way_on(refusal, page, method);
            match draw(&RefusalPage { page, why, next, back, back_text }) {
                Ok(mut answer) => {
                    *answer.status_mut() = status;
                    answer
                }
                Err(_) => status.into_response(),
            }
        }
    };
    if had_session { end_session(side.kind, answer) } else { answer }
}

/// What a client of EST is told: plain text, and a status that RFC 7030 (4.2.3) and RFC 9110 know.
fn tell_client(refusal: Option<Refusal>, status: StatusCode, told: String) -> Response {
    let status = match refusal {
        Some(Refusal::CodeWrong) => StatusCode::UNAUTHORIZED,
        _ if status == StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        _ => status,
    };
    let mut answer = (status, told).into_response();
    let more = match status {
        // RFC 7617, 2.
        StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Basic realm=\"U-shield\", charset=\"UTF-8\""),
        StatusCode::SERVICE_UNAVAILABLE => (header::RETRY_AFTER, "60"),
        _ => return answer,
    };
    answer.headers_mut().insert(more.0, HeaderValue::from_static(more.1));
    answer
}

/// The log-in, which tells somebody whose session has ended, and leads whoever wants to pay a merchant back to the merchant's order.
fn sign_in_from(path: &str, had_session: bool) -> String {
    let checkout =
        path.strip_prefix("/checkout/").filter(|id| random::is_id(id)).map(|id| format!("checkout={id}"));
    let parts: Vec<_> = [had_session.then(|| "ended".to_owned()), checkout].into_iter().flatten().collect();
    if parts.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?{}", parts.join("&")) }
}

/// Where the button of a refusal leads, and its text.
fn way_on<'a>(refusal: Option<Refusal>, page: &'a Page, method: &Method) -> (&'a str, &'a str) {
    match refusal {
        Some(Refusal::SignIn) => ("/sign-in", "sign-in"),
        Some(Refusal::ChangePasswordFirst) => ("/password", "choose-password"),
        Some(Refusal::NoPaymentPassword) => ("/payment-password", "choose-payment-password"),
        Some(Refusal::CardNotActive) => ("/card", "to-card"),
        None | Some(Refusal::NotFound | Refusal::ForeignHost) => ("/", "home"),
        Some(_) if is_read(method) => (above(&page.path), "go-back"),
        Some(_) => (&page.path, "go-back"),
    }
}

/// A form of one of our own pages: whoever holds one has passed the check of its token.
pub(crate) struct Sent<T>(pub(crate) T);

#[derive(Deserialize)]
struct WithToken<T> {
    #[serde(default)]
    token: String,
    #[serde(flatten)]
    fields: T,
}

impl<T: DeserializeOwned> FromRequest<Open> for Sent<T> {
    type Rejection = Error;

    async fn from_request(request: Request, bank: &Open) -> Result<Self> {
        let visit = visit(request.extensions())?;
        let form = Form::<WithToken<T>>::from_request(request, bank).await;
        let Form(form) = form.map_err(|fault| refused(fault.into_response().status()))?;
        visit.check_form(bank, form.token.as_bytes())?;
        Ok(Self(form.fields))
    }
}

/// The JSON of the API.
pub(crate) struct Told<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Open> for Told<T> {
    type Rejection = Error;

    async fn from_request(request: Request, bank: &Open) -> Result<Self> {
        let json = Json::<T>::from_request(request, bank).await;
        json.map(|Json(told)| Self(told)).map_err(|fault| refused(fault.into_response().status()))
    }
}

fn refused(status: StatusCode) -> Error {
    if status == StatusCode::PAYLOAD_TOO_LARGE { Refusal::TooLarge } else { Refusal::Malformed }.into()
}

fn visit(extensions: &axum::http::Extensions) -> Result<Visit> {
    extensions.get::<Visit>().cloned().ok_or_else(|| Error::Broken("a route without the guard".into()))
}

impl FromRequestParts<Open> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Open) -> Result<Self> {
        visit(&parts.extensions)
    }
}

async fn signed_in(parts: &Parts, bank: &Bank) -> Result<SignedIn> {
    let visit = visit(&parts.extensions)?;
    let token = visit.session.ok_or(Refusal::SignIn)?;
    Ok(SignedIn::by_token(bank, &token).await?.ok_or(Refusal::SignIn)?)
}

impl FromRequestParts<Open> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, bank: &Open) -> Result<Self> {
        signed_in(parts, bank).await
    }
}

impl FromRequestParts<Open> for Settled {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, bank: &Open) -> Result<Self> {
        Ok(signed_in(parts, bank).await?.settle()?)
    }
}

impl FromRequestParts<Open> for Teller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, bank: &Open) -> Result<Self> {
        let visit = visit(&parts.extensions)?;
        let token = visit.session.ok_or(Refusal::SignIn)?;
        Ok(Self::by_token(bank, &token).await?.ok_or(Refusal::SignIn)?)
    }
}
