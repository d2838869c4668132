//! What the counter's program asks about PUKs. The answers hold PUKs in clear, so there is no page for them: `bank counter` hands them to
//! the program at the shield through a pipe, and shows them to nobody.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bank::Open,
    desk::{self, Errand},
    entry::Told,
    error::Result,
    rights::{AtCounter, Teller},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .post("/api/puk", hand_over)
        .post("/api/puk/{id}", set)
        .post("/api/unblocking/{id}", unblock)
}

fn told(errand: &Errand) -> Json<Value> {
    let known: Vec<&str> = errand.known.iter().map(desk::Clear::text).collect();
    let Errand { id, serial, puk, unblocks, .. } = errand;
    Json(json!({ "id": id, "shield": serial, "known": known, "puk": puk.text(), "unblocks": unblocks }))
}

#[derive(Deserialize)]
struct Papers {
    account: String,
    document: String,
}

async fn hand_over(
    State(bank): State<Open>,
    teller: Teller,
    Told(papers): Told<Papers>,
) -> Result<Json<Value>> {
    let at = {
        let mut db = bank.database.connection().await?;
        AtCounter::check(&mut db, &teller, papers.account.trim(), &papers.document.trim().to_uppercase())
            .await?
    };
    Ok(told(&desk::hand_over(&bank, &teller, &at).await?))
}

#[derive(Deserialize)]
struct Nothing {}

async fn unblock(
    State(bank): State<Open>,
    teller: Teller,
    Path(id): Path<String>,
    Told(Nothing {}): Told<Nothing>,
) -> Result<Json<Value>> {
    Ok(told(&desk::unblock(&bank, &teller, &id).await?))
}

async fn set(
    State(bank): State<Open>,
    teller: Teller,
    Path(id): Path<String>,
    Told(Nothing {}): Told<Nothing>,
) -> Result<Json<Value>> {
    desk::set(&bank, &teller, &id).await?;
    Ok(Json(json!({})))
}
