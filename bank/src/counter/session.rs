//! A teller logs in and out.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::session::SessionKind,
    desk,
    entry::{Sent, Visit, begin_session, end_session},
    error::{Refusal, Result, refusable},
    identity::sign_in_teller,
    page::{Page, again, draw, go},
    rights::Teller,
    secrets::Secret,
    site::Routes,
};

const KIND: SessionKind = SessionKind::Teller;

pub(super) fn routes() -> Routes {
    Routes::default().get("/sign-in", form).post("/sign-in", enter).post("/sign-out", leave)
}

#[derive(Template)]
#[template(path = "counter/sign_in.html")]
struct SignIn<'a> {
    page: &'a Page,
    name: &'a str,
    why: Option<Refusal>,
}

/// With the query `ended`, for somebody whose session has ended.
async fn form(visit: Visit, RawQuery(query): RawQuery) -> Result<Response> {
    let why = query.filter(|query| query == "ended").map(|_| Refusal::SignIn);
    draw(&SignIn { page: &visit.page, name: "", why })
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: Secret,
}

async fn enter(State(bank): State<Open>, visit: Visit, Sent(form): Sent<Login>) -> Result<Response> {
    match refusable(sign_in_teller(&bank, &form.name, &form.password, &visit.from).await)? {
        Ok(token) => begin_session(&bank, &visit, KIND, &token, go("/")).await,
        Err(why) => again(why, &SignIn { page: &visit.page, name: &form.name, why: Some(why) }),
    }
}

#[derive(Deserialize)]
struct Nothing {}

async fn leave(
    State(bank): State<Open>,
    teller: Teller,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response> {
    desk::sign_out(&bank, &teller).await?;
    Ok(end_session(KIND, go("/sign-in")))
}
