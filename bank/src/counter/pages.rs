//! The teller's pages: the desk, one customer, what waits for a second teller, and the audit.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;

use super::action::{Done, Fields, perform};
use crate::{
    bank::Open,
    books::{
        approval::Approval,
        audit::{self, Row},
        customer::Customer,
    },
    desk::{self, Brought, Overview, Printed},
    entry::{Sent, Visit},
    error::Result,
    page::{Page, draw, go},
    random,
    rights::{AtCounter, Teller},
    site::Routes,
};

pub(super) fn routes() -> Routes {
    Routes::default()
        .get("/", desk)
        .post("/customer", customer)
        .post("/action/{name}", act)
        .get("/approval", approvals)
        .post("/approval/{id}", answer)
        .get("/audit", log)
}

#[derive(Template)]
#[template(path = "counter/desk.html")]
struct DeskPage<'a> {
    page: &'a Page,
    teller: &'a str,
    /// What this form has of its own: see [`crate::desk::Opening`].
    key: String,
}

async fn desk(visit: Visit, teller: Teller) -> Result<Response> {
    draw(&DeskPage { page: &visit.page, teller: teller.name(), key: random::id()? })
}

#[derive(Template)]
#[template(path = "counter/customer.html")]
struct CustomerPage<'a> {
    page: &'a Page,
    customer: &'a Customer,
    /// The account that the customer has shown the card of.
    account: &'a str,
    overview: &'a Overview,
}

#[derive(Deserialize)]
struct Papers {
    account: String,
    document: String,
}

async fn customer(
    State(bank): State<Open>,
    visit: Visit,
    teller: Teller,
    Sent(form): Sent<Papers>,
) -> Result<Response> {
    let document = form.document.trim().to_uppercase();
    let at = {
        let mut db = bank.database.connection().await?;
        AtCounter::check(&mut db, &teller, form.account.trim(), &document).await?
    };
    let overview = desk::overview(&bank, &teller, &at).await?;
    let (page, customer, account) = (&visit.page, at.customer(), at.account());
    draw(&CustomerPage { page, customer, account, overview: &overview })
}

/// What an action has brought forth.
#[derive(Template)]
#[template(path = "counter/done.html")]
struct DonePage<'a> {
    page: &'a Page,
    done: &'a Done,
    /// Whose page the button leads back to; empty where no customer stood at the counter.
    account: &'a str,
    document: &'a str,
}

/// The card, to be printed: it is on this page and on no other.
#[derive(Template)]
#[template(path = "counter/card.html")]
struct CardPage<'a> {
    page: &'a Page,
    card: &'a Printed,
}

fn show(page: &Page, done: &Done, account: &str, document: &str) -> Result<Response> {
    match done {
        Done::Card(card) => draw(&CardPage { page, card }),
        done => draw(&DonePage { page, done, account, document }),
    }
}

async fn act(
    State(bank): State<Open>,
    visit: Visit,
    teller: Teller,
    Path(name): Path<String>,
    Sent(fields): Sent<Fields>,
) -> Result<Response> {
    let papers = (fields.account.clone(), fields.document.clone());
    let done = perform(&bank, &teller, &name, fields).await?;
    match &done {
        Done::Account(number) => show(&visit.page, &done, number, &papers.1),
        done => show(&visit.page, done, &papers.0, &papers.1),
    }
}

#[derive(Template)]
#[template(path = "counter/approval.html")]
struct Approvals<'a> {
    page: &'a Page,
    teller: &'a str,
    waiting: &'a [Approval],
}

impl Approvals<'_> {
    fn detail(&self, row: &Approval) -> String {
        desk::detail(row, |key| self.page.t(key))
    }
}

async fn approvals(State(bank): State<Open>, visit: Visit, teller: Teller) -> Result<Response> {
    let waiting = desk::waiting(&bank, &teller).await?;
    draw(&Approvals { page: &visit.page, teller: teller.name(), waiting: &waiting })
}

#[derive(Deserialize)]
struct Word {
    /// `yes` or `no`.
    approve: String,
}

async fn answer(
    State(bank): State<Open>,
    visit: Visit,
    teller: Teller,
    Path(id): Path<String>,
    Sent(form): Sent<Word>,
) -> Result<Response> {
    match desk::answer(&bank, &teller, &id, form.approve == "yes").await? {
        Some(Brought::Card(card)) => draw(&CardPage { page: &visit.page, card: &card }),
        Some(Brought::Code(code)) => show(&visit.page, &Done::Code(code), "", ""),
        None => Ok(go("/approval")),
    }
}

#[derive(Template)]
#[template(path = "counter/audit.html")]
struct Audit<'a> {
    page: &'a Page,
    rows: &'a [Row],
}

async fn log(State(bank): State<Open>, visit: Visit, _: Teller) -> Result<Response> {
    let rows = audit::last(&mut *bank.database.connection().await?).await?;
    draw(&Audit { page: &visit.page, rows: &rows })
}
