//! The merchants' API: JSON, and a merchant's key in the header `Authorization: Bearer`. No cookie is looked at, so no page of another
//! site can do anything here.

use axum::{
    Json,
    extract::{FromRequestParts, Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bank::Open,
    books::purchase::{self, Purchase},
    database::Connection,
    entry::Told,
    error::{Error, Refusal, Result},
    merchant::{self, Wanted, with_page},
    rights::Shop,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/api/merchant/order", list)
        .post("/api/merchant/order", create)
        .get("/api/merchant/order/{id}", show)
        .post("/api/merchant/order/{id}/cancel", cancel)
}

impl FromRequestParts<Open> for Shop {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, bank: &Open) -> Result<Self> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header.and_then(|header| header.strip_prefix("Bearer ")).filter(|key| key.len() <= 128);
        Ok(Self::by_key(bank, key.ok_or(Refusal::KeyWrong)?).await?.ok_or(Refusal::KeyWrong)?)
    }
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

async fn create(
    State(bank): State<Open>,
    shop: Shop,
    headers: HeaderMap,
    Told(wanted): Told<Wanted>,
) -> Result<Response> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = keys.next().and_then(|key| key.to_str().ok()).filter(|_| keys.next().is_none());
    let reply = merchant::create(&bank, &shop, key, &wanted).await?;
    let mut answer = reply.body.into_response();
    *answer.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if reply.is_replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        answer.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(answer)
}

/// The merchant's own order of this number. Another merchant's is not there.
async fn own(db: &mut Connection, shop: &Shop, id: &str) -> Result<Purchase> {
    let found = purchase::find(db, id).await?;
    Ok(found.filter(|found| found.merchant == shop.merchant().id).ok_or(Refusal::NotYours)?)
}

async fn show(State(bank): State<Open>, shop: Shop, Path(id): Path<String>) -> Result<Json<Value>> {
    let found = own(&mut *bank.database.connection().await?, &shop, &id).await?;
    Ok(Json(with_page(&bank, &found, bank.clock.now())))
}

#[derive(Deserialize)]
struct From {
    /// The last order of the former page.
    before: Option<String>,
}

async fn list(
    State(bank): State<Open>,
    shop: Shop,
    from: std::result::Result<Query<From>, QueryRejection>,
) -> Result<Json<Value>> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    let before = match from.map_err(|_| Refusal::Malformed)?.0.before {
        Some(id) => Some(own(&mut db, &shop, &id).await?),
        None => None,
    };
    let found = purchase::of_merchant(&mut db, &shop.merchant().id, before.as_ref()).await?;
    let orders: Vec<Value> = found.iter().map(|purchase| with_page(&bank, purchase, now)).collect();
    Ok(Json(json!({ "orders": orders })))
}

async fn cancel(State(bank): State<Open>, shop: Shop, Path(id): Path<String>) -> Result<Json<Value>> {
    let cancelled = merchant::cancel(&bank, &shop, &id).await?;
    Ok(Json(with_page(&bank, &cancelled, bank.clock.now())))
}
