//! `bank shop`: a shop that sells one thing, for trials and tests. The shop knows the bank by the bank's HTTP alone: orders by API with an
//! Idempotency-Key, webhooks whose signature it checks by its own code, and the outcome by asking.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Form, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, Request, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use terminal::Failure;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{random, secrets::Secret};

/// A webhook is older than this: somebody has kept it.
const OLDEST: u64 = 300;
/// The bank has so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most that is kept of each kind.
const MOST: usize = 10_000;

/// What `bank merchant add --json` gives.
#[derive(Deserialize)]
struct Account {
    key: Secret,
    secret: Secret,
}

/// An order, as the shop knows it.
#[derive(Clone, Debug)]
struct Sold {
    /// The bank's number.
    id: String,
    /// What a webhook has said; `open` before.
    told: String,
}

struct Shop {
    /// Where the bank is, such as `127.0.0.1:8080`.
    bank: String,
    merchant: PathBuf,
    own: String,
    sold: Mutex<BTreeMap<String, Sold>>,
    /// The ids of webhooks, and how often each has come.
    known: Mutex<BTreeMap<String, u64>>,
}

/// A place where a shop is to be.
pub(crate) struct Room {
    listener: TcpListener,
    own: String,
}

impl Room {
    /// Opens the place.
    pub(crate) async fn open(at: SocketAddr) -> Result<Self, Failure> {
        let failed = |why: std::io::Error| Failure::new(format!("{at} was not opened")).because(why);
        if !at.ip().is_loopback() {
            return Err(Failure::new("the shop was not opened")
                .because("it is for trials on this machine")
                .next("name an address of 127.0.0.1"));
        }
        let listener = TcpListener::bind(at).await.map_err(failed)?;
        let own = format!("http://{}", listener.local_addr().map_err(failed)?);
        Ok(Self { listener, own })
    }

    /// Where the shop is.
    pub(crate) fn origin(&self) -> &str {
        &self.own
    }

    /// Serves the shop of this bank until the process ends. The file of the merchant may come later: it has the shop's address in it.
    pub(crate) async fn sell(self, bank: &str, merchant: PathBuf) -> Result<(), Failure> {
        let host = crate::origin::parse(bank)
            .ok()
            .and_then(|origin| Some(origin.strip_prefix("http://")?.to_owned()));
        let host = host.ok_or_else(|| {
            Failure::new("the shop was not opened")
                .because("it speaks to a bank at loopback only, by http")
                .next("say --bank http://127.0.0.1:8080")
        })?;
        let (bank, sold, known) = (host, Mutex::default(), Mutex::default());
        let shop = Arc::new(Shop { bank, merchant, own: self.own, sold, known });
        let site = Router::new()
            .route("/", get(window))
            .route("/buy", post(buy))
            .route("/order/{reference}", get(outcome))
            .route("/order/{reference}/state", get(state))
            .route("/paid", post(paid))
            .route("/told", get(told))
            .layer(DefaultBodyLimit::max(16 << 10))
            .with_state(shop);
        axum::serve(self.listener, site).await.map_err(|fault| Failure::new("the shop closed").because(fault))
    }
}

/// What the shop answers when something went wrong: a page, and nothing of the inside.
struct Wrong(StatusCode, String);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (self.0, page("This did not work", &format!("<p>{}</p>", escaped(&self.1)))).into_response()
    }
}

fn bad(why: impl std::fmt::Display) -> Wrong {
    Wrong(StatusCode::BAD_GATEWAY, why.to_string())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title></head><body><main><h1>{title}</h1>{body}\
         </main></body></html>"
    ))
}

impl Shop {
    fn account(&self) -> Result<Account, Wrong> {
        let read = std::fs::read(&self.merchant).map(Zeroizing::new);
        let bytes = read.map_err(|_| bad("the file of the merchant is not there yet"))?;
        serde_json::from_slice(&bytes)
            .map_err(|_| bad("the file is not what `bank merchant add --json` gives"))
    }

    fn sold(&self, reference: &str) -> Option<Sold> {
        self.sold.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned()
    }

    /// Asks the bank.
    async fn ask(&self, method: &str, path: &str, key: Option<&str>, body: String) -> Result<Value, Wrong> {
        timeout(PATIENCE, self.call(method, path, key, body))
            .await
            .map_err(|_| bad("the bank is too slow"))?
    }

    async fn call(&self, method: &str, path: &str, key: Option<&str>, body: String) -> Result<Value, Wrong> {
        let account = self.account()?;
        let stream = TcpStream::connect(&self.bank).await.map_err(|_| bad("the bank does not answer"))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(bad)?;
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.bank)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", &*account.key));
        if let Some(key) = key {
            request = request.header("idempotency-key", format!("\"{key}\""));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(bad)?;
        let answer = sender.send_request(request).await.map_err(bad)?;
        let status = answer.status();
        let read = Limited::new(answer.into_body(), 64 << 10).collect().await;
        let bytes = read.map_err(|_| bad("the bank's answer is too long"))?.to_bytes();
        let told: Value = serde_json::from_slice(&bytes).map_err(|_| bad("the bank answers no JSON"))?;
        match told["error"].as_str() {
            Some(why) if !status.is_success() => Err(bad(why)),
            _ if !status.is_success() => Err(bad(status)),
            _ => Ok(told),
        }
    }
}

async fn window() -> Html<String> {
    page(
        "A shop for trials",
        "<form method=\"post\" action=\"/buy\"><p>One book. <label>Price in yuan <input name=\"amount\" value=\"29.00\" \
         inputmode=\"decimal\" required></label></p><p><button>Buy</button></p></form>",
    )
}

#[derive(Deserialize)]
struct Cart {
    amount: String,
}

