//! The counter as an API: JSON, and the token of a teller's session in the header `Authorization: Bearer`.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::action::{Done, Fields, perform};
use crate::{
    bank::Open,
    books::session::SessionKind,
    desk::{self, Brought, Printed},
    entry::{Told, Visit, end_former},
    error::Result,
    identity::sign_in_teller,
    personal_id::Code,
    rights::Teller,
    secrets::Secret,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/api/sign-in", sign_in)
        .post("/api/sign-out", sign_out)
        .post("/api/action/{name}", act)
        .get("/api/approval", approvals)
        .post("/api/approval/{id}", answer)
        .get("/openapi.json", document)
}

/// The description of the API, as OpenAPI 3.1.
async fn document() -> ([(&'static str, &'static str); 1], &'static str) {
    ([("content-type", "application/json")], include_str!("../../assets/openapi.json"))
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: Secret,
}

async fn sign_in(State(bank): State<Open>, visit: Visit, Told(login): Told<Login>) -> Result<Json<Value>> {
    let token = sign_in_teller(&bank, &login.name, &login.password, &visit.from).await?;
    end_former(&bank, &visit, SessionKind::Teller).await?;
    Ok(Json(json!({ "token": token })))
}

async fn sign_out(State(bank): State<Open>, teller: Teller) -> Result<Json<Value>> {
    desk::sign_out(&bank, &teller).await?;
    Ok(Json(json!({})))
}

fn printed(card: &Printed) -> Value {
    let rows: Vec<&Vec<String>> = card.rows.iter().map(|(_, cells)| cells).collect();
    json!({ "card": { "number": card.id, "columns": card.columns, "rows": rows } })
}

fn handed_out(code: &Code) -> Value {
    json!({ "shield": code.serial, "reference": code.reference, "code": code.code })
}

async fn act(
    State(bank): State<Open>,
    teller: Teller,
    Path(name): Path<String>,
    Told(fields): Told<Fields>,
) -> Result<Json<Value>> {
    Ok(Json(match perform(&bank, &teller, &name, fields).await? {
        Done::Account(number) => json!({ "account": number }),
        Done::Password(password) => json!({ "password": password }),
        Done::Card(card) => printed(&card),
        Done::Code(code) => handed_out(&code),
        Done::Asked(id) => json!({ "approval": id }),
        Done::Well => json!({}),
    }))
}

async fn approvals(State(bank): State<Open>, teller: Teller) -> Result<Json<Value>> {
    let waiting = desk::waiting(&bank, &teller).await?;
    let rows = waiting.iter().map(
        |row| json!({ "id": row.id, "action": row.action, "detail": row.detail, "asked_by": row.asked_by }),
    );
    Ok(Json(json!({ "waiting": rows.collect::<Vec<_>>() })))
}

#[derive(Deserialize)]
struct Word {
    approve: bool,
}

async fn answer(
    State(bank): State<Open>,
    teller: Teller,
    Path(id): Path<String>,
    Told(word): Told<Word>,
) -> Result<Json<Value>> {
    Ok(Json(match desk::answer(&bank, &teller, &id, word.approve).await? {
        Some(Brought::Card(card)) => printed(&card),
        Some(Brought::Code(code)) => handed_out(&code),
        None => json!({}),
    }))
}
