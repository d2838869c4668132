//! Log-in, and the customer's sessions.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::session::{self, Session, SessionKind},
    entry::{Sent, Visit, begin_session, end_session},
    error::{Refusal, Result, refusable},
    identity::{self, end_one, sign_in, sign_out},
    page::{Page, again, draw, go},
    random,
    rights::{Settled, SignedIn},
    secrets::Secret,
    site::Routes,
};

const KIND: SessionKind = SessionKind::Customer;

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/sign-in", form)
        .post("/sign-in", enter)
        .post("/sign-out", leave)
        .get("/session", list)
        .post("/session/end", end)
        .post("/session/end-all", end_all)
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    page: &'a Page,
    account: &'a str,
    /// The merchant's order that the customer wants to pay, or nothing.
    checkout: &'a str,
    /// After so many minutes without a click a session ends.
    idle: i64,
    why: Option<Refusal>,
}

#[derive(Template)]
#[template(path = "session.html")]
struct Sessions<'a> {
    page: &'a Page,
    /// The session of this very page.
    own: &'a str,
    sessions: &'a [Session],
}

/// With the query `ended`, for somebody whose session has ended; and with `checkout=ID`, for somebody who wants to pay a merchant.
async fn form(State(bank): State<Open>, visit: Visit, RawQuery(query): RawQuery) -> Result<Response> {
    let query = query.unwrap_or_default();
    let why = query.split('&').any(|part| part == "ended").then_some(Refusal::SignIn);
    let checkout = query.split('&').find_map(|part| part.strip_prefix("checkout=")).unwrap_or_default();
    let (page, idle, checkout) = (&visit.page, bank.settings.idle_minutes, checked(checkout));
    draw(&SignIn { page, account: "", checkout, idle, why })
}

#[derive(Deserialize)]
struct Login {
    account: String,
    password: Secret,
    #[serde(default)]
    checkout: String,
}

/// The number of an order, or nothing: no other place of the site, and no other site.
fn checked(id: &str) -> &str {
    if random::is_id(id) { id } else { "" }
}

async fn enter(State(bank): State<Open>, visit: Visit, Sent(form): Sent<Login>) -> Result<Response> {
    match refusable(sign_in(&bank, &form.account, &form.password, &visit.from).await)? {
        Ok(token) => {
            let to = match checked(&form.checkout) {
                "" => "/account".to_owned(),
                id => format!("/checkout/{id}"),
            };
            begin_session(&bank, &visit, KIND, &token, go(&to)).await
        }
        Err(why) => {
            let (page, account, idle) = (&visit.page, form.account.as_str(), bank.settings.idle_minutes);
            let checkout = checked(&form.checkout);
            again(why, &SignIn { page, account, checkout, idle, why: Some(why) })
        }
    }
}

#[derive(Deserialize)]
struct Nothing {}

async fn leave(State(bank): State<Open>, who: SignedIn, Sent(Nothing {}): Sent<Nothing>) -> Result<Response> {
    sign_out(&bank, &who).await?;
    Ok(end_session(KIND, go("/")))
}

async fn list(State(bank): State<Open>, visit: Visit, who: Settled) -> Result<Response> {
    let (mut db, now) = (bank.database.connection().await?, bank.clock.now());
    let id = &who.customer().id;
    let sessions = session::of_subject(&mut db, KIND, id, now, bank.settings.idle()).await?;
    draw(&Sessions { page: &visit.page, own: &who.session().id, sessions: &sessions })
}

#[derive(Deserialize)]
struct Which {
    id: String,
}

async fn end(State(bank): State<Open>, who: Settled, Sent(form): Sent<Which>) -> Result<Response> {
    end_one(&bank, &who, &form.id).await?;
    Ok(go("/session"))
}

async fn end_all(
    State(bank): State<Open>,
    who: Settled,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response> {
    identity::end_all(&bank, &who).await?;
    Ok(end_session(KIND, go("/sign-in")))
}
