//! Self-registration: the notice, the agreement, the customer's own data, and the end.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    bank::Open,
    entry::{Sent, Visit},
    error::{Refusal, Result, refusable},
    identity::{AGREEMENT, Registration, register},
    page::{Page, again, draw, go},
    secrets::Secret,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/register", notice)
        .get("/register/agreement", agreement)
        .get("/register/data", refused)
        .post("/register/data", data)
        .post("/register/done", done)
        .get("/registered", registered)
}

#[derive(Template)]
#[template(path = "register_notice.html")]
struct Notice<'a> {
    page: &'a Page,
}

#[derive(Template)]
#[template(path = "register_agreement.html")]
struct Agreement<'a> {
    page: &'a Page,
    version: &'a str,
}

#[derive(Template)]
#[template(path = "register_data.html")]
struct Data<'a> {
    page: &'a Page,
    version: &'a str,
    account: &'a str,
    document: &'a str,
    phone: &'a str,
    why: Option<Refusal>,
}

#[derive(Template)]
#[template(path = "registered.html")]
struct Registered<'a> {
    page: &'a Page,
}

async fn notice(visit: Visit) -> Result<Response> {
    draw(&Notice { page: &visit.page })
}

async fn agreement(visit: Visit) -> Result<Response> {
    draw(&Agreement { page: &visit.page, version: AGREEMENT })
}

/// Nobody comes to the form but by accepting the agreement.
async fn refused() -> Response {
    go("/register/agreement")
}

#[derive(Deserialize)]
struct Accepted {
    agreement: String,
    #[serde(default)]
    accept: String,
}

async fn data(visit: Visit, Sent(form): Sent<Accepted>) -> Result<Response> {
    if form.accept != "yes" || form.agreement != AGREEMENT {
        return Ok(go("/register/agreement"));
    }
    let page = &visit.page;
    draw(&Data { page, version: AGREEMENT, account: "", document: "", phone: "", why: None })
}

#[derive(Deserialize)]
struct Form {
    account: String,
    document: String,
    phone: String,
    password: Secret,
    again: Secret,
    agreement: String,
}

async fn done(State(bank): State<Open>, visit: Visit, Sent(form): Sent<Form>) -> Result<Response> {
    let Form { account, document, phone, password, again: repeated, agreement } = form;
    let is_same = password == repeated;
    let new = Registration { account, document, phone, password, agreement };
    let registered = if is_same {
        refusable(register(&bank, &new, &visit.from).await)?
    } else {
        Err(Refusal::PasswordsDiffer)
    };
    match registered {
        Ok(()) => Ok(go("/registered")),
        // There is a new text to be read first.
        Err(why @ Refusal::AgreementChanged) => Err(why.into()),
        Err(why) => {
            let Registration { account, document, phone, .. } = &new;
            let page = &visit.page;
            again(why, &Data { page, version: AGREEMENT, account, document, phone, why: Some(why) })
        }
    }
}

async fn registered(visit: Visit) -> Result<Response> {
    draw(&Registered { page: &visit.page })
}
