//! A teller logs in and out.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::session::SessionKind,
    desk,
    entry::{Sent, Visit, begin_session, end_session},
    error::Result,
    identity::sign_in_teller,
    page::{Page, draw, go},
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
}

async fn form(visit: Visit) -> Result<Response> {
    draw(&SignIn { page: &visit.page })
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: Secret,
}

async fn enter(State(bank): State<Open>, visit: Visit, Sent(form): Sent<Login>) -> Result<Response> {
    let token = sign_in_teller(&bank, &form.name, &form.password, &visit.from).await?;
    begin_session(&bank, &visit, KIND, &token, go("/")).await
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
