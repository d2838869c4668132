//! The customer's shield: how it stands, its renewal, the order that it is to sign, and the signed document.

use askama::Template;
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Multipart, Path, Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bank::Open,
    books::{
        shield::{self, Shield},
        signed,
    },
    entry::{DOCUMENT, Sent, Visit},
    error::{Refusal, Result},
    page::{Page, draw, draw_reaching, go},
    pay,
    personal_id::{self, Code, End},
    rights::{OwnerOf, Settled},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/shield", show)
        .post("/shield/renew", renew)
        .get("/shield/download", download)
        .get("/shield/pin", change_pin)
        .get("/order/{id}/order.json", order)
        .get("/order/{id}/order.der", order_der)
        .post("/order/{id}/document", upload)
        .post(DOCUMENT, submit)
}

#[derive(Template)]
#[template(path = "shield.html")]
struct Shown<'a> {
    page: &'a Page,
    shield: &'a Option<Shield>,
    end: &'a Option<End>,
}

/// The ID is downloaded here, or renewed.
#[derive(Template)]
#[template(path = "shield/download.html")]
struct Download<'a> {
    page: &'a Page,
    shield: &'a Option<Shield>,
    /// What a renewal has brought forth: shown once.
    code: &'a Option<Code>,
}

#[derive(Template)]
#[template(path = "shield/pin.html")]
struct ChangePin<'a> {
    page: &'a Page,
    shield: &'a Option<Shield>,
}

async fn own(bank: &Open, who: &Settled) -> Result<Option<Shield>> {
    shield::of_customer(&mut *bank.database.connection().await?, &who.customer().id).await
}

async fn download(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    draw_reaching(&Download { page: &visit.page, shield: &own(&bank, &who).await?, code: &None })
}

async fn change_pin(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    draw_reaching(&ChangePin { page: &visit.page, shield: &own(&bank, &who).await? })
}

async fn show(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    let shield = own(&bank, &who).await?;
    let end = match &shield {
        Some(shield) => personal_id::end_of(&bank, shield).await?,
        None => None,
    };
    draw(&Shown { page: &visit.page, shield: &shield, end: &end })
}

#[derive(Deserialize)]
struct Nothing {}

async fn renew(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response> {
    let code = Some(personal_id::renew(&bank, &who).await?);
    draw_reaching(&Download { page: &visit.page, shield: &own(&bank, &who).await?, code: &code })
}

/// The order that the live challenge of this session asks to have signed: DER.
async fn live(bank: &Open, who: &Settled, id: &str) -> Result<Vec<u8>> {
    let mut db = bank.database.connection().await?;
    let own = OwnerOf::check(&mut db, who, id).await?;
    let live = signed::live(&mut db, &own.order().id, &who.session().id, bank.clock.now()).await?;
    Ok(live.ok_or(Refusal::ChallengeReplaced)?)
}

/// For the page's script, which hands these bytes to the assistant.
async fn order_der(State(bank): State<Open>, who: Settled, Path(id): Path<String>) -> Result<Response> {
    let der = live(&bank, &who, &id).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], der).into_response())
}

/// As `ushield pay` reads it.
async fn order(State(bank): State<Open>, who: Settled, Path(id): Path<String>) -> Result<Response> {
    let json = pay::shield::json(&live(&bank, &who, &id).await?)?;
    let mut answer = json.into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let name = HeaderValue::from_static("attachment; filename=\"order.json\"");
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(answer)
}

/// The signed document, by the page's form: the token of the form comes first, and then the file.
async fn upload(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response> {
    let mut form = Multipart::from_request(request, &bank).await.map_err(|_| Refusal::Malformed)?;
    let (mut token, mut document) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|_| Refusal::Malformed)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| Refusal::TooLarge)?;
        match name.as_str() {
            "token" => token = Some(bytes),
            "document" => document = Some(bytes),
            _ => return Err(Refusal::Malformed.into()),
        }
    }
    visit.check_form(&bank, token.as_deref().unwrap_or_default())?;
    let own = OwnerOf::check(&mut *bank.database.connection().await?, &who, &id).await?;
    let document = document.ok_or(Refusal::Malformed)?;
    pay::shield::submit(&bank, &document, Some(&own.order().id)).await?;
    Ok(go(&format!("/order/{id}")))
}

/// The signed document, by a program: DER.
async fn submit(State(bank): State<Open>, document: Bytes) -> Result<Json<Value>> {
    let order = pay::shield::submit(&bank, &document, None).await?;
    Ok(Json(json!({ "order": order, "state": "posted" })))
}
