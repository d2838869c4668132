//! The passwords that a customer chooses: for the log-in, and for payments.

use askama::Template;
use axum::{extract::State, response::Response};
use serde::Deserialize;

use crate::{
    bank::Open,
    books::{account, session::SessionKind},
    entry::{Sent, Visit, begin_session},
    error::{Refusal, Result, refusable},
    identity::{choose_password, choose_payment_password, sign_in},
    page::{Page, again, draw, go},
    rights::{Settled, SignedIn},
    secrets::Secret,
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/password", form)
        .post("/password", choose)
        .get("/payment-password", payment_form)
        .post("/payment-password", choose_payment)
}

#[derive(Template)]
#[template(path = "password.html")]
struct Password<'a> {
    page: &'a Page,
    why: Option<Refusal>,
}

#[derive(Template)]
#[template(path = "payment_password.html")]
struct PaymentPassword<'a> {
    page: &'a Page,
    why: Option<Refusal>,
}

/// A customer whose password is the bank's is told why this page comes first.
async fn form(visit: Visit, who: SignedIn) -> Result<Response> {
    draw(&Password { page: &visit.page, why: who.settle().err() })
}

#[derive(Deserialize)]
struct Chosen {
    former: Secret,
    password: Secret,
    again: Secret,
}

/// All sessions end, and a new one begins here: whoever had the former password is out.
async fn choose(
    State(bank): State<Open>,
    visit: Visit,
    who: SignedIn,
    Sent(form): Sent<Chosen>,
) -> Result<Response> {
    let chosen = if form.password == form.again {
        refusable(choose_password(&bank, &who, &form.former, &form.password, &visit.from).await)?
    } else {
        Err(Refusal::PasswordsDiffer)
    };
    if let Err(why) = chosen {
        return again(why, &Password { page: &visit.page, why: Some(why) });
    }
    let accounts = account::of_customer(&mut *bank.database.connection().await?, &who.customer().id).await?;
    let Some(account) = accounts.first() else { return Ok(go("/sign-in")) };
    let token = sign_in(&bank, &account.number, &form.password, &visit.from).await?;
    begin_session(&bank, &visit, SessionKind::Customer, &token, go("/account")).await
}

async fn payment_form(visit: Visit, _: Settled) -> Result<Response> {
    draw(&PaymentPassword { page: &visit.page, why: None })
}

#[derive(Deserialize)]
struct ChosenPayment {
    login: Secret,
    password: Secret,
    again: Secret,
}

async fn choose_payment(
    State(bank): State<Open>,
    visit: Visit,
    who: Settled,
    Sent(form): Sent<ChosenPayment>,
) -> Result<Response> {
    let chosen = if form.password == form.again {
        refusable(choose_payment_password(&bank, &who, &form.login, &form.password, &visit.from).await)?
    } else {
        Err(Refusal::PasswordsDiffer)
    };
    match chosen {
        Ok(()) => Ok(go("/method")),
        Err(why) => again(why, &PaymentPassword { page: &visit.page, why: Some(why) }),
    }
}