/// Orders at the bank and sends the customer there. One key for one click: whatever happens on the line, the bank orders once.
async fn buy(State(shop): State<Arc<Shop>>, Form(cart): Form<Cart>) -> Result<Redirect, Wrong> {
    let name = || random::id().map_err(bad);
    let (reference, key) = (name()?, name()?);
    let return_url = format!("{}/order/{reference}", shop.own);
    let order =
        json!({ "reference": reference, "amount": cart.amount, "memo": "一本书", "return_url": return_url });
    let made = shop.ask("POST", "/api/merchant/order", Some(&key), order.to_string()).await?;
    let text = |name: &str| {
        made[name].as_str().map(str::to_owned).ok_or_else(|| bad("the bank's answer lacks something"))
    };
    let (id, to) = (text("id")?, text("pay_url")?);
    let mut sold = shop.sold.lock().unwrap_or_else(PoisonError::into_inner);
    if sold.len() < MOST {
        sold.insert(reference, Sold { id, told: "open".into() });
    }
    Ok(Redirect::to(&to))
}

/// What the shop was told, and what the bank says when it is asked.
async fn known_state(shop: &Shop, reference: &str) -> Result<(String, String), Wrong> {
    let missing = || Wrong(StatusCode::NOT_FOUND, "there is no such order".into());
    let sold = shop.sold(reference).ok_or_else(missing)?;
    let asked = shop.ask("GET", &format!("/api/merchant/order/{}", sold.id), None, String::new()).await?;
    Ok((sold.told, asked["state"].as_str().unwrap_or_default().to_owned()))
}

async fn outcome(
    State(shop): State<Arc<Shop>>,
    Path(reference): Path<String>,
) -> Result<Html<String>, Wrong> {
    let (told, asked) = known_state(&shop, &reference).await?;
    let (told, asked) = (escaped(&told), escaped(&asked));
    let words = if asked == "paid" { "Thank you: your order is paid." } else { "Your order is not paid." };
    Ok(page(
        "Your order",
        &format!(
            "<p>{words}</p><p>The bank says: <strong id=\"asked\">{asked}</strong>. By webhook: <strong \
             id=\"told\">{told}</strong>.</p><p><a href=\"/\">Back to the shop</a></p>"
        ),
    ))
}

async fn state(State(shop): State<Arc<Shop>>, Path(reference): Path<String>) -> Result<Json<Value>, Wrong> {
    let (told, asked) = known_state(&shop, &reference).await?;
    Ok(Json(json!({ "told": told, "asked": asked })))
}

/// How often each webhook has come.
async fn told(State(shop): State<Arc<Shop>>) -> Json<Value> {
    Json(json!(*shop.known.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Whether the bank has sent this, within the last minutes (Standard Webhooks 1.0).
fn is_genuine(secret: &str, headers: &HeaderMap, body: &[u8], now: u64) -> Option<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (id, at, signatures) = (text("webhook-id")?, text("webhook-timestamp")?, text("webhook-signature")?);
    if now.abs_diff(at.parse().ok()?) > OLDEST {
        return None;
    }
    let secret = Zeroizing::new(Base64::decode_vec(secret.strip_prefix("whsec_")?).ok()?);
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).ok()?;
    for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
        mac.update(part);
    }
    let right = |signature: &str| {
        let given = signature.strip_prefix("v1,").and_then(|given| Base64::decode_vec(given).ok());
        given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
    };
    signatures.split(' ').any(right).then_some(())
}

/// Takes a webhook. A repeated id changes nothing, and is taken, so that the bank stops.
async fn paid(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, Wrong> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let refused = || Wrong(StatusCode::UNAUTHORIZED, "this is not signed by the bank".into());
    is_genuine(&shop.account()?.secret, &headers, &body, now).ok_or_else(refused)?;
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let told: Value = serde_json::from_slice(&body).map_err(bad)?;
    let mut known = shop.known.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.contains_key(id) && known.len() >= MOST {
        return Err(Wrong(StatusCode::SERVICE_UNAVAILABLE, "the shop is full".into()));
    }
    let count = known.entry(id.to_owned()).or_default();
    *count += 1;
    let (reference, state) = (told["data"]["reference"].as_str(), told["data"]["state"].as_str());
    if let (1, Some(reference), Some(state)) = (*count, reference, state)
        && let Some(sold) = shop.sold.lock().unwrap_or_else(PoisonError::into_inner).get_mut(reference)
    {
        sold.told = state.to_owned();
    }
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::is_genuine;

    /// The example of the text of Standard Webhooks 1.0.
    #[test]
    fn the_example_of_the_standard_is_genuine_and_nothing_near_it() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let (body, at) = (br#"{"test": 2432232314}"#, "1614265330");
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let judge = |id: &str, at: &str, signature: &str, body: &[u8], now: u64| {
            let mut headers = HeaderMap::new();
            for (name, value) in
                [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)]
            {
                headers.insert(name, value.parse().expect("a value"));
            }
            is_genuine(secret, &headers, body, now).is_some()
        };
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert!(judge(id, at, signature, body, 1_614_265_400));
        assert!(
            judge(id, at, &format!("v1,AAAA {signature}"), body, 1_614_265_400),
            "one of several signatures"
        );
        assert!(!judge("msg_other", at, signature, body, 1_614_265_400));
        assert!(!judge(id, "1614265331", signature, body, 1_614_265_400));
        assert!(!judge(id, at, signature, br#"{"test": 2432232315}"#, 1_614_265_400));
        assert!(!judge(id, at, "v1,", body, 1_614_265_400));
        assert!(!judge(id, at, signature, body, 1_614_265_330 + 301), "an old one is a replay");
        assert!(!judge(id, at, signature, body, 1_614_265_330 - 301), "nor is one of the future taken");
    }
}
